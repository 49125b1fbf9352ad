//! Turns the arbiter's events into knowledge and reports.
//!
//! It decides nothing: it says in one word what the arbiter reported, and the state decides. After a
//! reconnect the arbiter says everything again, so only what is new is reported.

use std::cmp::Ordering;
use std::time::Duration;

use serverswap::protocol::Address;
use serverswap::protocol::message::{self, Code, EventKind, Form};

use super::context::Context;
use super::owned_addresses::{Claim, Duplicate, Owned, Word};
use super::predecessors::Told;
use super::{Action, Attached, Request};
use crate::ui::{DrainStatus, Reached, Report};

/// What was heard from the arbiter, for the state to decide on.
#[derive(Debug, Clone, PartialEq)]
pub(super) enum Notice {
    /// Something about an address or an older server.
    News,
    /// The whole server is up.
    Up,
    /// Up, and every replaced server has exited.
    Done,
    /// The server said `fail`.
    SaidFail(String),
    /// The generation's own server drains, until then.
    OwnDrain(Duration),
}

impl Context {
    /// Takes in what the arbiter said.
    pub(super) fn on_arbiter_event(&mut self, event: message::Event, attached: Attached) -> Notice {
        match event.generation.cmp(&self.plan.generation) {
            Ordering::Less => {
                self.on_predecessor_event(event);
                return Notice::News;
            }
            // What becomes of a newer one is told by the words on our own addresses.
            Ordering::Greater => return Notice::News,
            Ordering::Equal => {}
        }
        match event.what {
            EventKind::Up => return Notice::Up,
            EventKind::Done => return Notice::Done,
            EventKind::Draining => return self.own_drain(&event),
            EventKind::Gap => {
                let message = event.message.unwrap_or_default();
                self.report(Report::Gap { address: event.address, message });
            }
            EventKind::Failed if event.address.is_none() => {
                return Notice::SaidFail(event.message.unwrap_or_default());
            }
            EventKind::Failed
            | EventKind::Claimed
            | EventKind::Granted
            | EventKind::Probation
            | EventKind::Serving
            | EventKind::Busy
            | EventKind::Vacant
            | EventKind::Replaced
            | EventKind::Superseded
            | EventKind::Close => {
                if let Some(address) = event.address.clone() {
                    self.on_address_event(&address, event, attached);
                }
            }
            EventKind::Gone => self.reported_gone = event.pid,
            EventKind::Other(_) => {}
        }
        Notice::News
    }

    fn on_predecessor_event(&mut self, event: message::Event) {
        let Some(pid) = event.pid else {
            return;
        };
        match event.what {
            EventKind::Draining => {
                let told = self.predecessors.drains(pid, event.address.clone());
                let draining = draining(pid, event);
                self.report(match told {
                    Told::First => Report::Draining(draining),
                    Told::Again => Report::DrainProgress(draining),
                });
            }
            EventKind::Gone => {
                if self.predecessors.gone(pid) == Told::First {
                    self.report(Report::Gone { pid });
                }
            }
            EventKind::Gap => {
                let message = event.message.unwrap_or_default();
                self.report(Report::Gap { address: event.address, message });
            }
            EventKind::Claimed
            | EventKind::Granted
            | EventKind::Probation
            | EventKind::Serving
            | EventKind::Up
            | EventKind::Busy
            | EventKind::Vacant
            | EventKind::Replaced
            | EventKind::Superseded
            | EventKind::Failed
            | EventKind::Close
            | EventKind::Done
            | EventKind::Other(_) => {}
        }
    }

    fn own_drain(&mut self, event: &message::Event) -> Notice {
        match event.remaining_ms {
            Some(millis) => Notice::OwnDrain(self.now + Duration::from_millis(millis)),
            None => Notice::News,
        }
    }

    fn on_address_event(&mut self, address: &Address, event: message::Event, attached: Attached) {
        let message = event.message.unwrap_or_default();
        match event.what {
            EventKind::Claimed => self.claimed(address),
            EventKind::Granted => self.granted(address),
            EventKind::Probation => self.on_probation(address, event.pid, event.remaining_ms),
            EventKind::Serving => self.serving(address, event.pid, attached),
            EventKind::Busy => self.busy(address),
            EventKind::Vacant => self.vacant(address),
            EventKind::Replaced => self.replaced(address),
            EventKind::Superseded => self.superseded(address),
            EventKind::Close => self.close(address),
            EventKind::Failed => self.failed(address, event.code.unwrap_or(Code::Internal), message),
            EventKind::Up
            | EventKind::Done
            | EventKind::Draining
            | EventKind::Gone
            | EventKind::Gap
            | EventKind::Other(_) => {}
        }
    }

    fn claimed(&mut self, address: &Address) {
        let known = self.addresses.at(address);
        if known.claim != Claim::Open {
            known.claim = Claim::Open;
            self.report(Report::Claimed { address: address.clone() });
        }
    }

