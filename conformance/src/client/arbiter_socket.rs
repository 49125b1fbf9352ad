//! The scripted arbiter's socket: bound under a temporary name and renamed, as an arbiter does.

use std::fs;
use std::io;
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::os::unix::net::UnixListener;
use std::path::{Path, PathBuf};

/// The socket of the runtime directory.
#[derive(Debug)]
pub(super) struct ArbiterSocket {
    path: PathBuf,
    listener: Option<UnixListener>,
}

impl ArbiterSocket {
    /// The path; nobody listens yet.
    pub fn new(directory: &Path) -> ArbiterSocket {
        ArbiterSocket { path: directory.join("serverswap.sock"), listener: None }
    }

    pub fn path(&self) -> &Path {
        &self.path
    }

    pub fn listen(&mut self) -> io::Result<()> {
        let temporary = self.path.with_extension("new");
        let listener = UnixListener::bind(&temporary)?;
        listener.set_nonblocking(true)?;
        fs::rename(&temporary, &self.path)?;
        self.listener = Some(listener);
        Ok(())
    }

    /// Nobody listens any more. The path stays behind if it is left, as by a process that was killed.
    pub fn unlisten(&mut self, leave: bool) -> io::Result<()> {
        self.listener = None;
        if leave { Ok(()) } else { fs::remove_file(&self.path) }
    }

    pub fn descriptor(&self) -> Option<BorrowedFd<'_>> {
        self.listener.as_ref().map(AsFd::as_fd)
    }

    /// The next connection, if there is one.
    pub fn accept(&self) -> io::Result<Option<OwnedFd>> {
        let Some(listener) = &self.listener else { return Ok(None) };
        match listener.accept() {
            Ok((stream, _)) => Ok(Some(stream.into())),
            Err(error) if error.kind() == io::ErrorKind::WouldBlock => Ok(None),
            Err(error) => Err(error),
        }
    }
}
