//! What a generation waits for, and when the operator is reminded of it.
//!
//! A command that waits says for what at least every five seconds. While its server has no claim, it is looked whether
//! processes of the generation listen all the same: at first every [`LOOK_INTERVAL`], later with each reminder.
//!
//! Deliberately apart from the deadlines of the life cycle: nothing that is decided depends on a reminder.

use std::collections::BTreeSet;
use std::mem::{Discriminant, discriminant};
use std::time::Duration;

use serverswap::protocol::Address;

use super::context::Context;
use super::life_cycle::ChildServer;
use super::owned_address::ServerStanding;
use super::predecessors::{DrainDeadlines, Draining};
use super::{GenerationSignal, Starts};
use crate::ui::{EndingServer, SomeAddresses, WaitingFor};

/// How long a command waits for one thing without a word: less than five seconds, because what is said is looked up first.
pub const REMIND_INTERVAL: Duration = Duration::from_millis(4_500);

/// How long a server may be without a claim before its listeners are looked for.
pub const LOOK_INTERVAL: Duration = Duration::from_secs(1);

/// How long after a turn it is noted what is waited for: once for many turns, since it costs a look at every address.
pub const NOTE_DELAY: Duration = Duration::from_millis(100);

/// When something is due about what is waited for. `now` is that of the [`Supervisor`](super::Supervisor).
#[derive(Debug, Clone)]
pub struct Reminder {
    /// Something else may be waited for.
    note_at: Option<Duration>,
    wait: Option<Wait>,
}

/// What is due.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Due {
    /// The listeners of the generation are looked for.
    Look,
    /// The operator is told what is waited for, listeners included.
    Remind,
}

/// A wait for one kind of thing.
#[derive(Debug, Clone)]
struct Wait {
    kind: Discriminant<WaitingFor>,
    remind_at: Duration,
    /// Only while the server has no claim, and only before the first reminder.
    look_at: Option<Duration>,
    /// The listeners that the operator was told of.
    told: BTreeSet<Address>,
}

impl Reminder {
    /// For a command that starts now.
    pub fn new(now: Duration) -> Self {
        Reminder { note_at: Some(now), wait: None }
    }

    /// The supervisor has taken in an event.
    pub fn turned(&mut self, now: Duration) {
        self.note_at.get_or_insert(now + NOTE_DELAY);
    }

    /// When [`due`](Self::due) is to be called.
    pub fn deadline(&self) -> Option<Duration> {
        let wait = self.wait.iter().flat_map(|wait| wait.look_at.into_iter().chain([wait.remind_at]));
        wait.chain(self.note_at).min()
    }

    /// What is due about that which is waited for now; each once.
    pub fn due(&mut self, what: Option<&WaitingFor>, now: Duration) -> Option<Due> {
        self.note_at = None;
        if self.wait.as_ref().map(|wait| wait.kind) != what.map(discriminant) {
            self.wait = what.map(|what| Wait::new(what, now));
        }
        let wait = self.wait.as_mut()?;
        if wait.remind_at <= now {
            wait.remind_at = now + REMIND_INTERVAL;
            wait.look_at = None;
            return Some(Due::Remind);
        }
        wait.look_at.filter(|at| *at <= now)?;
        wait.look_at = Some(now + LOOK_INTERVAL);
        Some(Due::Look)
    }

    /// Of the addresses on which a server without a claim listens, those that the operator was not told of.
    pub fn untold(&mut self, listens: impl IntoIterator<Item = Address>) -> BTreeSet<Address> {
        let Some(wait) = &mut self.wait else {
            return BTreeSet::new();
        };
        listens.into_iter().filter(|address| wait.told.insert(address.clone())).collect()
    }
}

impl Wait {
    fn new(what: &WaitingFor, now: Duration) -> Wait {
        let looks = matches!(what, WaitingFor::Claim { .. });
        Wait {
            kind: discriminant(what),
            remind_at: now + REMIND_INTERVAL,
            look_at: looks.then(|| now + LOOK_INTERVAL),
            told: BTreeSet::new(),
        }
    }
}

