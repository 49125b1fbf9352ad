//! The supervisor: the life of one generation. Its server is started, comes up, is asked for its
//! addresses, ends, and perhaps is started again.
//!
//! Deliberately no clock, process, socket or log in here: events and `now` go in, actions and a
//! deadline come out. Which server holds an address is decided by the arbiter; the supervisor goes
//! by what the arbiter reports. A value is one generation, so a process may have several; what
//! concerns the whole process, signals for example, is given to each by the caller.
//!
//! Three files are tables: the life cycle (`state`), what an address is to the generation
//! (`owned_address`), and what the end of a server means (`exit_policy`).
//!
//! The rules; code and tests cite them by these numbers. R and N are those of the arbiter.
//!
//! * S1. Until the arbiter reports otherwise, nothing that this generation does touches another
//!   server. Nothing ever ends because the connection to the arbiter did, or because the arbiter
//!   does not answer.
//! * S2. A server that serves something is not ended for being late, for losing a race, for sending
//!   `fail` or for a Ctrl-C: the arbiter is asked first, every time (R9, N3).
//! * S3. `replaced` is final: no later status undoes it.
//! * S4. A generation that released an address on request stays until a newer one serves it, and
//!   takes it back if that one fails (R5).
//! * S5. Deadlines are data, looked at on every turn; what has happened goes before what is due.
//! * S6. Processes of the server's group do not outlive it.

#![deny(clippy::disallowed_methods, clippy::disallowed_types)]

mod action;
mod addresses;
mod arbiter_events;
mod awaiting_arbiter;
mod awaiting_verdict;
mod between_servers;
mod context;
mod event;
mod exit_policy;
mod owned_address;
mod plan;
mod predecessors;
mod reaping_group;
mod restart_delay;
mod running;
mod starting;
mod state;
mod stopping;
mod up;

#[cfg(test)]
mod tests;

use std::time::Duration;

use serverswap::protocol::message::Holding;

use self::context::Context;
use self::starting::Connecting;
use self::state::{Done, Input, Phase, Server, State};
use crate::ui::Report;

pub use self::action::{Action, GroupSignal, Request};
pub use self::event::{Attached, Event, Leftovers, ServerExit, Signal, StopSignal};
pub use self::plan::{Plan, Restart};

/// The supervisor of one generation.
#[derive(Debug, Clone)]
pub struct Supervisor {
    state: State,
    context: Context,
}

impl Supervisor {
    /// A supervisor that starts its server at the first [`Event::Linked`]. `now` is counted from any
    /// fixed moment and never goes back.
    pub fn new(plan: Plan, now: Duration) -> Self {
        Supervisor { state: Connecting.into(), context: Context::new(plan, now) }
    }

    /// Takes in one event; what is to be done about it is appended to `actions`.
    pub fn handle(&mut self, event: Event, now: Duration, actions: &mut Vec<Action>) {
        self.context.now = now;
        if let Some(input) = self.take_in(event) {
            self.step(input);
        }
        while self.deadline().is_some_and(|deadline| deadline <= now) {
            self.step(Input::Due);
        }
        actions.append(&mut self.context.out);
    }

    /// When [`Event::Tick`] is to be sent, if nothing happens before.
    pub fn deadline(&self) -> Option<Duration> {
        self.state.deadline()
    }

    /// What the generation owns: `holding` of the supervisor's `hello`. The listeners that are
    /// attached to it are those that [`Action::Keep`] named.
    pub fn holding(&self) -> Vec<Holding> {
        self.context.addresses.holding()
    }

    fn step(&mut self, input: Input) {
        let state = std::mem::replace(&mut self.state, Done.into());
        self.state = state.handle(input, &mut self.context);
    }

    /// What is known from now on, and what the state of the life cycle reacts to.
    fn take_in(&mut self, event: Event) -> Option<Input> {
        let context = &mut self.context;
        match event {
            Event::Linked => {
                context.linked();
                Some(Input::Linked)
            }
            Event::LinkLost => {
                context.link_lost();
                None
            }
            Event::ArbiterNotResponding { pid } => {
                context.not_responding(pid);
                Some(Input::NotResponding)
            }
            Event::ArbiterResponding => {
                context.responding();
                None
            }
            Event::FromArbiter(event, attached) => {
                context.responding();
                Some(Input::Notice(context.on_arbiter_event(event, attached)))
            }
            Event::Verdict(verdict) => {
                context.responding();
                Some(Input::Verdict(verdict))
            }
            Event::BarrierPassed => {
                context.responding();
                Some(Input::BarrierPassed)
            }
            Event::Spawned { pid } => Some(Input::Spawned(Server { pid })),
            Event::SpawnFailed(failure) => Some(Input::SpawnFailed(failure)),
            Event::ServerExited { pid, exit, leftovers } => {
                context.is_current(pid).then_some(Input::Exited { exit, leftovers })
            }
            Event::LeftoversGone { pid } => context.is_current(pid).then_some(Input::LeftoversGone),
            Event::Signal(Signal::Terminate) => Some(Input::StopSignal(StopSignal::Terminate)),
            Event::Signal(Signal::Interrupt) => Some(Input::StopSignal(StopSignal::Interrupt)),
            Event::Signal(Signal::Hangup) => {
                context.report(Report::HangupIgnored);
                None
            }
            Event::Tick => None,
        }
    }
}
