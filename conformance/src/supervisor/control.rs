//! The puppets of one started command, seen from the suite.

use std::collections::VecDeque;
use std::io::{self, Write};
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::os::unix::net::{UnixListener, UnixStream};

use rustix::process::{Signal, pidfd_send_signal};

use super::handing::{Handed, Made, take};
use super::process::watched;

/// Every puppet that has come, and what it has made.
pub(super) struct Control {
    listener: UnixListener,
    puppets: Vec<One>,
    made: VecDeque<(usize, Made, Option<OwnedFd>)>,
}

struct One {
    control: UnixStream,
    /// Known from its first line on.
    pidfd: Option<OwnedFd>,
    gone: bool,
}

/// A puppet of a started command.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Puppet(usize);

impl Control {
    pub(super) fn new(listener: UnixListener) -> Control {
        Control { listener, puppets: Vec::new(), made: VecDeque::new() }
    }

    pub(super) fn descriptors(&self) -> impl Iterator<Item = BorrowedFd<'_>> {
        let living = self.puppets.iter().filter(|puppet| !puppet.gone);
        std::iter::once(self.listener.as_fd()).chain(living.map(|puppet| puppet.control.as_fd()))
    }

    pub(super) fn read(&mut self) -> io::Result<()> {
        while let Some(control) = accepted(&self.listener)? {
            self.puppets.push(One { control, pidfd: None, gone: false });
        }
        for (index, puppet) in self.puppets.iter_mut().enumerate().filter(|(_, puppet)| !puppet.gone) {
            match take(&puppet.control)? {
                Handed::Connection(made, connection) => {
                    // It may have ended since.
                    puppet.pidfd = watched(made.pid).ok();
                    self.made.push_back((index, made, connection));
                }
                Handed::Nothing => {}
                Handed::End => puppet.gone = true,
            }
        }
        Ok(())
    }

    /// The next connection that a puppet has made.
    pub(super) fn next(&mut self) -> Option<(Puppet, Made, Option<OwnedFd>)> {
        let (index, made, connection) = self.made.pop_front()?;
        Some((Puppet(index), made, connection))
    }

    /// Asks the newest puppet for one more connection, if it lives.
    pub(super) fn ask_for_another(&mut self) {
        if let Some(newest) = self.puppets.last_mut().filter(|puppet| !puppet.gone && puppet.pidfd.is_some())
        {
            // One that has ended meanwhile is noticed when it is read.
            let _ = newest.control.write_all(b"\n");
        }
    }

    /// Whether a puppet lives, with or without its command.
    pub(super) fn any_lives(&self) -> bool {
        self.puppets.iter().any(|puppet| !puppet.gone)
    }

    pub(super) fn is_gone(&self, Puppet(index): Puppet) -> bool {
        self.puppets.get(index).is_none_or(|puppet| puppet.gone)
    }

    pub(super) fn signal(&self, Puppet(index): Puppet, signal: Signal) -> io::Result<()> {
        match self.puppets.get(index).and_then(|puppet| puppet.pidfd.as_ref()) {
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
