//! The `NOTIFY_SOCKET` of a server that has a stand-in, and whose messages count.
//!
//! It is in the runtime directory, and for a server of root, which may become another user, in a directory beside it
//! that every user may pass through: the sender of each message is known by the kernel's word.

use std::ffi::OsStr;
use std::fs;
use std::io;
use std::os::unix::fs::{DirBuilderExt, PermissionsExt};
use std::path::{Path, PathBuf};

use nix::unistd::geteuid;
use serverswap::protocol::Generation;
use serverswap::sys::process::{GENERATION_VARIABLE, Process, ancestors, environment, pidfd_open};
use tokio::io::unix::AsyncFd;

use crate::readiness::Notifications;
use crate::sys::async_fd::{async_fd, readable};
use crate::sys::notify_socket::{Datagram, NotifySocket};

/// The socket of one server; it is removed when this is dropped.
pub(super) struct NotifyInbox {
    socket: AsyncFd<NotifySocket>,
    path: PathBuf,
}

/// A message.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Message {
    /// Of a process of the server.
    Own(Notifications),
    /// Of another one.
    Stranger(u32),
}

impl NotifyInbox {
    /// Binds it.
    ///
    /// # Errors
    /// As of bind(2).
    pub(super) fn bind(runtime_directory: &Path, generation: Generation) -> io::Result<NotifyInbox> {
        let name = format!("{generation}.notify");
        let bind = |folder: &Path| {
            let path = folder.join(&name);
            // That of an earlier server of the generation.
            let _ = fs::remove_file(&path);
            NotifySocket::bind(&path).map(|socket| (socket, path))
        };
        let beside = geteuid().is_root().then(|| beside(runtime_directory)).flatten();
        let bound = beside.and_then(|folder| bind(&folder).ok());
        let (socket, path) = bound.map_or_else(|| bind(runtime_directory), Ok)?;
        fs::set_permissions(&path, fs::Permissions::from_mode(0o666))?;
        Ok(NotifyInbox { socket: async_fd(socket)?, path })
    }

    /// Its value for the server.
    pub(super) fn path(&self) -> &OsStr {
        self.path.as_os_str()
    }

    /// Waits for messages. Nothing is lost when it is cancelled.
    pub(super) async fn readable(&self) {
        readable(Some(&self.socket)).await;
    }

    /// The next one; to be asked until there is none. A barrier is passed with it.
    pub(super) fn next(&self, generation: Generation, server: u32) -> Option<Message> {
        let Datagram { sender, message, descriptors } = self.socket.get_ref().receive()?;
        let message = if is_own(sender, generation, server) {
            Message::Own(Notifications::parse(&message))
        } else {
            Message::Stranger(sender)
        };
        drop(descriptors);
        Some(message)
    }
}

impl Drop for NotifyInbox {
    fn drop(&mut self) {
        // Where it is not there any more, nothing is to be done.
        let _ = fs::remove_file(&self.path);
    }
}

/// `/run/serverswap-notify`, for `/run/serverswap`.
fn beside(runtime_directory: &Path) -> Option<PathBuf> {
    let mut name = runtime_directory.as_os_str().to_owned();
    name.push("-notify");
    let folder = PathBuf::from(name);
    // Where it is there already, it is looked at.
    let _ = fs::DirBuilder::new().mode(0o700).create(&folder);
    let found = fs::symlink_metadata(&folder).ok()?;
    let is_passable =
        is_ours(&found) && fs::set_permissions(&folder, fs::Permissions::from_mode(0o711)).is_ok();
    is_passable.then_some(folder)
}

fn is_ours(found: &fs::Metadata) -> bool {
    use std::os::unix::fs::MetadataExt;
    found.is_dir() && found.uid() == 0 && found.mode() & 0o022 == 0
}

/// Whether a process belongs to the server: it is held by a pidfd while it is looked at.
fn is_own(sender: u32, generation: Generation, server: u32) -> bool {
    let Ok(_pidfd) = pidfd_open(sender) else { return false };
    let shows = |pid| environment(pid, GENERATION_VARIABLE).and_then(|value| value.to_str()?.parse().ok());
    let is_of = |pid| {
        (pid == server).then_some(true).or_else(|| shows(pid).map(|found: Generation| found == generation))
    };
    let lineage = || Process::of(sender).into_iter().flat_map(ancestors).map(|one| one.pid);
    std::iter::once(sender).chain(lineage()).find_map(is_of).unwrap_or(false)
}

#[cfg(test)]
mod tests {
    use std::os::unix::net::UnixDatagram;
    use std::process::{Command, Stdio};

    use super::*;

    const GENERATION: Generation = Generation { start: 2_000, pid: 77 };

    fn inbox(folder: &tempfile::TempDir) -> NotifyInbox {
        NotifyInbox::bind(&folder.path().join("run"), GENERATION)
            .or_else(|_| NotifyInbox::bind(folder.path(), GENERATION))
            .expect("bound")
    }

    /// A process that sends a message, for as long as its stdin is open.
    fn sender(inbox: &NotifyInbox, generation: Option<Generation>) -> std::process::Child {
        let script = "import os, socket, sys\n\
                      s = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)\n\
                      s.sendto(b'READY=1', os.environ['TO'])\n\
                      sys.stdin.read()";
        let mut command = Command::new("python3");
        command.args(["-c", script]).env("TO", inbox.path()).stdin(Stdio::piped());
        match generation {
            Some(generation) => command.env(GENERATION_VARIABLE, generation.to_string()),
            None => command.env_remove(GENERATION_VARIABLE),
        };
        command.spawn().expect("there is a python3")
    }

    async fn received(inbox: &NotifyInbox, server: u32) -> Message {
        loop {
            inbox.readable().await;
            if let Some(message) = inbox.next(GENERATION, server) {
                return message;
            }
        }
    }

    async fn sent_by(generation: Option<Generation>, server: impl FnOnce(u32) -> u32) -> (Message, u32) {
        let folder = tempfile::tempdir().expect("a temporary folder");
        let inbox = inbox(&folder);
        let mut child = sender(&inbox, generation);
        let message = received(&inbox, server(child.id())).await;
        drop(child.stdin.take());
        child.wait().expect("it ends");
        (message, child.id())
    }

    fn ready() -> Message {
        Message::Own(Notifications::parse(b"READY=1"))
    }

    #[tokio::test]
    async fn a_message_counts_if_it_is_of_a_process_of_the_generation() {
        assert_eq!(sent_by(Some(GENERATION), |_| 1).await.0, ready());
    }

    #[tokio::test]
    async fn so_does_one_of_the_server_itself_and_of_what_descends_from_it() {
        assert_eq!(sent_by(None, |sender| sender).await.0, ready());
        assert_eq!(sent_by(None, |_| std::process::id()).await.0, ready());
    }

    #[tokio::test]
    async fn one_of_anybody_else_does_not() {
        let (message, sender) = sent_by(None, |_| u32::MAX).await;
        assert_eq!(message, Message::Stranger(sender));
        let other = Generation { start: 1, ..GENERATION };
        let (message, sender) = sent_by(Some(other), |_| std::process::id()).await;
        assert_eq!(message, Message::Stranger(sender), "a nested server speaks for itself");
    }

    #[tokio::test]
    async fn the_socket_is_removed_with_its_inbox() {
        let folder = tempfile::tempdir().expect("a temporary folder");
        let inbox = inbox(&folder);
        let path = PathBuf::from(inbox.path());
        assert!(path.exists());
        drop(inbox);
        assert!(!path.exists());
        assert!(UnixDatagram::unbound().and_then(|socket| socket.connect(&path)).is_err());
    }
}
