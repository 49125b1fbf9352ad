//! Replaces Node with another program, so that the commands of the package are native even where npm
//! starts them with Node.

use std::convert::Infallible;
use std::ffi::{CString, NulError};
use std::io::{stderr, stdin, stdout};
use std::os::fd::AsFd;

use napi_derive::napi;
use nix::fcntl::{FcntlArg, FdFlag, fcntl};
use nix::unistd::execv;

use crate::error::{Error, not_started};

/// Replaces the program of this process; `arguments` are the name of the new one and its arguments.
/// Standard input, output and error stay open, nothing else of Node does. Returns only if it fails.
///
/// # Errors
/// `not_started`: there is no such program, it cannot be run, or an argument has a NUL in it.
#[napi(catch_unwind)]
pub fn become_command(file: String, arguments: Vec<String>) -> Result<(), Error> {
    match replaced(file, arguments) {
        Ok(never) => match never {},
        Err(error) => Err(not_started(error.as_ref())),
    }
}

fn replaced(file: String, arguments: Vec<String>) -> Result<Infallible, Box<dyn std::error::Error>> {
    for standard in [stdin().as_fd(), stdout().as_fd(), stderr().as_fd()] {
        // Node has set FD_CLOEXEC on these. One that is closed has no flag to clear.
        let _ = fcntl(standard, FcntlArg::F_SETFD(FdFlag::empty()));
    }
    let arguments = arguments.into_iter().map(CString::new).collect::<Result<Vec<_>, NulError>>()?;
    Ok(execv(&CString::new(file)?, &arguments)?)
}
