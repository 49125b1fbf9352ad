//! Turns the arbiter's events into what the supervisor knows, reports to the operator, and a
//! [`ArbiterNotice`] for the state of the life cycle, which decides.
//!
//! After a reconnect the arbiter sends every status again, so only what is new is reported.

use std::cmp::Ordering;
use std::time::Duration;

use serverswap::protocol::Address;
use serverswap::protocol::message::{self, Code, EventKind, Form};

use super::context::Context;
use super::owned_address::{AddressNotice, ClaimError, Duplicate, OwnedAddress};
use super::owned_addresses::AddressChange;
use super::predecessors::{DrainDeadlines, Draining, Seen};
use super::{CloseReason, EventAttachment, GenerationSignal, Request, Starts, SupervisorAction};
use crate::ui::{DrainStatus, Reached, Report};

/// What the arbiter reported, for the state to decide on.
#[derive(Debug, Clone, PartialEq)]
pub(super) enum ArbiterNotice {
    /// Something about an address or an older server.
    Changed,
    /// The whole server is up.
    Up,
    /// Up, and every replaced server has exited.
    Done,
    /// The server sent `fail`.
    SaidFail(String),
    /// The generation's own server drains, until then.
    DrainsUntil(Duration),
}

impl Context {
    pub(super) fn on_arbiter_event(
        &mut self,
        event: message::Event,
        attached: EventAttachment,
    ) -> ArbiterNotice {
        match event.generation.cmp(&self.plan.generation) {
            Ordering::Less => self.on_predecessor_event(event),
            Ordering::Equal => self.on_own_event(event, attached),
            // What a newer generation does to this one is in the status of its own addresses.
            Ordering::Greater => ArbiterNotice::Changed,
        }
    }

    fn on_own_event(&mut self, event: message::Event, attached: EventAttachment) -> ArbiterNotice {
        match event.what {
            EventKind::Up => return ArbiterNotice::Up,
            EventKind::Done => return ArbiterNotice::Done,
            EventKind::Draining => return self.own_drain(&event),
            EventKind::Terminated => self.on_signalled(&event, GenerationSignal::Term),
            EventKind::Killed => self.on_signalled(&event, GenerationSignal::Kill),
            EventKind::Gone => {
                self.reported_gone = event.pid;
                self.note_cut(event.pid.unwrap_or_default(), event.cut);
            }
            EventKind::Gap => self.report_gap(event),
            EventKind::Claimed => self.on_address_notice(event, AddressNotice::Claimed),
            EventKind::Granted => self.on_address_notice(event, AddressNotice::Granted),
            EventKind::Probation => self.on_address_notice(event, AddressNotice::Probation),
            EventKind::Serving => self.on_serving(event, attached),
            EventKind::Busy => self.on_address_notice(event, AddressNotice::Busy),
            EventKind::Vacant => self.on_address_notice(event, AddressNotice::Vacant),
            EventKind::Replaced => self.on_address_notice(event, AddressNotice::Replaced),
            EventKind::Superseded => self.on_address_notice(event, AddressNotice::Superseded),
            EventKind::Close => self.on_address_notice(event, AddressNotice::Close),
            EventKind::Failed => {
                let message = event.message.clone().unwrap_or_default();
                if event.address.is_none() {
                    return ArbiterNotice::SaidFail(message);
                }
                let code = event.code.clone().unwrap_or(Code::Internal);
                self.on_address_notice(event, AddressNotice::Failed(ClaimError { code, message }));
            }
            EventKind::Other(_) => {}
        }
        ArbiterNotice::Changed
    }

