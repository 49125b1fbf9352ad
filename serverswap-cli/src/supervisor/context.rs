//! What every state of the life cycle needs: the plan, what is known, and where actions go.

use std::time::Duration;

use super::cut_servers::CutServers;
use super::life_cycle::ChildServer;
use super::owned_addresses::OwnedAddresses;
use super::predecessors::{DrainDeadlines, Predecessors};
use super::restart_delay::RestartDelay;
use super::{GenerationSignal, Plan, Request, Starts, SupervisorAction};
use crate::ui::{CutShort, NotReady, Reached, Report, RunEnding, RunFacts, RunOutcome};

/// Everything but the state.
#[derive(Debug, Clone)]
pub(super) struct Context {
    pub(super) plan: Plan,
    link: LinkState,
    arbiter: ArbiterState,
    pub(super) addresses: OwnedAddresses,
    pub(super) predecessors: Predecessors,
    pub(super) cut: CutServers,
    /// How many connections the present server has open, as it reported while it drains.
    pub(super) own_connections: Option<u64>,
    /// When the present server gets its signals from the arbiter, while it drains.
    pub(super) own_deadlines: DrainDeadlines,
    pub(super) restart_delay: RestartDelay,
    /// How far the generation came.
    pub(super) reached: Reached,
    /// How the present server becomes ready.
    pub(super) becomes_ready: Starts,
    /// Why the present server cannot become ready, if its stand-in has said so.
    pub(super) not_ready: Option<NotReady>,
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
            becomes_ready: plan.starts.clone(),
            plan,
            link: LinkState::Down,
            arbiter: ArbiterState::Responding,
            addresses: OwnedAddresses::default(),
            predecessors: Predecessors::default(),
            cut: CutServers::default(),
            own_connections: None,
            own_deadlines: DrainDeadlines::default(),
            restart_delay: RestartDelay::default(),
            reached: Reached::Nothing,
            not_ready: None,
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

    /// The arbiter that was reported as silent.
    pub(super) fn silent_arbiter(&self) -> Option<u32> {
        match self.arbiter {
            ArbiterState::Responding => None,
            ArbiterState::Silent { pid } => Some(pid),
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
        let addresses = self.addresses.all();
        self.out.push(SupervisorAction::SignalGeneration { pid: server.pid, signal, addresses });
    }

    /// The own server was signalled by this supervisor.
    pub(super) fn was_signalled(&mut self, pid: u32, signal: GenerationSignal, counted: Option<u64>) {
        let connections = counted.filter(|counted| *counted > 0).or(self.own_connections).or(counted);
        self.note_signal(pid, signal, connections, self.plan.kill_timeout);
    }

    /// A server was signalled, by whomever; `kill_after` is from TERM to KILL.
    pub(super) fn note_signal(
        &mut self,
        pid: u32,
        signal: GenerationSignal,
        connections: Option<u64>,
        kill_after: Duration,
    ) {
        let is_own = self.is_current(pid);
        // A server that was never granted anything has no connections.
        let connections = if is_own && !self.addresses.is_any_granted() { Some(0) } else { connections };
        if let Some(report) = self.cut.note_signal(pid, signal, connections, kill_after) {
            self.report(report);
        }
    }

    /// A server goes by sd_notify(3).
    pub(super) fn uses_notify(&mut self, pid: u32) {
        if self.is_current(pid) {
            self.becomes_ready = Starts::Notifying;
        }
    }

    /// A server has closed so many connections unfinished, all told.
    pub(super) fn note_cut(&mut self, pid: u32, cut: Option<u64>) {
        if let Some(report) = self.cut.note_cut(pid, cut) {
            self.report(report);
        }
    }

    pub(super) fn exit(&mut self, ending: RunEnding) {
        let outcome = self.outcome(ending);
        self.out.push(SupervisorAction::Exit(outcome));
    }

    /// The deploy is over, and the generation stays.
    pub(super) fn deployed(&mut self, ending: RunEnding) {
        let outcome = self.outcome(ending);
        self.out.push(SupervisorAction::Deployed(outcome));
    }

    fn outcome(&self, ending: RunEnding) -> Box<RunOutcome> {
        let facts = RunFacts {
            command: self.plan.command.clone(),
            generation: self.plan.generation,
            pid: self.pid,
            restarts: self.starts.saturating_sub(1),
            reached: self.reached,
            ready_timeout: self.plan.ready_timeout,
            starts: self.becomes_ready.clone(),
            not_ready: self.not_ready.clone(),
            addresses: self.addresses.outcomes(),
            replaced: self.predecessors.replaced(),
            cut_short: self.cut_short(),
            duration: self.now.saturating_sub(self.began_at),
        };
        Box::new(RunOutcome { ending, facts })
    }

    /// The own server counts if it was granted something: otherwise no client ever knew it.
    fn cut_short(&self) -> Vec<CutShort> {
        let counts = |one: &CutShort| !self.is_current(one.pid) || self.addresses.is_any_granted();
        self.cut.list().into_iter().filter(counts).collect()
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
