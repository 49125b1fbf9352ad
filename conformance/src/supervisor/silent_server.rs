//! The silent server: it does not speak the protocol, and does nothing. It ends with who has started it, on every signal that
//! ends a program, but for TERM: so its end shows that it was not TERM that was sent.

use std::io::{self, Read};
use std::path::Path;
use std::process::{Child, Command, Stdio};

use tokio::signal::unix::{SignalKind, signal};

/// Starts one; `program` has the hidden command `silent-server`.
pub(super) fn start(program: &Path) -> io::Result<Child> {
    let mut command = Command::new(program);
    command.arg("silent-server").stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::null());
    let mut server = command.spawn()?;
    // From then on it lives through TERM.
    let mut is_ready = [0];
    server.stdout.as_mut().ok_or(io::ErrorKind::BrokenPipe)?.read_exact(&mut is_ready)?;
    Ok(server)
}

/// Plays it, to its end.
///
/// # Errors
/// TERM cannot be handled.
pub fn silent_server() -> io::Result<()> {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    runtime.block_on(async {
        let _unheard = signal(SignalKind::terminate())?;
        println!();
        tokio::task::spawn_blocking(|| io::stdin().read_to_end(&mut Vec::new())).await??;
        Ok(())
    })
}
