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

use super::context::{Context, Link};
use super::exit_policy;
use super::plan::SETTLE_MAX;
use super::reaping_group::late_notice;
use super::starting;
use super::state::{Cause, EndReason, Ended, Input, State};
use crate::supervisor::Request;

/// Waiting for the arbiter's word.
#[derive(Debug, Clone)]
pub(super) struct AwaitingArbiter {
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

impl AwaitingArbiter {
    pub(super) fn enter(ended: Ended, context: &mut Context) -> State {
        let until = context.now + SETTLE_MAX;
        match (context.link, &ended.cause) {
            // Asked to stop, and nobody there: nothing that could be said would matter.
            (
                Link::Down | Link::Silent { .. },
                Cause::Stop(_) | Cause::Refused(EndReason::Interrupted(_)),
            ) => {
                return exit_policy::next(ended, context);
            }
            // Whoever is or becomes the arbiter may know what the end means.
            (
                Link::Down | Link::Silent { .. },
                Cause::Itself
                | Cause::Refused(EndReason::NotUp | EndReason::Superseded | EndReason::SaidFail(_)),
            ) => {}
            (Link::Up, _) => {}
        }
        AwaitingArbiter { ended, barrier: Barrier::First, gone: Gone::Untold, until }
            .ask(Barrier::First, context)
    }

    pub(super) fn handle(self, input: Input, context: &mut Context) -> State {
        match input {
            Input::BarrierPassed => self.passed(context),
            Input::Linked => self.ask(Barrier::First, context),
            Input::Notice(notice) => {
                let ended = late_notice(self.ended, notice, context);
                AwaitingArbiter { ended, ..self }.settle(context)
            }
            Input::StopSignal(signal) => {
                let cause = starting::cause(signal, context);
                exit_policy::next(Ended { cause, ..self.ended }, context)
            }
            Input::Verdict(_)
            | Input::NotResponding
            | Input::Spawned { .. }
            | Input::SpawnFailed(_)
            | Input::Exited { .. }
            | Input::LeftoversGone => State::AwaitingArbiter(self),
        }
    }

    pub(super) fn due(self, context: &mut Context) -> State {
        exit_policy::next(self.ended, context)
    }

    fn passed(self, context: &mut Context) -> State {
        match self.barrier {
            Barrier::First => self.ask(Barrier::Second, context),
            Barrier::Second if self.gone == Gone::Told => exit_policy::next(self.ended, context),
            Barrier::Second | Barrier::Passed => {
                AwaitingArbiter { barrier: Barrier::Passed, ..self }.settle(context)
            }
        }
    }

    fn settle(self, context: &mut Context) -> State {
        match self.barrier {
            Barrier::Passed if !context.addresses.is_unsettled() => exit_policy::next(self.ended, context),
            Barrier::Passed if context.reported_gone == Some(self.ended.server.pid) => {
                self.ask(Barrier::Second, context)
            }
            Barrier::First | Barrier::Second | Barrier::Passed => State::AwaitingArbiter(self),
        }
    }

    fn ask(self, barrier: Barrier, context: &mut Context) -> State {
        context.send(Request::Barrier);
        let is_told = context.reported_gone == Some(self.ended.server.pid);
        let gone = if is_told { Gone::Told } else { Gone::Untold };
        State::AwaitingArbiter(AwaitingArbiter { barrier, gone, ..self })
    }
}
