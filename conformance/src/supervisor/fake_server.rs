//! The fake server: it does nothing by itself. It connects to the arbiter, so that the kernel takes it for the peer, and
//! hands the connection to the suite, which speaks on it.
//!
//! It ends with 0 when it gets TERM and when the suite is gone.

use std::io;
use std::path::Path;
use std::time::Duration;

use std::os::fd::OwnedFd;
use std::os::unix::net::UnixStream;

use tokio::io::AsyncReadExt;
use tokio::signal::unix::{SignalKind, signal};
use tokio::time::interval;

use super::handover::{Connected, send};

/// How often the arbiter is looked for while there is none.
const PACE: Duration = Duration::from_millis(10);

/// Plays the fake server of the suite that listens at `control`, to its end.
///
/// # Errors
/// The suite cannot be reached.
pub fn fake_server(control: &Path) -> io::Result<()> {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    runtime.block_on(async {
        let mut asked_to_end = signal(SignalKind::terminate())?;
        tokio::select! {
            ended = obey(control) => ended,
            _ = asked_to_end.recv() => Ok(()),
        }
    })
}

/// One connection at once, and one more for every byte that the suite sends.
async fn obey(control: &Path) -> io::Result<()> {
    let mut control = tokio::net::UnixStream::connect(control).await?;
    let mut order = [0];
    loop {
        let made = Connected {
            pid: std::process::id(),
            generation: std::env::var("SERVERSWAP_GENERATION").ok(),
            socket: std::env::var("SERVERSWAP_SOCKET").ok(),
        };
        let connection = match &made.socket {
            Some(path) => Some(connect(Path::new(path)).await),
            None => None,
        };
        send(&control, &made, connection.as_ref())?;
        drop(connection);
        if control.read(&mut order).await? == 0 {
            return Ok(());
        }
    }
}

/// A connection to the arbiter, as soon as there is one.
async fn connect(path: &Path) -> OwnedFd {
    let mut pace = interval(PACE);
    loop {
        pace.tick().await;
        if let Ok(stream) = UnixStream::connect(path) {
            return stream.into();
        }
    }
}
