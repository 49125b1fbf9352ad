//! The fake servers of one started command, seen from the suite.

use std::collections::VecDeque;
use std::io::{self, Write};
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::os::unix::net::{UnixListener, UnixStream};

use rustix::process::{Signal, pidfd_send_signal};

use super::command::watched;
use super::fake_server::{ANOTHER_CONNECTION, SILENT_SERVER};
use super::handover::{Connected, Handover, News, receive};

/// Every fake server that has come, and the connections that it has made.
pub(super) struct FakeServers {
    listener: UnixListener,
    servers: Vec<Process>,
    made: VecDeque<(usize, Connected, Option<OwnedFd>)>,
    /// The silent servers that were started and not asked about yet.
    started: VecDeque<u32>,
}

struct Process {
    control: UnixStream,
    /// Known from its first line on.
    pidfd: Option<OwnedFd>,
    gone: bool,
}

/// A fake server of a started command.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct FakeServerId(usize);

impl FakeServers {
    pub(super) fn new(listener: UnixListener) -> FakeServers {
        FakeServers { listener, servers: Vec::new(), made: VecDeque::new(), started: VecDeque::new() }
    }

    pub(super) fn descriptors(&self) -> impl Iterator<Item = BorrowedFd<'_>> {
        let living = self.servers.iter().filter(|server| !server.gone);
        std::iter::once(self.listener.as_fd()).chain(living.map(|server| server.control.as_fd()))
    }

    pub(super) fn read(&mut self) -> io::Result<()> {
        while let Some(control) = accepted(&self.listener)? {
            self.servers.push(Process { control, pidfd: None, gone: false });
        }
        for (index, server) in self.servers.iter_mut().enumerate().filter(|(_, server)| !server.gone) {
            match receive(&server.control)? {
                Handover::News(News::Started { pid }, _) => self.started.push_back(pid),
                Handover::News(News::Connected(made), connection) => {
                    // It may have ended since.
                    server.pidfd = watched(made.pid).ok();
                    self.made.push_back((index, made, connection));
                }
                Handover::Nothing => {}
                Handover::End => server.gone = true,
            }
        }
        Ok(())
    }

    /// The next connection that a server has made.
    pub(super) fn next(&mut self) -> Option<(FakeServerId, Connected, Option<OwnedFd>)> {
        let (index, made, connection) = self.made.pop_front()?;
        Some((FakeServerId(index), made, connection))
    }

    /// Asks the newest server for one more connection, if it lives.
    pub(super) fn ask_for_another(&mut self) {
        if let Some(newest) = self.servers.last_mut().filter(|server| !server.gone && server.pidfd.is_some())
        {
            // One that has ended meanwhile is noticed when it is read.
            let _ = newest.control.write_all(&[ANOTHER_CONNECTION]);
        }
    }

    /// Asks a server to start a silent one; [`Self::next_started`] has it.
    pub(super) fn ask_for_silent_server(&mut self, FakeServerId(index): FakeServerId) -> io::Result<()> {
        let server = self.servers.get_mut(index).ok_or(io::ErrorKind::NotFound)?;
        server.control.write_all(&[SILENT_SERVER])
    }

    /// The process of the next silent server that was started.
    pub(super) fn next_started(&mut self) -> Option<u32> {
        self.started.pop_front()
    }

    /// Whether one lives, with or without its command.
    pub(super) fn any_lives(&self) -> bool {
        self.servers.iter().any(|server| !server.gone)
    }

    pub(super) fn is_gone(&self, FakeServerId(index): FakeServerId) -> bool {
        self.servers.get(index).is_none_or(|server| server.gone)
    }

    pub(super) fn signal(&self, FakeServerId(index): FakeServerId, signal: Signal) -> io::Result<()> {
        match self.servers.get(index).and_then(|server| server.pidfd.as_ref()) {
            Some(pidfd) => Ok(pidfd_send_signal(pidfd, signal)?),
            None => Err(io::ErrorKind::NotFound.into()),
        }
    }
}

fn accepted(listener: &UnixListener) -> io::Result<Option<UnixStream>> {
    match listener.accept() {
        Ok((control, _)) => Ok(Some(control)),
        Err(error) if error.kind() == io::ErrorKind::WouldBlock => Ok(None),
        Err(error) => Err(error),
    }
}
