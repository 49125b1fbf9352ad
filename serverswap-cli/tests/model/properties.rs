//! The guarantees (chapter 3 of `spec/README.md`) as properties of one state.

use std::time::Duration;

use serverswap::protocol::message::Form;
use serverswap::protocol::{Address, SocketMode};
use serverswap_cli::ui::RunEnding;
use stateright::Property;

use super::checking::Run;
use super::server::Server;
use super::supervision::{Presence, Supervision};
use super::world::{Broken, World};

pub const ONE_HOLDER: &str = "an exclusive address never has two holders";
pub const SERVED: &str = "an inherited address that was served is served";
pub const NOT_TOO_EARLY: &str = "nobody is taken down before a newer one is ready";
pub const PROBATION: &str = "nobody is taken down before the probation of a newer one is over";
pub const SAME_END: &str = "no arbiter moves the end of a probation";
pub const ROLLED_BACK: &str = "a command whose server ends on probation ends as rolled back";
pub const STOP_RELEASES: &str = "a command that is asked to stop has its server release first";
pub const DRAINS: &str = "nobody who accepts is signalled before its drain is over";
pub const NEWEST_WINS: &str = "without faults the newest generation has every address in the end";
pub const CLEAR_REASON: &str = "without faults every command ends as done, replaced or superseded";
pub const ENDS_WELL: &str = "every run ends with one holder and every other process gone";
pub const ONE_LISTENER: &str = "no second listener is ever opened";
pub const NO_FAULT_REPORTED: &str = "the cores never report a fault of each other";

/// All of them.
pub fn properties() -> Vec<Property<Run>> {
    vec![
        Property::always(ONE_HOLDER, |_, world: &World| {
            !world.broken.iter().any(|one| matches!(one, Broken::TwoHolders(_)))
        }),
        Property::always(SERVED, |_, world: &World| world.is_served_as_guaranteed()),
        Property::always(NOT_TOO_EARLY, |_, world: &World| {
            !world.broken.iter().any(|one| matches!(one, Broken::TakenTooEarly(_)))
        }),
        Property::always(PROBATION, |_, world: &World| {
            !world.broken.iter().any(|one| matches!(one, Broken::ProbationCut(_)))
        }),
        Property::always(SAME_END, |_, world: &World| {
            !world.broken.iter().any(|one| matches!(one, Broken::ProbationMoved(_)))
        }),
        Property::always(ROLLED_BACK, |_, world: &World| {
            !world.broken.iter().any(|one| matches!(one, Broken::NotRolledBack(_)))
        }),
        Property::always(STOP_RELEASES, |_, world: &World| {
            !world.broken.iter().any(|one| matches!(one, Broken::EndedWithoutTakedown(_)))
        }),
        Property::always(DRAINS, |_, world: &World| {
            !world.broken.iter().any(|one| matches!(one, Broken::DrainCut(_)))
        }),
        Property::always(NEWEST_WINS, |_, world: &World| {
            !world.is_at_rest() || world.newest_has_everything()
        }),
        Property::always(CLEAR_REASON, |_, world: &World| {
            !world.is_at_rest() || !world.is_without_faults() || world.endings_are_clear()
        }),
        Property::always(ENDS_WELL, |_, world: &World| {
            world.is_within_the_time() && (!world.is_at_rest() || world.misfit().is_none())
        }),
        Property::always(ONE_LISTENER, |_, world: &World| {
            !world.broken.iter().any(|one| matches!(one, Broken::SecondListener(_)))
        }),
        Property::always(NO_FAULT_REPORTED, |_, world: &World| {
            !world.broken.iter().any(|one| matches!(one, Broken::Protocol(_) | Broken::Spinning(_)))
        }),
    ]
}

impl World {
    /// Nothing will happen any more without a fault.
    pub fn is_at_rest(&self) -> bool {
        self.steps().is_empty()
    }

    /// Every wait of every process, one after the other, is over in much less.
    fn is_within_the_time(&self) -> bool {
        self.now < World::BEGINNING + Duration::from_secs(10 * 60)
    }

