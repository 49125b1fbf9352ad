//! Between the supervisor and a driver: a supervisor gives its server `/dev/null` as standard
//! input, but a driver reads its commands there.

use std::io;
use std::os::fd::OwnedFd;
use std::os::unix::net::UnixStream;
use std::os::unix::process::CommandExt;
use std::path::Path;
use std::process::Command;

/// Becomes the driver, with a connection to `control` as its standard input and output.
///
/// # Errors
/// Nothing listens there, or the driver cannot be started. Otherwise it does not return.
pub fn relay(control: &Path, driver: &[String]) -> io::Error {
    match connected(control) {
        Ok((input, output)) => {
            let (program, arguments) =
                driver.split_first().map_or(("", &[][..]), |(first, rest)| (first, rest));
            Command::new(program).args(arguments).stdin(input).stdout(output).exec()
        }
        Err(error) => error,
    }
}

fn connected(control: &Path) -> io::Result<(OwnedFd, OwnedFd)> {
    let stream = UnixStream::connect(control)?;
    Ok((stream.try_clone()?.into(), stream.into()))
}