impl Context {
    pub(super) fn waits_for_arbiter(&self) -> WaitingFor {
        WaitingFor::Arbiter { pid: self.silent_arbiter() }
    }

    /// The server is not up, and must be by then.
    pub(super) fn waits_for_own(&self, server: ChildServer, ready_by: Duration) -> WaitingFor {
        let (pid, remaining) = (server.pid, self.until(ready_by));
        let that = |standing| SomeAddresses::of(self.addresses.with_standing(standing));
        let is_any = |standing| self.addresses.is_any(standing);
        if !self.is_arbiter_reachable() {
            self.waits_for_arbiter()
        } else if is_any(ServerStanding::Claims) {
            let addresses = that(ServerStanding::Claims);
            let releasing =
                self.predecessors.draining().filter(|(_, draining)| draining.is_about(&addresses.named));
            let releasing = releasing.map(|(pid, draining)| self.end_of(pid, draining)).collect();
            WaitingFor::Grant { pid, addresses, releasing, remaining }
        } else if is_any(ServerStanding::Granted) {
            WaitingFor::Serving { pid, addresses: that(ServerStanding::Granted), remaining }
        } else if is_any(ServerStanding::OnProbation) {
            let addresses = that(ServerStanding::OnProbation);
            WaitingFor::Probation { pid, addresses, remaining: self.until(self.probation_ends()) }
        } else if is_any(ServerStanding::Serves) {
            WaitingFor::ServerUp { pid, remaining }
        } else if is_any(ServerStanding::Drains) {
            WaitingFor::Exit { servers: vec![self.own_end(server)] }
        } else {
            let (failed, listens) = (that(ServerStanding::Failed), Vec::new());
            let is_intercepted = self.plan.starts != Starts::Speaking;
            WaitingFor::Claim { pid, failed, listens, is_intercepted, remaining }
        }
    }

    /// Servers that were replaced, the own one among them, and have not exited.
    pub(super) fn waits_for_exits(&self, own: ChildServer) -> Option<WaitingFor> {
        let own = self.addresses.is_only_draining().then(|| self.own_end(own));
        let older = self.predecessors.draining().map(|(pid, draining)| self.end_of(pid, draining));
        let servers: Vec<EndingServer> = own.into_iter().chain(older).collect();
        (!servers.is_empty()).then_some(WaitingFor::Exit { servers })
    }

    /// The present server, as the arbiter has reported its drain.
    pub(super) fn own_end(&self, server: ChildServer) -> EndingServer {
        let (generation, connections) = (self.plan.generation, self.own_connections);
        let addresses = BTreeSet::new();
        let drain = Draining { generation, addresses, connections, deadlines: self.own_deadlines };
        self.end_of(server.pid, &drain)
    }

    /// What a server that is to exit has served, as far as it is known.
    pub(super) fn addresses_of(&self, pid: u32) -> Vec<Address> {
        match self.predecessors.draining().find(|(older, _)| *older == pid) {
            Some((_, draining)) => draining.addresses.iter().flatten().cloned().collect(),
            None => self.addresses.all(),
        }
    }

    /// From now; zero if it has passed.
    pub(super) fn until(&self, at: Duration) -> Duration {
        at.saturating_sub(self.now)
    }

    fn end_of(&self, pid: u32, draining: &Draining) -> EndingServer {
        let signal = self.cut.signal(pid);
        let DrainDeadlines { term_at, kill_at } = draining.deadlines;
        let next = match signal {
            None => term_at,
            Some(GenerationSignal::Term) => kill_at,
            Some(GenerationSignal::Kill) => None,
        };
        EndingServer {
            pid,
            generation: draining.generation,
            connections: draining.connections,
            signal,
            remaining: next.map(|at| self.until(at)),
        }
    }

    /// When the last probation ends that was requested.
    fn probation_ends(&self) -> Duration {
        let began = self.addresses.last_on_probation().unwrap_or_default();
        self.spawned_at + began + self.plan.probation
    }
}

impl Draining {
    fn is_about(&self, addresses: &[Address]) -> bool {
        addresses.iter().any(|address| self.addresses.contains(&Some(address.clone())))
    }
}