    fn on_predecessor_event(&mut self, event: message::Event) -> ArbiterNotice {
        let Some(pid) = event.pid else {
            return ArbiterNotice::Changed;
        };
        match event.what {
            EventKind::Draining => {
                let reported = Draining {
                    generation: event.generation,
                    addresses: [event.address.clone()].into(),
                    connections: event.connections,
                    deadlines: DrainDeadlines { term_at: self.ends(&event), kill_at: None },
                };
                let seen = self.predecessors.drains(pid, reported);
                self.note_cut(pid, event.cut);
                let status = DrainStatus::of(pid, event);
                self.report(match seen {
                    Seen::First => Report::Draining(status),
                    Seen::Again => Report::DrainProgress(status),
                });
            }
            EventKind::Terminated => self.on_signalled(&event, GenerationSignal::Term),
            EventKind::Killed => self.on_signalled(&event, GenerationSignal::Kill),
            EventKind::Gone => {
                self.note_cut(pid, event.cut);
                if self.predecessors.gone(pid) == Seen::First {
                    self.report(Report::Gone { pid });
                }
            }
            EventKind::Gap => self.report_gap(event),
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
        ArbiterNotice::Changed
    }

    /// The arbiter has sent a server TERM or KILL.
    fn on_signalled(&mut self, event: &message::Event, signal: GenerationSignal) {
        if let Some(pid) = event.pid {
            let kill_after = Duration::from_millis(event.remaining_ms.unwrap_or_default());
            match signal {
                GenerationSignal::Term if self.is_current(pid) => {
                    self.own_deadlines.kill_at = Some(self.now + kill_after);
                }
                GenerationSignal::Term => self.predecessors.is_killed_at(pid, self.now + kill_after),
                GenerationSignal::Kill => {}
            }
            self.note_signal(pid, signal, event.connections, kill_after);
        }
    }

    fn own_drain(&mut self, event: &message::Event) -> ArbiterNotice {
        if let Some(pid) = event.pid {
            self.note_cut(pid, event.cut);
        }
        self.own_connections = event.connections;
        self.own_deadlines.term_at = self.ends(event);
        self.own_deadlines.term_at.map_or(ArbiterNotice::Changed, ArbiterNotice::DrainsUntil)
    }

    /// When the time that an event reports as remaining is over.
    fn ends(&self, event: &message::Event) -> Option<Duration> {
        event.remaining_ms.map(|millis| self.now + Duration::from_millis(millis))
    }

    fn report_gap(&mut self, event: message::Event) {
        self.report(Report::Gap { address: event.address, message: event.message.unwrap_or_default() });
    }

    /// A supervisor that was sent a duplicate keeps it or answers that it is closed: the arbiter
    /// waits for one or the other.
    fn on_serving(&mut self, event: message::Event, attached: EventAttachment) {
        let Some(address) = event.address.clone() else {
            return;
        };
        let offered = match (attached, self.plan.form) {
            (EventAttachment::Listener, Form::Stay) => Duplicate::Kept,
            (EventAttachment::Listener, Form::Leave)
            | (EventAttachment::Nothing, Form::Stay | Form::Leave) => Duplicate::None,
        };
        self.on_address_notice(event, AddressNotice::Serving(offered));
        let is_kept = offered == Duplicate::Kept && self.addresses.duplicate(&address) == Duplicate::Kept;
        match attached {
            EventAttachment::Listener if is_kept => self.out.push(SupervisorAction::Keep { address }),
            EventAttachment::Listener => self.send(Request::Closed { address }),
            EventAttachment::Nothing => {}
        }
    }

    fn on_address_notice(&mut self, event: message::Event, notice: AddressNotice) {
        let Some(address) = event.address else {
            return;
        };
        let is_replaced = notice == AddressNotice::Replaced;
        let AddressChange { before, after } = self.addresses.on_notice(&address, notice);
        let pid = event.pid.or(self.pid).unwrap_or_default();
        let remaining = Duration::from_millis(event.remaining_ms.unwrap_or_default());
        if is_replaced && after.is_another_than(&before) {
            self.report(Report::Replaced { address: address.clone() });
        } else {
            self.report_change(&address, &before, &after, pid, remaining);
        }
        if before.duplicate() == Duplicate::Kept && after.duplicate() == Duplicate::None {
            let reason = if is_replaced { CloseReason::Replaced } else { CloseReason::Asked };
            self.out.push(SupervisorAction::Close { address: address.clone(), reason });
            self.send(Request::Closed { address });
        }
    }

    fn report_change(
        &mut self,
        address: &Address,
        before: &OwnedAddress,
        after: &OwnedAddress,
        pid: u32,
        remaining: Duration,
    ) {
        let address = address.clone();
        if after.is_lost() && !before.is_lost() {
            return self.report(Report::Superseded { address });
        }
        if !after.is_another_than(before) {
            return;
        }
        let since_spawn = self.since_spawn();
        let milestones = self.addresses.milestones(&address);
        match after {
            OwnedAddress::Claimed | OwnedAddress::Reclaimed { .. } => {
                self.report(Report::Claimed { address })
            }
            OwnedAddress::Granted | OwnedAddress::Regranted { .. } => match self.plan.starts {
                Starts::Speaking => {
                    milestones.ready_after = Some(since_spawn);
                    self.report(Report::Granted { address, after: since_spawn });
                }
                Starts::Observed(_) | Starts::Notifying => self.report(Report::Passed { address, pid }),
            },
            OwnedAddress::Probation => {
                milestones.ready_after.get_or_insert(since_spawn);
                milestones.serving_after = Some(since_spawn);
                self.report(Report::Probation { address, pid, remaining });
            }
            OwnedAddress::Serving { .. } => {
                milestones.ready_after.get_or_insert(since_spawn);
                milestones.serving_after.get_or_insert(since_spawn);
                self.reach(Reached::Serving);
                self.report(Report::Serving { address, pid, after: since_spawn });
            }
            OwnedAddress::Failed(error) | OwnedAddress::ReclaimFailed { error, .. } => {
                let ClaimError { code, message } = error.clone();
                self.report(Report::ClaimFailed { address, code, message });
            }
            OwnedAddress::HandedOver { .. } => self.report(Report::Busy { address }),
            OwnedAddress::Unclaimed
            | OwnedAddress::Replaced { .. }
            | OwnedAddress::RolledBack
            | OwnedAddress::Overtaken
            | OwnedAddress::Superseded
            | OwnedAddress::Vacant { .. } => {}
        }
    }
}
