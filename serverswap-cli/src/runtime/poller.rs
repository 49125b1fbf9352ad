//! One epoll instance for everything that the arbiter waits for (epoll(7)), level-triggered.

use std::cell::RefCell;
use std::collections::BTreeMap;
use std::io;
use std::os::fd::{AsFd, AsRawFd, RawFd};

use nix::errno::Errno;
use nix::sys::epoll::{Epoll, EpollCreateFlags, EpollEvent, EpollFlags, EpollTimeout};
use serverswap::sys::process::Process;

use crate::arbiter::Link;

/// Most descriptors that one turn looks at.
const READY_MAX: usize = 256;

/// What is ready.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Token {
    /// Somebody connects.
    Door,
    /// A client can be read from or written to.
    Client(Link),
    /// A process has ended.
    Process(Process),
    /// Something in the runtime directory was deleted, or the directory itself.
    Directory,
}

/// What a client is watched for. That it is gone is always told (EPOLLHUP).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Interest {
    Read,
    ReadAndWrite,
    /// Nothing more is read from it, and what it still says must not wake anybody.
    Write,
}

/// The epoll instance and what its numbers stand for.
pub(crate) struct Poller {
    epoll: Epoll,
    tokens: RefCell<Tokens>,
}

#[derive(Default)]
struct Tokens {
    next: u64,
    by_number: BTreeMap<u64, Token>,
    numbers: BTreeMap<Token, u64>,
}

impl Poller {
    pub(super) fn new() -> io::Result<Self> {
        let epoll = Epoll::new(EpollCreateFlags::EPOLL_CLOEXEC)?;
        Ok(Poller { epoll, tokens: RefCell::default() })
    }

    pub(super) fn add(&self, fd: impl AsFd, token: Token) -> io::Result<()> {
        let number = self.tokens.borrow_mut().add(token);
        self.epoll.add(fd, EpollEvent::new(EpollFlags::EPOLLIN, number)).map_err(|errno| {
            self.tokens.borrow_mut().remove(token);
            errno.into()
        })
    }

    pub(super) fn change(&self, fd: impl AsFd, token: Token, interest: Interest) {
        let flags = match interest {
            Interest::Read => EpollFlags::EPOLLIN,
            Interest::ReadAndWrite => EpollFlags::EPOLLIN | EpollFlags::EPOLLOUT,
            Interest::Write => EpollFlags::EPOLLOUT,
        };
        let number = self.tokens.borrow().numbers.get(&token).copied();
        if let Some(number) = number {
            // It fails only for a descriptor that is not in the set: then nothing is to be changed.
            let _ = self.epoll.modify(fd, &mut EpollEvent::new(flags, number));
        }
    }

    /// Takes a descriptor out of the set: before it is closed, since the set would keep
    /// telling of it while another process has it.
    pub(super) fn remove(&self, fd: impl AsFd, token: Token) {
        self.tokens.borrow_mut().remove(token);
        // It fails only for a descriptor that is not in the set.
        let _ = self.epoll.delete(fd);
    }

    /// Everything that is ready now, without waiting.
    pub(super) fn ready(&self) -> Vec<Token> {
        let mut events = [EpollEvent::empty(); READY_MAX];
        let count = loop {
            match self.epoll.wait(&mut events, EpollTimeout::ZERO) {
                Ok(count) => break count,
                Err(Errno::EINTR) => {}
                Err(_) => break 0,
            }
        };
        let tokens = self.tokens.borrow();
        events[..count].iter().filter_map(|event| tokens.by_number.get(&event.data()).copied()).collect()
    }
}

impl Tokens {
    fn add(&mut self, token: Token) -> u64 {
        self.next += 1;
        self.by_number.insert(self.next, token);
        self.numbers.insert(token, self.next);
        self.next
    }

    fn remove(&mut self, token: Token) {
        if let Some(number) = self.numbers.remove(&token) {
            self.by_number.remove(&number);
        }
    }
}

impl AsRawFd for Poller {
    fn as_raw_fd(&self) -> RawFd {
        self.epoll.0.as_raw_fd()
    }
}
