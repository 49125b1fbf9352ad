//! The silent servers of a case, seen from the suite.

use std::io;
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::path::Path;
use std::process::Child;

use rustix::event::{PollFd, PollFlags, Timespec, poll};
use rustix::process::{Signal, pidfd_send_signal};

use super::command::watched;
use super::silent_server;

/// One of them.
pub(super) struct SilentServer {
    pidfd: OwnedFd,
    pub(super) is_gone: bool,
    child: Option<Child>,
}

impl SilentServer {
    /// Of a fake server.
    pub(super) fn of_fake_server(pid: u32) -> io::Result<SilentServer> {
        Ok(SilentServer { pidfd: watched(pid)?, is_gone: false, child: None })
    }

    /// Of the suite, and so of no generation; with its process id.
    pub(super) fn start(program: &Path) -> io::Result<(u32, SilentServer)> {
        let child = silent_server::start(program)?;
        let pid = child.id();
        Ok((pid, SilentServer { pidfd: watched(pid)?, is_gone: false, child: Some(child) }))
    }

    /// What wakes the suite: its end.
    pub(super) fn descriptor(&self) -> Option<BorrowedFd<'_>> {
        (!self.is_gone).then(|| self.pidfd.as_fd())
    }

    /// Takes in whether it has ended.
    pub(super) fn read(&mut self) -> io::Result<()> {
        let at_once = Timespec { tv_sec: 0, tv_nsec: 0 };
        let ended = poll(&mut [PollFd::new(&self.pidfd, PollFlags::IN)], Some(&at_once))?;
        self.is_gone |= ended > 0;
        Ok(())
    }

    pub(super) fn signal(&self, signal: Signal) -> io::Result<()> {
        Ok(pidfd_send_signal(&self.pidfd, signal)?)
    }
}

impl Drop for SilentServer {
    fn drop(&mut self) {
        if let Some(child) = &mut self.child {
            // It may have ended already.
            let _ = child.kill();
            let _ = child.wait();
        }
    }
}