    fn granted(&mut self, address: &Address) {
        let after = self.since_spawn();
        let known = self.addresses.at(address);
        if known.word == Word::Replaced {
            return;
        }
        known.word = Word::Granted;
        if known.claim != Claim::Granted {
            known.claim = Claim::Granted;
            known.ready_after = Some(after);
            self.report(Report::Granted { address: address.clone(), after });
        }
    }

    fn on_probation(&mut self, address: &Address, pid: Option<u32>, remaining_ms: Option<u64>) {
        let after = self.since_spawn();
        let pid = pid.or(self.pid).unwrap_or_default();
        let known = self.addresses.at(address);
        if known.word == Word::Replaced {
            return;
        }
        known.word = Word::Probation;
        if known.claim != Claim::Probation {
            known.claim = Claim::Probation;
            known.ready_after.get_or_insert(after);
            known.serving_after = Some(after);
            let remaining = Duration::from_millis(remaining_ms.unwrap_or_default());
            self.report(Report::Probation { address: address.clone(), pid, remaining });
        }
    }

    fn serving(&mut self, address: &Address, pid: Option<u32>, attached: Attached) {
        let after = self.since_spawn();
        let known = self.addresses.at(address);
        let news = known.word != Word::Replaced && known.claim != Claim::Serving;
        if known.word != Word::Replaced {
            known.word = Word::Serving;
            known.owned = Owned::Once;
        }
        if news {
            known.claim = Claim::Serving;
            known.ready_after.get_or_insert(after);
            known.serving_after.get_or_insert(after);
            self.reach(Reached::Serving);
            let pid = pid.or(self.pid).unwrap_or_default();
            self.report(Report::Serving { address: address.clone(), pid, after });
        }
        match attached {
            Attached::Listener => self.keep_or_refuse(address),
            Attached::Nothing => {}
        }
    }

    /// Whoever was sent a duplicate keeps it or says that it is closed: the arbiter waits
    /// for one or the other.
    fn keep_or_refuse(&mut self, address: &Address) {
        let form = self.plan.form;
        let known = self.addresses.at(address);
        match form {
            Form::Stay if known.word != Word::Replaced => {
                known.duplicate = Duplicate::Kept;
                self.out.push(Action::Keep { address: address.clone() });
            }
            Form::Stay | Form::Leave => self.send(Request::Closed { address: address.clone() }),
        }
    }

    fn busy(&mut self, address: &Address) {
        let known = self.addresses.at(address);
        if matches!(known.word, Word::Replaced | Word::Busy) {
            return;
        }
        known.word = Word::Busy;
        let was_held = matches!(known.claim, Claim::Granted | Claim::Serving);
        if was_held {
            known.claim = Claim::LetGo;
            known.owned = Owned::Once;
        }
        if was_held || known.owned == Owned::Once {
            self.report(Report::Busy { address: address.clone() });
        }
    }

    fn vacant(&mut self, address: &Address) {
        let known = self.addresses.at(address);
        if known.word == Word::Replaced {
            return;
        }
        known.word = Word::Vacant;
        // Without `busy` before it, nobody signal: the server gave it up by itself, or is gone.
        if matches!(known.claim, Claim::Granted | Claim::Serving) {
            known.claim = Claim::None;
        }
    }

    fn replaced(&mut self, address: &Address) {
        let known = self.addresses.at(address);
        let news = known.word != Word::Replaced;
        known.word = Word::Replaced;
        match known.claim {
            Claim::Open | Claim::Granted | Claim::Probation if known.owned == Owned::Never => {
                known.claim = Claim::Superseded;
            }
            Claim::Open | Claim::Granted | Claim::Probation | Claim::Serving => known.claim = Claim::LetGo,
            Claim::None | Claim::LetGo | Claim::Superseded | Claim::Failed { .. } => {}
        }
        if news {
            self.report(Report::Replaced { address: address.clone() });
        }
        self.close(address);
    }

    /// Closes the duplicate and says so: once for each that was sent (SS-SUP-3).
    fn close(&mut self, address: &Address) {
        let known = self.addresses.at(address);
        if known.duplicate == Duplicate::Kept {
            known.duplicate = Duplicate::None;
            self.out.push(Action::Close { address: address.clone() });
            self.send(Request::Closed { address: address.clone() });
        }
    }

    fn superseded(&mut self, address: &Address) {
        let known = self.addresses.at(address);
        if known.claim != Claim::Superseded {
            known.claim = Claim::Superseded;
            self.report(Report::Superseded { address: address.clone() });
        }
    }

    fn failed(&mut self, address: &Address, code: Code, message: String) {
        let claim = Claim::Failed { code: code.clone(), message: message.clone() };
        let known = self.addresses.at(address);
        if known.claim != claim {
            known.claim = claim;
            self.report(Report::ClaimFailed { address: address.clone(), code, message });
        }
    }
}

fn draining(pid: u32, event: message::Event) -> DrainStatus {
    DrainStatus {
        pid,
        address: event.address,
        connections: event.connections,
        remaining: event.remaining_ms.map(Duration::from_millis),
    }
}
