//! The life of one generation: it is started, comes up, is asked for its addresses, ends,
//! and perhaps is started again.
//!
//! Deliberately no clock, process, socket or log in here: events and `now` go in, actions
//! and a deadline come out. Who holds an address is the arbiter's to decide; the supervisor
//! goes by its word.
//!
//! The rules, from DESIGN.md section 5 and `shared/field/handover-arbiter.md`:
//!
//! 1. Until the arbiter's word says otherwise, nothing that this generation does touches
//!    another server. Nothing ever ends because the connection to the arbiter did.
//! 2. A server that serves something is not ended for being late, for losing a race, for
//!    saying `fail` or for a Ctrl-C: the arbiter is asked first, every time.
//! 3. `replaced` is final.
//! 4. A generation that gave an address up on request stays until a newer one serves it,
//!    and takes it back if that one fails.
//! 5. Deadlines are data, looked at on every turn; what happened goes before what is due.
//! 6. Processes of the server's group do not outlive it.

#![deny(clippy::disallowed_methods, clippy::disallowed_types)]

mod action;
mod arbiter_events;
mod awaiting_arbiter;
mod awaiting_verdict;
mod between_servers;
mod context;
mod event;
mod exit_policy;
mod owned_addresses;
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
use self::state::{Input, State};
use crate::ui::Report;

pub use self::action::{Action, GroupSignal, Request};
pub use self::event::{Attached, Event, Leftovers, ServerExit, Signal, StopSignal};
pub use self::plan::{INTERRUPT_PATIENCE, Plan, Restart, SETTLE_MAX};
pub use self::restart_delay::{RESTART_DELAY, RESTART_DELAY_MAX, RESTART_RESET};

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
        Supervisor { state: State::Connecting(Connecting {}), context: Context::new(plan, now) }
    }

    /// Takes in one event; what is to be done about it is appended to `actions`.
    pub fn handle(&mut self, event: Event, now: Duration, actions: &mut Vec<Action>) {
        self.context.now = now;
        if let Some(input) = self.take_in(event) {
            self.step(|state, context| state.handle(input, context));
        }
        while self.deadline().is_some_and(|deadline| deadline <= now) {
            self.step(State::due);
        }
        actions.append(&mut self.context.out);
    }

    /// When [`Event::Tick`] is to be sent, if nothing happens before.
    pub fn deadline(&self) -> Option<Duration> {
        self.state.deadline()
    }

    /// What the generation owns: `holding` of the supervisor's `hello`. The listeners that
    /// are attached to it are those that the driver was told to [`Action::Keep`].
    pub fn holding(&self) -> Vec<Holding> {
        self.context.addresses.holding()
    }

    fn step(&mut self, step: impl FnOnce(State, &mut Context) -> State) {
        let state = std::mem::replace(&mut self.state, State::Done);
        self.state = step(state, &mut self.context);
    }

    fn take_in(&mut self, event: Event) -> Option<Input> {
        match event {
            Event::Linked => {
                self.context.linked();
                Some(Input::Linked)
            }
            Event::LinkLost => {
                self.context.link_lost();
                None
            }
            Event::ArbiterNotResponding { pid } => {
                self.context.not_responding(pid);
                Some(Input::NotResponding)
            }
            Event::ArbiterResponding => {
                self.context.responding();
                None
            }
            Event::FromArbiter(event, attached) => {
                self.context.responding();
                Some(Input::Notice(self.context.on_arbiter_event(event, attached)))
            }
            Event::Verdict(verdict) => {
                self.context.responding();
                Some(Input::Verdict(verdict))
            }
            Event::BarrierPassed => {
                self.context.responding();
                Some(Input::BarrierPassed)
            }
            Event::Spawned { pid } => Some(Input::Spawned { pid }),
            Event::SpawnFailed(failure) => Some(Input::SpawnFailed(failure)),
            Event::ServerExited { pid, exit, leftovers } => {
                self.context.is_current(pid).then_some(Input::Exited { exit, leftovers })
            }
            Event::LeftoversGone { pid } => self.context.is_current(pid).then_some(Input::LeftoversGone),
            Event::Signal(Signal::Terminate) => Some(Input::StopSignal(StopSignal::Terminate)),
            Event::Signal(Signal::Interrupt) => Some(Input::StopSignal(StopSignal::Interrupt)),
            Event::Signal(Signal::Hangup) => {
                self.context.report(Report::HangupIgnored);
                None
            }
            Event::Tick => None,
        }
    }
}
