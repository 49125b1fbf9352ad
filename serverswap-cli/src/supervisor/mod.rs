//! The supervisor: the life of one generation. Its server is started, comes up, is asked for its
//! addresses, ends, and perhaps is started again.
//!
//! Deliberately no clock, process, socket or log in here: events and `now` go in, actions and a
//! deadline come out. Which server holds an address is decided by the arbiter; the supervisor goes
//! by what the arbiter reports. A value is one generation, so a process may have several; what
//! concerns the whole process, signals for example, is given to each by the caller.
//!
//! Three files are tables: the life cycle (`life_cycle`), what an address is to the generation
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
//! * S6. Processes of the generation, in whatever group or session, do not outlive its server.

#![deny(clippy::disallowed_methods, clippy::disallowed_types)]

mod action;
mod arbiter_events;
mod awaiting_arbiter;
mod awaiting_verdict;
mod between_servers;
mod context;
mod cut_servers;
mod exit_policy;
mod hangup;
mod input;
mod life_cycle;
mod not_executed;
mod owned_address;
mod owned_addresses;
mod plan;
mod predecessors;
mod reaping_group;
mod restart_delay;
mod running;
mod starting;
mod stop_requests;
mod stopping;
mod up;
mod waiting;

#[cfg(test)]
mod tests;

use std::time::Duration;

use serverswap::protocol::Address;
use serverswap::protocol::message::Holding;

use self::context::Context;
use self::life_cycle::{ChildServer, Done, LaunchNotice, LifeCycle, Phase, PhaseInput};
use self::starting::AwaitingLink;
use crate::ui::{Report, WaitingFor};

pub(crate) use self::cut_servers::CutServers;

pub use self::action::{CloseReason, GenerationSignal, Request, SupervisorAction};
pub use self::hangup::{Hangup, Sender, Terminal};
pub use self::input::{
    EventAttachment, Leftovers, ServerExit, StopSignal, SupervisorInput, SupervisorSignal,
};
pub use self::plan::{Plan, Restart, Starts};
pub use self::stop_requests::{StopPath, StopRequests};
pub use self::waiting::{Due, REMIND_INTERVAL, Reminder};

/// The supervisor of one generation.
#[derive(Debug, Clone)]
pub struct Supervisor {
    state: LifeCycle,
    context: Context,
}

impl Supervisor {
    /// A supervisor that starts its server at the first [`SupervisorInput::Linked`]. `now` is counted from any
    /// fixed moment and never goes back.
    pub fn new(plan: Plan, now: Duration) -> Self {
        Supervisor { state: AwaitingLink.into(), context: Context::new(plan, now) }
    }

    /// Takes in one event; what is to be done about it is appended to `actions`.
    pub fn handle(&mut self, event: SupervisorInput, now: Duration, actions: &mut Vec<SupervisorAction>) {
        self.context.now = now;
        if let Some(input) = self.take_in(event) {
            self.step(input);
        }
        while self.deadline().is_some_and(|deadline| deadline <= now) {
            self.step(PhaseInput::Due);
        }
        actions.append(&mut self.context.out);
    }

    /// When [`SupervisorInput::Tick`] is to be sent, if nothing happens before.
    pub fn deadline(&self) -> Option<Duration> {
        self.state.deadline()
    }

    /// What the generation waits for at this moment.
    pub fn waits_for(&mut self, now: Duration) -> Option<WaitingFor> {
        self.context.now = now;
        self.state.waits_for(&self.context)
    }

    /// The addresses of a server that [`waits_for`](Self::waits_for) names as one that is to exit.
    pub fn addresses_of(&self, pid: u32) -> Vec<Address> {
        self.context.addresses_of(pid)
    }

    /// What the generation owns: `holding` of the supervisor's `hello`. The listeners that are
    /// attached to it are those that [`SupervisorAction::Keep`] named.
    pub fn holding(&self) -> Vec<Holding> {
        self.context.addresses.holding()
    }

    fn step(&mut self, input: PhaseInput) {
        let state = std::mem::replace(&mut self.state, Done.into());
        self.state = state.handle(input, &mut self.context);
    }

    /// What is known from now on, and what the state of the life cycle reacts to.
    fn take_in(&mut self, event: SupervisorInput) -> Option<PhaseInput> {
        let context = &mut self.context;
        match event {
            SupervisorInput::Linked => {
                context.linked();
                Some(PhaseInput::Linked)
            }
            SupervisorInput::LinkLost => {
                context.link_lost();
                None
            }
            SupervisorInput::ArbiterNotResponding { pid } => {
                context.not_responding(pid);
                Some(PhaseInput::NotResponding)
            }
            SupervisorInput::ArbiterResponding => {
                context.responding();
                None
            }
            SupervisorInput::FromArbiter(event, attached) => {
                context.responding();
                Some(PhaseInput::Notice(context.on_arbiter_event(event, attached)))
            }
            SupervisorInput::Verdict(verdict) => {
                context.responding();
                Some(PhaseInput::Verdict(verdict))
            }
            SupervisorInput::BarrierPassed => {
                context.responding();
                Some(PhaseInput::BarrierPassed)
            }
            SupervisorInput::Spawned { pid } => Some(PhaseInput::Spawned(ChildServer { pid })),
            SupervisorInput::SpawnFailed(failure) => Some(PhaseInput::SpawnFailed(failure)),
            SupervisorInput::NotExecuted { pid, failure } => {
                context.is_current(pid).then_some(PhaseInput::Launched(LaunchNotice::NotExecuted(failure)))
            }
            SupervisorInput::NotReady { pid, reason } => {
                context.is_current(pid).then_some(PhaseInput::Launched(LaunchNotice::NotReady(reason)))
            }
            SupervisorInput::UsesNotify { pid } => {
                context.uses_notify(pid);
                None
            }
            SupervisorInput::NeedsTime { pid, time } => {
                context.is_current(pid).then_some(PhaseInput::Launched(LaunchNotice::NeedsTime(time)))
            }
            SupervisorInput::ServerExited { pid, exit, leftovers } => {
                context.is_current(pid).then_some(PhaseInput::Exited { exit, leftovers })
            }
            SupervisorInput::LeftoversGone { pid } => {
                context.is_current(pid).then_some(PhaseInput::LeftoversGone)
            }
            SupervisorInput::Signalled { pid, signal, connections } => {
                context.is_current(pid).then_some(PhaseInput::Signalled { signal, connections })
            }
            SupervisorInput::Signal(SupervisorSignal::Terminate) => {
                Some(PhaseInput::StopSignal(StopSignal::Terminate))
            }
            SupervisorInput::Signal(SupervisorSignal::Interrupt) => {
                Some(PhaseInput::StopSignal(StopSignal::Interrupt))
            }
            SupervisorInput::Signal(SupervisorSignal::Hangup) => {
                context.report(Report::HangupIgnored);
                None
            }
            SupervisorInput::Tick => None,
        }
    }
}
