//! The fake server: it does nothing by itself. It connects to the arbiter, so that the kernel takes it for the peer, and
//! hands the connection to the suite, which speaks on it.
//!
//! It ends with 0 when it gets TERM and when the suite is gone. The silent servers that it starts end with it.

use std::io;
use std::path::Path;
use std::time::Duration;

use std::os::fd::OwnedFd;
use std::os::unix::net::UnixStream;

use tokio::io::AsyncReadExt;
use tokio::signal::unix::{SignalKind, signal};
use tokio::time::interval;

use super::handover::{Connected, News, send};
use super::silent_server;

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

/// What the suite can ask for, as the byte that it sends.
pub(super) const ANOTHER_CONNECTION: u8 = b'c';
pub(super) const SILENT_SERVER: u8 = b's';

/// One connection at once, and what the suite asks for after that.
async fn obey(control: &Path) -> io::Result<()> {
    let mut control = tokio::net::UnixStream::connect(control).await?;
    let mut silent = Vec::new();
    let mut order = [ANOTHER_CONNECTION];
    loop {
        if order == [SILENT_SERVER] {
            let server = silent_server::start(&std::env::current_exe()?)?;
            send(&control, &News::Started { pid: server.id() }, None)?;
            silent.push(server);
        } else {
            report_connection(&control).await?;
        }
        if control.read(&mut order).await? == 0 {
            return Ok(());
        }
    }
}

async fn report_connection(control: &tokio::net::UnixStream) -> io::Result<()> {
    let made = Connected {
        pid: std::process::id(),
        generation: std::env::var("SERVERSWAP_GENERATION").ok(),
        socket: std::env::var("SERVERSWAP_SOCKET").ok(),
    };
    let connection = match &made.socket {
        Some(path) => Some(connect(Path::new(path)).await),
        None => None,
    };
    send(control, &News::Connected(made), connection.as_ref())
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
