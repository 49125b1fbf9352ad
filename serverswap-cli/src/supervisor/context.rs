//! What every state of the life cycle needs: the plan, what is known, and where actions go.

use std::time::Duration;

use super::life_cycle::ChildServer;
use super::owned_addresses::OwnedAddresses;
use super::predecessors::Predecessors;
use super::restart_delay::RestartDelay;
use super::{GenerationSignal, Plan, Request, SupervisorAction};
use crate::ui::{Reached, Report, RunEnding, RunFacts, RunOutcome};

/// Everything but the state.
#[derive(Debug, Clone)]
pub(super) struct Context {
    pub(super) plan: Plan,
    link: LinkState,
    arbiter: ArbiterState,
    pub(super) addresses: OwnedAddresses,
    pub(super) predecessors: Predecessors,
    pub(super) restart_delay: RestartDelay,
    /// How far the generation came.
    pub(super) reached: Reached,
    /// The last server.
    pub(super) pid: Option<u32>,
    /// The last server whose end the arbiter has reported.
    pub(super) reported_gone: Option<u32>,
    /// When the present server was started.
    pub(super) spawned_at: Duration,
    /// When the command was started.
    pub(super) began_at: Duration,
    /// How often a server was started.
    pub(super) starts: u32,
    pub(super) now: Duration,
    pub(super) out: Vec<SupervisorAction>,
}

/// The connection to the arbiter.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum LinkState {
    Down,
    Up,
}

/// Whether the arbiter answers, with or without a connection.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum ArbiterState {
    /// As far as is known.
    Responding,
    /// It was reported as silent.
    Silent { pid: u32 },
}

impl Context {
    pub(super) fn new(plan: Plan, now: Duration) -> Self {
        Context {
            plan,
            link: LinkState::Down,
            arbiter: ArbiterState::Responding,
            addresses: OwnedAddresses::default(),
            predecessors: Predecessors::default(),
            restart_delay: RestartDelay::default(),
            reached: Reached::Nothing,
            pid: None,
            reported_gone: None,
            spawned_at: now,
            began_at: now,
            starts: 0,
            now,
            out: Vec::new(),
        }
    }

    pub(super) fn linked(&mut self) {
        self.responding();
        self.link = LinkState::Up;
        self.report(Report::Linked);
    }

    pub(super) fn link_lost(&mut self) {
        self.link = LinkState::Down;
        self.arbiter = ArbiterState::Responding;
        self.predecessors.link_lost();
        self.report(Report::LinkLost);
    }

    /// Reported once; nothing ends because of it.
    pub(super) fn not_responding(&mut self, pid: u32) {
        if self.arbiter == ArbiterState::Responding {
            self.arbiter = ArbiterState::Silent { pid };
            self.report(Report::ArbiterSilent { pid });
        }
    }

    pub(super) fn responding(&mut self) {
        if let ArbiterState::Silent { pid } = self.arbiter {
            self.arbiter = ArbiterState::Responding;
            self.report(Report::ArbiterAnswers { pid });
        }
    }

    /// Whether an answer to what is sent now can be expected soon.
    pub(super) fn is_arbiter_reachable(&self) -> bool {
        self.link == LinkState::Up && self.arbiter == ArbiterState::Responding
    }

    pub(super) fn report(&mut self, report: Report) {
        self.out.push(SupervisorAction::Report(report));
    }

    /// Sends if there is a connection; what still holds is sent again when there is one.
    pub(super) fn send(&mut self, request: Request) {
        match self.link {
            LinkState::Up => self.out.push(SupervisorAction::Send(request)),
            LinkState::Down => {}
        }
    }

    pub(super) fn signal(&mut self, server: ChildServer, signal: GenerationSignal) {
        self.out.push(SupervisorAction::SignalGeneration { pid: server.pid, signal });
    }

    pub(super) fn exit(&mut self, ending: RunEnding) {
        let facts = RunFacts {
            command: self.plan.command.clone(),
            generation: self.plan.generation,
            pid: self.pid,
            restarts: self.starts.saturating_sub(1),
            reached: self.reached,
            ready_timeout: self.plan.ready_timeout,
            addresses: self.addresses.outcomes(),
            replaced: self.predecessors.replaced(),
            duration: self.now.saturating_sub(self.began_at),
        };
        self.out.push(SupervisorAction::Exit(Box::new(RunOutcome { ending, facts })));
    }

    /// Whether this is the server that was started last.
    pub(super) fn is_current(&self, pid: u32) -> bool {
        self.pid == Some(pid)
    }

    /// Since the start of the present server.
    pub(super) fn since_spawn(&self) -> Duration {
        self.now.saturating_sub(self.spawned_at)
    }

    /// Notes how far the generation came; it never comes less far.
    pub(super) fn reach(&mut self, reached: Reached) {
        self.reached = match (self.reached, reached) {
            (Reached::Up, _) | (_, Reached::Up) => Reached::Up,
            (Reached::Serving, _) | (_, Reached::Serving) => Reached::Serving,
            (Reached::Nothing, Reached::Nothing) => Reached::Nothing,
        };
    }
}
