//! The second socket of an arbiter of root: for servers that have become another user, which cannot enter the
//! directory any more.
//!
//! It has a name without a file (unix(7), abstract), so everybody can connect: who is admitted says
//! [`admission`](super::admission). Somebody else may have taken the name, too: the client believes no peer but
//! root, and this tries again until it has it. The arbiter before this one may still be closing it.

use std::io;
use std::os::linux::net::SocketAddrExt;
use std::os::unix::net::{SocketAddr, UnixListener};
use std::time::Duration;

use tokio::sync::mpsc;
use tokio::time::sleep;

use super::arbiter::ArbiterInput;
use super::control_socket::accept;
use super::task::Task;

/// How long after a name that was taken it is tried again.
const PAUSE: Duration = Duration::from_millis(100);

/// It is accepted from for as long as this lives.
pub(super) struct AbstractSocket {
    _accepting: Task,
}

impl AbstractSocket {
    pub(super) fn bind(name: String, inbox: mpsc::Sender<ArbiterInput>) -> Self {
        AbstractSocket { _accepting: Task::spawn(serve(name, inbox)) }
    }
}

async fn serve(name: String, inbox: mpsc::Sender<ArbiterInput>) {
    loop {
        match listen(&name) {
            Ok(listener) => return accept(listener, inbox).await,
            Err(_) => sleep(PAUSE).await,
        }
    }
}

fn listen(name: &str) -> io::Result<tokio::net::UnixListener> {
    let listener = UnixListener::bind_addr(&SocketAddr::from_abstract_name(name)?)?;
    listener.set_nonblocking(true)?;
    tokio::net::UnixListener::from_std(listener)
}
