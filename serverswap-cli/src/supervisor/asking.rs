//! The server is late or lost, and the arbiter is asked whether it may be ended.
//!
//! Only the arbiter knows what was granted a moment ago: a server that a supervisor ended
//! by its own view could be the only one that serves (rule 9, N3 in
//! `shared/field/handover-arbiter.md`). So the same question comes before every end that
//! nobody but us wants: the ready timeout, a lost race, `fail`, a Ctrl-C before it was up.

use std::time::Duration;

use serverswap::protocol::message::DecidedVerdict;

use super::event::ServerExit;
use super::hear::Heard;
use super::judge;
use super::plan::INTERRUPT_PATIENCE;
use super::state::{Cause, Ended, Input, Server, State, Why};
use super::stopping::Stopping;
use super::sweeping::Sweeping;
use super::up::{Flaw, Up};
use super::world::{Link, World};
use super::{Leftovers, Said};
use crate::ui::{Ending, Reached, Report};

/// `timedOut` was sent, or will be as soon as there is a connection.
#[derive(Debug, Clone)]
pub(super) struct Asking {
    server: Server,
    why: Why,
    patience: Patience,
}

/// How long the answer is waited for.
#[derive(Debug, Clone, Copy)]
enum Patience {
    /// Nothing is lost by waiting.
    Endless,
    /// Somebody waits for us; without a connection by then, the server is ended.
    Until(Duration),
}

impl Asking {
    pub(super) fn enter(server: Server, why: Why, world: &mut World) -> State {
        world.say(Said::TimedOut);
        let patience = match (&why, world.link) {
            (Why::Interrupted(_), Link::Down) => Patience::Until(world.now + INTERRUPT_PATIENCE),
            (Why::Interrupted(_), Link::Up) | (Why::NotUp | Why::Superseded | Why::SaidFail(_), _) => {
                Patience::Endless
            }
        };
        State::Asking(Asking { server, why, patience })
    }

    pub(super) fn on(self, input: Input, world: &mut World) -> State {
        match input {
            Input::Linked => Asking::enter(self.server, self.why, world),
            Input::Heard(heard) => self.heard(heard, world),
            Input::Verdict(DecidedVerdict::End) => self.condemned(world),
            Input::Verdict(DecidedVerdict::Keep) => self.keep(world),
            Input::Exited { exit, leftovers } => self.exited(exit, leftovers, world),
            Input::Asked(asked) => {
                let cause = super::starting::cause(asked, world);
                Stopping::terminate(self.server, cause, world)
            }
            Input::BarrierPassed | Input::Spawned { .. } | Input::SpawnFailed(_) | Input::LeftoversGone => {
                State::Asking(self)
            }
        }
    }

    pub(super) fn deadline(&self) -> Option<Duration> {
        match self.patience {
            Patience::Endless => None,
            Patience::Until(until) => Some(until),
        }
    }

    pub(super) fn due(self, world: &mut World) -> State {
        self.end(world)
    }

    fn heard(self, heard: Heard, world: &mut World) -> State {
        match (heard, self.why) {
            (Heard::Up, Why::NotUp | Why::Superseded) => Up::enter(self.server, world),
            (Heard::Done, Why::NotUp | Why::Superseded) => {
                Up::enter(self.server, world).on(Input::Heard(Heard::Done), world)
            }
            (Heard::Done, Why::Interrupted(asked)) => {
                world.reach(Reached::Up);
                judge::over(Ending::Left(asked), world)
            }
            (Heard::Up, why @ Why::Interrupted(_)) => {
                world.reach(Reached::Up);
                State::Asking(Asking { why, ..self })
            }
            (Heard::SaidFail(reason), Why::NotUp | Why::Superseded) => {
                world.report(Report::SaidFail { pid: self.server.pid, reason: reason.clone() });
                State::Asking(Asking { why: Why::SaidFail(reason), ..self })
            }
            (Heard::Up | Heard::Done, why @ Why::SaidFail(_))
            | (Heard::SaidFail(_), why @ (Why::SaidFail(_) | Why::Interrupted(_)))
            | (Heard::News | Heard::OwnDrain(_), why) => State::Asking(Asking { why, ..self }),
        }
    }

    /// Where it was granted anything, it may have begun to serve.
    fn condemned(self, world: &mut World) -> State {
        if world.addresses.is_anything_to_drain() && !world.addresses.is_on_probation() {
            return Stopping::let_go(self.server, Cause::Refused(self.why), world);
        }
        self.end(world)
    }

    /// On probation it has accepted connections, and gets to answer them.
    fn end(self, world: &mut World) -> State {
        let cause = Cause::Refused(self.why);
        if world.addresses.is_on_probation() {
            Stopping::roll_back(self.server, cause, world)
        } else {
            Stopping::terminate(self.server, cause, world)
        }
    }

    /// It serves something, or finishes what it served; so it goes on.
    fn keep(self, world: &mut World) -> State {
        let addresses = world.addresses.serving();
        if !addresses.is_empty() {
            world.reach(Reached::Serving);
        }
        let flaw = match self.why {
            Why::NotUp => Flaw::Late,
            Why::SaidFail(reason) => Flaw::SaidFail(reason),
            Why::Superseded => Flaw::None,
            Why::Interrupted(asked) => {
                let ending = match world.reached {
                    Reached::Up => Ending::Left(asked),
                    Reached::Nothing | Reached::Serving => Ending::LeftServing(asked),
                };
                return judge::over(ending, world);
            }
        };
        world.report(Report::Kept { pid: self.server.pid, addresses });
        Up::kept(self.server, flaw, world)
    }

    fn exited(self, exit: ServerExit, leftovers: Leftovers, world: &mut World) -> State {
        // The arbiter may have ended it already, and its word that we may is still on the way.
        let was_late = self.why == Why::NotUp && world.addresses.mine().is_empty();
        let cause = match self.why {
            why @ (Why::SaidFail(_) | Why::Interrupted(_)) => Cause::Refused(why),
            why @ Why::NotUp if was_late => Cause::Refused(why),
            Why::NotUp | Why::Superseded => Cause::Itself,
        };
        let ended = Ended { server: self.server, exit, cause, up_for: Duration::ZERO };
        Sweeping::enter(ended, leftovers, world)
    }
}
