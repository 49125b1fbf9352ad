//! Waits until a server serves, or does something else that tells what it is.

use std::os::fd::OwnedFd;
use std::time::Duration;

use nix::fcntl::{FcntlArg, OFlag, fcntl};
use serverswap::protocol::Address;

use super::asked::{Asked, NOT_SERVED, Socket};
use super::private_bind::{Bound, What};
use super::request::Reply;
use super::seen::{Serves, Started};
use super::trial::{Trial, TrialError};
use crate::readiness::is_in_accept;
use crate::sys::listen;
use crate::sys::registrations::inode;

/// A server that has answered binds no more sockets if it has bound none for so long.
pub(super) const SETTLED: Duration = Duration::from_millis(300);

impl Trial<'_> {
    /// # Errors
    /// This process was asked to stop, or the kernel refuses something.
    pub(super) fn started(&mut self, limit: Duration) -> Result<Started, TrialError> {
        let mut asked = Asked::default();
        let started = self.until(limit, |trial| {
            if trial.uses_package {
                return Some(Started::UsesPackage);
            }
            let sockets = trial.sockets();
            asked.look(&sockets);
            let answers = trial.bound_at.elapsed() > SETTLED && asked.is_done(&sockets, trial.given.len());
            if answers || trial.has_only_datagrams() {
                return Some(Started::Serves(trial.serves(&asked)));
            }
            trial.exit.map(|status| trial.ended(status))
        })?;
        Ok(started.unwrap_or_else(|| self.not_in_time()))
    }

    /// First those that it was given, then those that it has bound.
    fn sockets(&self) -> Vec<Socket> {
        let given = self.given.iter().map(|given| Socket {
            at: given.at.clone(),
            is_listening: true,
            waiting: listen::waiting(&given.listener),
        });
        let bound = self.bound.iter().map(|bound| Socket {
            at: bound.at.clone(),
            is_listening: bound.is_listening(),
            waiting: listen::waiting(&bound.socket),
        });
        given.chain(bound).collect()
    }

    /// A server of datagrams alone: what it would answer is not known.
    fn has_only_datagrams(&self) -> bool {
        let has_one = self.unasked.iter().any(|unasked| unasked.what != What::RandomPort);
        self.bound.is_empty() && self.given.is_empty() && has_one && self.bound_at.elapsed() > NOT_SERVED
    }

    fn serves(&mut self, asked: &Asked) -> Serves {
        let given = self.given.len();
        let reply = |index: usize| asked.reply(given + index);
        self.http = (0..self.bound.len()).find(|index| reply(*index) == Some(Reply::Http));
        let mut served = Vec::new();
        for (index, bound) in self.bound.iter().enumerate() {
            if let Some(gist) = asked.gist(given + index)
                && served.iter().all(|(wanted, _)| *wanted != bound.wanted)
            {
                served.push((bound.wanted.clone(), gist.clone()));
            }
        }
        let (datagrams, shared_datagrams) = self.datagrams();
        Serves {
            served,
            datagrams,
            shared_datagrams,
            has_random_port: self.has_random_port(),
            given: (0..given).map(|number| asked.gist(number).cloned()).collect(),
            shares_ports: (0..self.bound.len())
                .any(|index| reply(index).is_some() && self.bound[index].shares_port()),
            processes: self.members().len(),
            speaks_http: (0..given + self.bound.len()).any(|number| asked.reply(number) == Some(Reply::Http)),
            says_ready: self.says_ready,
        }
    }

    /// Those that have their port for themselves, and the others.
    fn datagrams(&self) -> (Vec<Address>, Vec<Address>) {
        let (mut own, mut shared) = (Vec::new(), Vec::new());
        for unasked in &self.unasked {
            let (addresses, address) = match &unasked.what {
                What::Datagram(address) => (&mut own, address),
                What::SharedDatagram(address) => (&mut shared, address),
                What::RandomPort => continue,
            };
            if !addresses.contains(address) {
                addresses.push(address.clone());
            }
        }
        (own, shared)
    }

    fn has_random_port(&self) -> bool {
        self.unasked.iter().any(|unasked| unasked.what == What::RandomPort && unasked.is_listening())
    }

    /// Whether it leaves a listener that it was given as it is, and a thread of it waits in accept(2).
    pub(super) fn accepts_in_blocking_mode(&mut self) -> Result<bool, TrialError> {
        let is_seen = |trial: &mut Trial<'_>| {
            let listeners: Vec<&OwnedFd> = trial.given.iter().map(|given| &given.listener).collect();
            let blocking = listeners.into_iter().filter(|listener| is_blocking(listener)).filter_map(inode);
            let members = trial.members();
            let waits = |inode| members.iter().any(|(member, _)| is_in_accept(member.pid, inode));
            blocking.into_iter().any(waits).then_some(())
        };
        if self.given.iter().all(|given| !is_blocking(&given.listener)) {
            return Ok(false);
        }
        Ok(self.until(SETTLED, is_seen)?.is_some())
    }

    fn ended(&self, status: i32) -> Started {
        if self.members().is_empty() || self.bound.is_empty() {
            Started::Ended { status, said: self.said() }
        } else {
            Started::InBackground
        }
    }

    fn not_in_time(&self) -> Started {
        let addresses = wanted(&self.bound);
        Started::NotInTime { addresses, has_random_port: self.has_random_port(), said: self.said() }
    }
}

fn is_blocking(listener: &OwnedFd) -> bool {
    let flags = fcntl(listener, FcntlArg::F_GETFL).map(OFlag::from_bits_retain);
    flags.is_ok_and(|flags| !flags.contains(OFlag::O_NONBLOCK))
}

/// Where they were wanted, each address once.
fn wanted<'a>(bound: impl IntoIterator<Item = &'a Bound>) -> Vec<Address> {
    let mut addresses: Vec<Address> = Vec::new();
    for one in bound {
        if !addresses.contains(&one.wanted) {
            addresses.push(one.wanted.clone());
        }
    }
    addresses
}
