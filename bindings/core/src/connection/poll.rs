//! One epoll descriptor for everything that a connection waits for, with a timer in it.
//!
//! Rules: what is watched is removed before it is closed, because epoll goes on reporting a
//! socket that another process still has. Level-triggered, so nothing is missed.

use std::io;
use std::os::fd::{AsFd, BorrowedFd};
use std::time::Duration;

use nix::sys::epoll::{Epoll, EpollCreateFlags, EpollEvent, EpollFlags};
use nix::sys::time::TimeSpec;
use nix::sys::timerfd::{ClockId, Expiration, TimerFd, TimerFlags, TimerSetTimeFlags};

/// The descriptors that a connection waits for.
#[derive(Debug)]
pub(super) struct Poll {
    epoll: Epoll,
    timer: TimerFd,
    /// When the timer is set to go off; `None` when it is not set.
    armed: Option<Duration>,
}

/// Which readiness of a socket is of interest.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Interest {
    Read,
    ReadAndWrite,
}

impl Poll {
    pub fn new() -> io::Result<Self> {
        let epoll = Epoll::new(EpollCreateFlags::EPOLL_CLOEXEC)?;
        let flags = TimerFlags::TFD_CLOEXEC | TimerFlags::TFD_NONBLOCK;
        let timer = TimerFd::new(ClockId::CLOCK_MONOTONIC, flags)?;
        epoll.add(&timer, EpollEvent::new(EpollFlags::EPOLLIN, 0))?;
        Ok(Poll { epoll, timer, armed: None })
    }

    pub fn add(&self, fd: impl AsFd) -> io::Result<()> {
        Ok(self.epoll.add(fd, EpollEvent::new(EpollFlags::EPOLLIN, 0))?)
    }

    pub fn change(&self, fd: impl AsFd, interest: Interest) -> io::Result<()> {
        let flags = match interest {
            Interest::Read => EpollFlags::EPOLLIN,
            Interest::ReadAndWrite => EpollFlags::EPOLLIN | EpollFlags::EPOLLOUT,
        };
        Ok(self.epoll.modify(fd, &mut EpollEvent::new(flags, 0))?)
    }

    pub fn remove(&self, fd: impl AsFd) -> io::Result<()> {
        Ok(self.epoll.delete(fd)?)
    }

    /// Makes the epoll descriptor readable at `deadline` (of `CLOCK_MONOTONIC`, in the past:
    /// at once), or never.
    pub fn arm(&mut self, deadline: Option<Duration>) -> io::Result<()> {
        if self.armed == deadline {
            return Ok(());
        }
        match deadline {
            Some(at) => {
                // Zero would switch the timer off.
                let at = TimeSpec::from_duration(at.max(Duration::from_nanos(1)));
                self.timer.set(Expiration::OneShot(at), TimerSetTimeFlags::TFD_TIMER_ABSTIME)?;
            }
            None => self.timer.unset()?,
        }
        self.armed = deadline;
        Ok(())
    }

    /// Takes note of a timer that went off.
    pub fn clear(&mut self) -> io::Result<()> {
        self.arm(None)
    }
}

impl AsFd for Poll {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.epoll.0.as_fd()
    }
}