    /// An inherited address has no gap, unless a fault has killed a server that served it, or
    /// its supervisor was asked to stop.
    pub fn is_served_as_guaranteed(&self) -> bool {
        let all_inherit = self.supervisors.iter().all(|one| one.planned.socket == SocketMode::Inherit);
        let excused = |address: &Address| self.excused.contains(address) || !self.stopped.is_empty();
        !all_inherit
            || self.served.iter().all(|address| excused(address) || self.accepting(address).next().is_some())
    }

    /// Only said of runs in which nothing went wrong.
    pub fn newest_has_everything(&self) -> bool {
        if !self.is_without_faults() {
            return true;
        }
        let newest = self.supervisors.last().expect("at least one").plan.generation;
        let serves = |address: &Address| self.accepting(address).any(|server| server.generation == newest);
        self.setup.addresses.iter().all(serves)
    }

    fn is_without_faults(&self) -> bool {
        self.faults_left == self.setup.faults.budget
    }

    fn endings_are_clear(&self) -> bool {
        let (newest, older) = self.supervisors.split_last().expect("at least one");
        let newest_ended_well = match newest.plan.form {
            Form::Stay => newest.is_alive(),
            Form::Leave => newest.life == Presence::Exited(Box::new(RunEnding::Done)),
        };
        newest_ended_well && older.iter().all(|supervisor| is_clear(&supervisor.life))
    }

    /// At rest: what should not be there, or is missing.
    pub fn misfit(&self) -> Option<String> {
        self.misfit_of_addresses()
            .or_else(|| self.misfit_of_processes())
            .or_else(|| self.misfit_of_listeners())
    }

    fn misfit_of_addresses(&self) -> Option<String> {
        for address in &self.setup.addresses {
            let accepting: Vec<u32> = self.accepting(address).map(|server| server.process.pid).collect();
            if accepting.len() > 1 && self.is_any_supervisor_alive() {
                return Some(format!("{address} has the holders {accepting:?}"));
            }
            if accepting.is_empty() && !self.may_be_empty(address) {
                return Some(format!("nobody serves {address}"));
            }
        }
        None
    }

    /// Without any, the servers go on as they are until the next command.
    fn is_any_supervisor_alive(&self) -> bool {
        self.supervisors.iter().any(|one| one.is_alive())
    }

    /// Guarantee 1: who served it was killed, or it is exclusive and its claimant failed after
    /// the takedown; and no supervisor lives that could start another one.
    fn may_be_empty(&self, address: &Address) -> bool {
        let was_harmed = !self.is_without_faults();
        let exclusive = self.supervisors.iter().any(|one| one.planned.socket == SocketMode::Bind);
        let never_served = !self.served.contains(address);
        let excused = self.excused.contains(address) || exclusive || never_served || !self.stopped.is_empty();
        was_harmed && excused && !self.is_any_supervisor_alive()
    }

    fn misfit_of_processes(&self) -> Option<String> {
        let idle = |server: &Server| !server.doings().any(|(_, doing)| doing.accepts());
        let useless = self.servers.values().find(|server| server.is_alive() && idle(server));
        if let Some(server) = useless {
            return Some(format!("server {} is left over", server.process.pid));
        }
        let has_server = |supervisor: &Supervision| {
            self.servers.values().any(|server| server.is_alive() && server.parent == supervisor.index)
        };
        let alive = self.supervisors.iter().filter(|one| one.is_alive());
        let useless = alive.into_iter().find(|one| !(Supervision::stays(one) && has_server(one)));
        useless.map(|supervisor| format!("supervisor {} is left over", supervisor.process.pid))
    }

    /// A duplicate that nobody reads is a black hole.
    fn misfit_of_listeners(&self) -> Option<String> {
        let arbiter =
            self.arbiter_process.iter().flat_map(|arbiter_process| arbiter_process.listeners.keys());
        let kept = self.supervisors.iter().flat_map(|supervisor| supervisor.kept.keys());
        let mut all = arbiter.chain(kept);
        let unread = all.find(|address| self.accepting(address).next().is_none());
        unread.map(|address| format!("a listener of {address} is open and nobody reads it"))
    }
}

fn is_clear(life: &Presence) -> bool {
    match life {
        Presence::Present | Presence::Killed => false,
        Presence::Exited(ending) => {
            matches!(
                **ending,
                RunEnding::Done | RunEnding::DoneInPart | RunEnding::Replaced | RunEnding::Superseded
            )
        }
    }
}
