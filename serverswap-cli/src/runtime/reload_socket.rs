//! The socket at which a resident is asked for its next generation: `reload-GENERATION.sock` in the runtime directory.
//!
//! A client writes [`REQUEST`] and reads one line, a [`DeployResult`](crate::ui::DeployResult). The arbiter has nothing to
//! do with it, so that every resident can be asked, whichever process the arbiter is.

use std::path::{Path, PathBuf};
use std::time::Duration;
use std::{fs, io};

use nix::unistd::geteuid;
use serverswap::protocol::Generation;
use serverswap::sys::channel::connect;
use serverswap::sys::process::{Process, is_gone, is_supervisor_of};
use tokio::net::{UnixListener, UnixStream};
use tokio::sync::mpsc;
use tokio::task::spawn_local;
use tokio::time::{sleep, timeout};

use super::task::Task;
use crate::state::Directory;

/// What a client writes.
pub(crate) const REQUEST: &[u8] = b"reload\n";

/// How long it may take to write that.
const REQUEST_WAIT_MAX: Duration = Duration::from_secs(5);

/// How long after a connection that could not be accepted, for want of a descriptor, accepting is tried again.
const ACCEPT_PAUSE: Duration = Duration::from_millis(200);

/// It is accepted from for as long as this lives; its path is removed with it.
#[derive(Debug)]
pub(super) struct ReloadSocket {
    path: PathBuf,
    _accepting: Task,
}

impl ReloadSocket {
    /// That of this process, which has started this generation; `asked` is sent every client.
    ///
    /// # Errors
    /// As of bind(2).
    pub(super) fn bind(
        directory: &Directory,
        generation: Generation,
        asked: mpsc::UnboundedSender<UnixStream>,
    ) -> io::Result<Self> {
        let path = directory.reload_socket(generation);
        let listener = UnixListener::bind(&path)?;
        Ok(ReloadSocket { path, _accepting: Task::spawn(accept(listener, asked)) })
    }
}

impl Drop for ReloadSocket {
    fn drop(&mut self) {
        // The directory may have been deleted.
        let _ = fs::remove_file(&self.path);
    }
}

async fn accept(listener: UnixListener, asked: mpsc::UnboundedSender<UnixStream>) {
    loop {
        match listener.accept().await {
            Ok((client, _)) if is_allowed(&client) => drop(spawn_local(read(client, asked.clone()))),
            Ok(_) => {}
            Err(_) => sleep(ACCEPT_PAUSE).await,
        }
    }
}

/// The same user, or root.
fn is_allowed(client: &UnixStream) -> bool {
    client.peer_cred().is_ok_and(|peer| peer.uid() == 0 || peer.uid() == geteuid().as_raw())
}

async fn read(client: UnixStream, asked: mpsc::UnboundedSender<UnixStream>) {
    let request = timeout(REQUEST_WAIT_MAX, async {
        let (mut request, mut length) = ([0; REQUEST.len()], 0);
        while length < request.len() {
            client.readable().await.ok()?;
            match client.try_read(&mut request[length..]) {
                Ok(0) => return None,
                Ok(read) => length += read,
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => {}
                Err(_) => return None,
            }
        }
        (request == REQUEST).then_some(())
    });
    if let Ok(Some(())) = request.await {
        // A resident that ends closes the connection.
        let _ = asked.send(client);
    }
}

/// After the end of a process, which had started these generations if they are known: one that was killed has left its socket
/// behind.
pub(super) fn remove_left_by(pid: u32, generations: &[Generation], directory: &Directory) {
    for (generation, path) in Directory::reload_sockets(directory.path()) {
        if generation.pid == pid || generations.contains(&generation) {
            remove_if_abandoned(&path);
        }
    }
}

/// The same of every process that was killed while there was no arbiter. One that is seen to live is not asked, for to ask is to
/// connect, which takes a descriptor of it; one of another pid namespace answers. To be called when the processes of the
/// state are watched: one that is just ending is seen to.
pub(super) fn remove_left_by_the_dead(directory: &Directory) {
    for (generation, path) in Directory::reload_sockets(directory.path()) {
        let held = Process::hold(generation.pid).ok().flatten();
        let lives = held.is_some_and(|(process, pidfd)| {
            is_supervisor_of(process, generation) && !is_gone(&pidfd).unwrap_or(false)
        });
        if !lives {
            remove_if_abandoned(&path);
        }
    }
}

/// Removes a socket that nobody accepts from any more. Nobody waits for one whose backlog is full.
pub(crate) fn remove_if_abandoned(path: &Path) {
    let is_there = fs::symlink_metadata(path).is_ok();
    if is_there && connect(path).is_err_and(|error| error.kind() == io::ErrorKind::ConnectionRefused) {
        // It may be another user's, and somebody else may have been faster.
        let _ = fs::remove_file(path);
    }
}
