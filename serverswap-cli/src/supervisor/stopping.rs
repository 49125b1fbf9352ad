//! The server is being ended: it drains, gets TERM, gets KILL. Each further signal to the
//! supervisor brings the next of these at once.
//!
//! A server that was granted nothing gets TERM without a drain. That it was granted something may be
//! under way to us: the barrier behind `stop` brings it, and after `stop` nothing more is granted.
//!
//! The arbiter keeps the same deadlines; ours hold also when there is none.

use std::time::Duration;

use super::event::Asked;
use super::hear::Heard;
use super::plan::{INTERRUPT_PATIENCE, SETTLE_MAX};
use super::state::{Cause, Ended, Input, Server, State};
use super::sweeping::Sweeping;
use super::world::{Link, World};
use super::{GroupSignal, Said, starting};
use crate::ui::Report;

/// The server is to end.
#[derive(Debug, Clone)]
pub(super) struct Stopping {
    server: Server,
    cause: Cause,
    stage: Stage,
}

/// How hard it was asked.
#[derive(Debug, Clone, Copy)]
enum Stage {
    /// `stop` was said; as far as is known it has nothing to drain, and until then it is awaited whether
    /// that is so.
    Settling { asked: Asked, until: Duration },
    /// `stop` was said.
    Draining { term_at: Duration },
    /// The arbiter has taken it down by itself, with its verdict.
    LettingGo { term_at: Duration },
    /// TERM was sent.
    Terminating { kill_at: Duration },
    /// KILL was sent: the kernel will say when it is over.
    Killed,
}

impl Stopping {
    /// The supervisor was asked to stop.
    pub(super) fn stop(server: Server, asked: Asked, world: &mut World) -> State {
        world.say(Said::Stop);
        if world.addresses.is_anything_to_drain() {
            return Stopping::drain(server, asked, world);
        }
        let patience = match world.link {
            Link::Up => SETTLE_MAX,
            Link::Down => INTERRUPT_PATIENCE,
        };
        world.say(Said::Barrier);
        let stage = Stage::Settling { asked, until: world.now + patience };
        State::Stopping(Stopping { server, cause: Cause::Stop(asked), stage })
    }

    fn drain(server: Server, asked: Asked, world: &mut World) -> State {
        let drain = world.plan.drain_timeout;
        world.report(Report::Stopping { pid: server.pid, signal: asked, drain });
        let stage = Stage::Draining { term_at: world.now + drain };
        State::Stopping(Stopping { server, cause: Cause::Stop(asked), stage })
    }

    /// The server goes, and the older one that still serves goes on alone.
    pub(super) fn roll_back(server: Server, cause: Cause, world: &mut World) -> State {
        world.say(Said::Stop);
        let drain = world.plan.drain_timeout;
        world.report(Report::RollingBack { pid: server.pid, drain });
        State::Stopping(Stopping { server, cause, stage: Stage::Draining { term_at: world.now + drain } })
    }

    /// The arbiter's verdict is that it may be ended, and that it lets go of what it was granted. It may
    /// have begun to serve in the same moment, so it is given its drain.
    pub(super) fn let_go(server: Server, cause: Cause, world: &mut World) -> State {
        let drain = world.plan.drain_timeout;
        world.report(Report::LettingGo { pid: server.pid, drain });
        State::Stopping(Stopping { server, cause, stage: Stage::LettingGo { term_at: world.now + drain } })
    }

    /// TERM now.
    pub(super) fn terminate(server: Server, cause: Cause, world: &mut World) -> State {
        let kill_after = world.plan.kill_timeout;
        world.signal(GroupSignal::Term);
        world.report(Report::Terminated { pid: server.pid, kill_after });
        State::Stopping(Stopping {
            server,
            cause,
            stage: Stage::Terminating { kill_at: world.now + kill_after },
        })
    }

    pub(super) fn on(self, input: Input, world: &mut World) -> State {
        match input {
            Input::Linked => match self.stage {
                Stage::Settling { asked, .. } => Stopping::stop(self.server, asked, world),
                Stage::Draining { .. } => {
                    world.say(Said::Stop);
                    State::Stopping(self)
                }
                // A new arbiter knows of no verdict, and the server has had its time.
                Stage::LettingGo { .. } => self.harder(world),
                Stage::Terminating { .. } | Stage::Killed => State::Stopping(self),
            },
            Input::Heard(Heard::OwnDrain(until)) => self.extended(until),
            Input::Exited { exit, leftovers } => {
                let ended = Ended { server: self.server, exit, cause: self.cause, up_for: Duration::ZERO };
                Sweeping::enter(ended, leftovers, world)
            }
            Input::Asked(asked) => {
                let cause = starting::cause(asked, world);
                Stopping { cause, ..self }.harder(world)
            }
            Input::BarrierPassed => self.settled(world),
            Input::Heard(Heard::News | Heard::Up | Heard::Done | Heard::SaidFail(_))
            | Input::Verdict(_)
            | Input::Spawned { .. }
            | Input::SpawnFailed(_)
            | Input::LeftoversGone => State::Stopping(self),
        }
    }

    pub(super) fn deadline(&self) -> Option<Duration> {
        match self.stage {
            Stage::Settling { until, .. } => Some(until),
            Stage::Draining { term_at } | Stage::LettingGo { term_at } => Some(term_at),
            Stage::Terminating { kill_at } => Some(kill_at),
            Stage::Killed => None,
        }
    }

    pub(super) fn due(self, world: &mut World) -> State {
        self.harder(world)
    }

    fn settled(self, world: &mut World) -> State {
        match self.stage {
            Stage::Settling { asked, .. } if world.addresses.is_anything_to_drain() => {
                Stopping::drain(self.server, asked, world)
            }
            Stage::Settling { .. } => self.harder(world),
            Stage::Draining { .. } | Stage::LettingGo { .. } | Stage::Terminating { .. } | Stage::Killed => {
                State::Stopping(self)
            }
        }
    }

    fn harder(self, world: &mut World) -> State {
        match self.stage {
            Stage::Settling { .. } | Stage::Draining { .. } | Stage::LettingGo { .. } => {
                Stopping::terminate(self.server, self.cause, world)
            }
            Stage::Terminating { .. } | Stage::Killed => {
                world.signal(GroupSignal::Kill);
                world.report(Report::Killed { pid: self.server.pid });
                State::Stopping(Stopping { stage: Stage::Killed, ..self })
            }
        }
    }

    /// The arbiter gave it more time.
    fn extended(self, until: Duration) -> State {
        let stage = match self.stage {
            Stage::Draining { term_at } => Stage::Draining { term_at: term_at.max(until) },
            Stage::LettingGo { term_at } => Stage::LettingGo { term_at: term_at.max(until) },
            stage @ (Stage::Settling { .. } | Stage::Terminating { .. } | Stage::Killed) => stage,
        };
        State::Stopping(Stopping { stage, ..self })
    }
}
