//! The server has ended, and what the arbiter still has to say is awaited.
//!
//! A server that says `fail`, or is told that it lost, ends in the same instant as the
//! arbiter tells us; and a server without a takedown handler is ended by the arbiter. What
//! the end means is in events that may still be under way. Two barriers, one after the
//! other, bring everything that the server had said before it ended: it lay in the
//! arbiter's buffers when the first was sent, so it is read before the second is answered.
//! Beyond that, an address that was granted or served gets a new word (`vacant`, `busy`,
//! `replaced`), unless an older server still serves it. So either the word is waited for, or
//! the arbiter's `gone` and one more barrier: the words came right behind it. All of it is
//! bounded.

use std::time::Duration;

use super::judge;
use super::plan::SETTLE_MAX;
use super::starting;
use super::state::{Cause, Ended, Input, State, Why};
use super::sweeping::hear_late;
use super::world::{Link, World};
use crate::supervisor::Said;

/// Waiting for the arbiter's word.
#[derive(Debug, Clone)]
pub(super) struct Settling {
    ended: Ended,
    barrier: Barrier,
    /// Whether the arbiter had told of the server's end when the last barrier was sent.
    gone: Gone,
    pub(super) until: Duration,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Gone {
    Untold,
    Told,
}

#[derive(Debug, Clone, Copy)]
enum Barrier {
    First,
    Second,
    Passed,
}

impl Settling {
    pub(super) fn enter(ended: Ended, world: &mut World) -> State {
        let until = world.now + SETTLE_MAX;
        match (world.link, &ended.cause) {
            // Asked to stop, and nobody there: nothing that could be said would matter.
            (Link::Down, Cause::Stop(_) | Cause::Refused(Why::Interrupted(_))) => {
                return judge::next(ended, world);
            }
            // Whoever is or becomes the arbiter may know what the end means.
            (Link::Down, Cause::Itself | Cause::Refused(Why::NotUp | Why::Superseded | Why::SaidFail(_))) => {
            }
            (Link::Up, _) => {}
        }
        Settling { ended, barrier: Barrier::First, gone: Gone::Untold, until }.ask(Barrier::First, world)
    }

    pub(super) fn on(self, input: Input, world: &mut World) -> State {
        match input {
            Input::BarrierPassed => self.passed(world),
            Input::Linked => self.ask(Barrier::First, world),
            Input::Heard(heard) => {
                let ended = hear_late(self.ended, heard, world);
                Settling { ended, ..self }.settle(world)
            }
            Input::Asked(asked) => {
                let cause = starting::cause(asked, world);
                judge::next(Ended { cause, ..self.ended }, world)
            }
            Input::Verdict(_)
            | Input::Spawned { .. }
            | Input::SpawnFailed(_)
            | Input::Exited { .. }
            | Input::LeftoversGone => State::Settling(self),
        }
    }

    pub(super) fn due(self, world: &mut World) -> State {
        judge::next(self.ended, world)
    }

    fn passed(self, world: &mut World) -> State {
        match self.barrier {
            Barrier::First => self.ask(Barrier::Second, world),
            Barrier::Second if self.gone == Gone::Told => judge::next(self.ended, world),
            Barrier::Second | Barrier::Passed => Settling { barrier: Barrier::Passed, ..self }.settle(world),
        }
    }

    fn settle(self, world: &mut World) -> State {
        match self.barrier {
            Barrier::Passed if !world.addresses.is_unsettled() => judge::next(self.ended, world),
            Barrier::Passed if world.told_gone == Some(self.ended.server.pid) => {
                self.ask(Barrier::Second, world)
            }
            Barrier::First | Barrier::Second | Barrier::Passed => State::Settling(self),
        }
    }

    fn ask(self, barrier: Barrier, world: &mut World) -> State {
        world.say(Said::Barrier);
        let is_told = world.told_gone == Some(self.ended.server.pid);
        let gone = if is_told { Gone::Told } else { Gone::Untold };
        State::Settling(Settling { barrier, gone, ..self })
    }
}
