//! Waits until a server serves, or does something else that tells what it is.

use std::time::Duration;

use serverswap::protocol::Address;

use super::asked::{Asked, Socket};
use super::private_bind::Bound;
use super::request::Reply;
use super::seen::{Serves, Started};
use super::trial::{Trial, TrialError};
use crate::sys::listen;

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
            if trial.bound_at.elapsed() > SETTLED && asked.is_done(&sockets, trial.given_count()) {
                return Some(Started::Serves(trial.serves(&asked)));
            }
            trial.exit.map(|status| trial.ended(status))
        })?;
        Ok(started.unwrap_or_else(|| self.not_in_time()))
    }

    fn given_count(&self) -> usize {
        usize::from(self.given.is_some())
    }

    /// First the one that it was given, then those that it has bound.
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

    fn serves(&mut self, asked: &Asked) -> Serves {
        let given = self.given_count();
        let replies: Vec<Option<Reply>> =
            (0..given + self.bound.len()).map(|number| asked.reply(number)).collect();
        let (of_given, of_bound) = replies.split_at(given);
        self.http = of_bound.iter().position(|reply| *reply == Some(Reply::Http));
        if let Some(given) = &mut self.given {
            given.is_taken = of_given.iter().any(Option::is_some);
        }
        let answered = self.bound.iter().zip(of_bound).filter(|(_, reply)| reply.is_some());
        let answered: Vec<&Bound> = answered.map(|(bound, _)| bound).collect();
        Serves {
            addresses: wanted(answered.iter().copied()),
            shares_ports: answered.iter().any(|bound| bound.shares_port()),
            processes: self.members().len(),
            speaks_http: replies.contains(&Some(Reply::Http)),
            says_ready: self.says_ready,
        }
    }

    fn ended(&self, status: i32) -> Started {
        if self.members().is_empty() || self.bound.is_empty() {
            Started::Ended { status, said: self.said() }
        } else {
            Started::InBackground
        }
    }

    fn not_in_time(&self) -> Started {
        Started::NotInTime { addresses: wanted(&self.bound), said: self.said() }
    }
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
