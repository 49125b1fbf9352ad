//! What the end of a server means: another start, waiting, or the end of the generation.
//!
//! The first row that fits holds. *Left* is what the generation owns then (`Left`); *up* is
//! whether the generation ever was up as a whole.
//!
//! | ended by          | status | left        | form  | `--restart` | up  | next               |
//! | ----------------- | ------ | ----------- | ----- | ----------- | --- | ------------------ |
//! | signal            | any    | any         | stay  | any         | yes | stopped            |
//! | signal            | any    | any         | any   | any         | any | interrupted        |
//! | any               | any    | replaced    | any   | any         | any | replaced           |
//! | any               | any    | handed over | any   | any         | any | await successor    |
//! | any               | any    | returned    | any   | any         | any | start again        |
//! | any               | any    | owned       | stay  | always      | any | start after delay  |
//! | itself            | other  | owned       | stay  | on-failure  | any | start after delay  |
//! | not up            | any    | owned       | stay  | on-failure  | any | start after delay  |
//! | superseded        | any    | owned       | stay  | on-failure  | any | start after delay  |
//! | said fail         | any    | owned       | stay  | on-failure  | any | start after delay  |
//! | said fail         | any    | any         | any   | any         | any | said fail          |
//! | not up            | any    | any         | any   | any         | any | not up             |
//! | superseded        | any    | any         | any   | any         | any | superseded         |
//! | any               | any    | superseded  | any   | any         | any | superseded         |
//! | any               | 0      | any         | stay  | any         | yes | ended              |
//! | any               | any    | any         | any   | any         | any | exited             |
//!
//! *Signal*: the supervisor was asked to stop. *Await successor*: a generation that released an
//! address on request waits until a newer one serves it, whatever `--restart` says (S4).
//! *Stopped* to *exited* end the generation with that outcome. The tests compare the table with
//! the code for every combination.

use std::time::Duration;

use serverswap::protocol::message::Form;

use super::between_servers::{AwaitingSuccessor, Backoff, take_back};
use super::context::Context;
use super::input::{ServerExit, StopSignal};
use super::life_cycle::{Cause, Done, EndReason, LifeCycle, ServerEnd};
use super::owned_addresses::Left;
use super::plan::Restart;
use crate::spawn::SpawnFailure;
use crate::ui::{Reached, Report, RunEnding};

/// What follows the end of a server.
#[derive(Debug, Clone, PartialEq, Eq)]
enum Next {
    StartAgain,
    StartAfterDelay,
    AwaitSuccessor,
    Done(RunEnding),
}

/// What it depends on, besides the end of the server itself.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Circumstances {
    left: Left,
    form: Form,
    restart: Restart,
    reached: Reached,
}

/// The next state after a server has ended and everything about it was reported.
pub(super) fn after(end: ServerEnd, context: &mut Context) -> LifeCycle {
    match next(&end.cause, end.exit, context.circumstances()) {
        Next::StartAgain => take_back(context),
        Next::StartAfterDelay => Backoff::enter(end.up_for, context),
        Next::AwaitSuccessor => AwaitingSuccessor::enter(context),
        Next::Done(ending) => done(ending, context),
    }
}

/// A first start that fails is the end. A later one is tried again if a server that fails is: a
/// file that is being replaced may be back in a moment.
pub(super) fn after_failed_start(failure: SpawnFailure, context: &mut Context) -> LifeCycle {
    let is_owner = !context.addresses.owned().is_empty();
    match (context.plan.form, context.plan.restart) {
        (Form::Stay, Restart::OnFailure | Restart::Always) if is_owner => {
            context.report(Report::NotStarted { failure });
            Backoff::enter(Duration::ZERO, context)
        }
        (Form::Stay | Form::Leave, Restart::Never | Restart::OnFailure | Restart::Always) => {
            done(RunEnding::NotStarted(failure), context)
        }
    }
}

/// The end when the supervisor was asked to stop and no process of the generation is left.
pub(super) fn after_signal(signal: StopSignal, context: &mut Context) -> LifeCycle {
    done(stopped(signal, context.circumstances()), context)
}

/// The end of a command that leaves: it was asked to stop, and its server lives on.
pub(super) fn leave(signal: StopSignal, context: &mut Context) -> LifeCycle {
    let ending = match context.reached {
        Reached::Up => RunEnding::Left(signal),
        Reached::Nothing | Reached::Serving => RunEnding::LeftServing(signal),
    };
    done(ending, context)
}

/// The end of the generation.
pub(super) fn done(ending: RunEnding, context: &mut Context) -> LifeCycle {
    context.exit(ending);
    Done.into()
}

/// The table at the head of this file.
fn next(cause: &Cause, exit: ServerExit, circumstances: Circumstances) -> Next {
    let Circumstances { left, form, restart, .. } = circumstances;
    let ending = match cause {
        Cause::EndedFor(EndReason::Signal(signal)) => return Next::Done(stopped(*signal, circumstances)),
        Cause::EndedFor(EndReason::SaidFail(reason)) => RunEnding::SaidFail(reason.clone()),
        Cause::EndedFor(EndReason::NotUp) => RunEnding::NotUp,
        Cause::EndedFor(EndReason::Superseded) => RunEnding::Superseded,
        Cause::Itself => exited(exit, circumstances),
    };
    match left {
        Left::Replaced => Next::Done(RunEnding::Replaced),
        Left::HandedOver => Next::AwaitSuccessor,
        Left::Returned => Next::StartAgain,
        Left::Owned => match (form, restart) {
            (Form::Stay, Restart::Always) => Next::StartAfterDelay,
            (Form::Stay, Restart::OnFailure) if *cause != Cause::Itself || !exit.is_success() => {
                Next::StartAfterDelay
            }
            (Form::Stay, Restart::OnFailure | Restart::Never)
            | (Form::Leave, Restart::Always | Restart::OnFailure | Restart::Never) => Next::Done(ending),
        },
        Left::Superseded | Left::Nothing => Next::Done(ending),
    }
}

fn stopped(signal: StopSignal, circumstances: Circumstances) -> RunEnding {
    match (circumstances.form, circumstances.reached) {
        (Form::Stay, Reached::Up) => RunEnding::Stopped(signal),
        (Form::Stay, Reached::Nothing | Reached::Serving)
        | (Form::Leave, Reached::Nothing | Reached::Serving | Reached::Up) => RunEnding::Interrupted(signal),
    }
}

fn exited(exit: ServerExit, circumstances: Circumstances) -> RunEnding {
    let Circumstances { left, form, reached, .. } = circumstances;
    if left == Left::Superseded {
        RunEnding::Superseded
    } else if form == Form::Stay && reached == Reached::Up && exit.is_success() {
        RunEnding::Ended
    } else {
        RunEnding::Exited(exit)
    }
}

impl Context {
    fn circumstances(&self) -> Circumstances {
        Circumstances {
            left: self.addresses.left(),
            form: self.plan.form,
            restart: self.plan.restart,
            reached: self.reached,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const SOURCE: &str = include_str!("exit_policy.rs");
    const SIGNAL: StopSignal = StopSignal::Terminate;

    /// One combination of everything that the end of a server depends on.
    #[derive(Debug, Clone)]
    struct Case {
        cause: Cause,
        exit: ServerExit,
        circumstances: Circumstances,
    }

    fn cases() -> Vec<Case> {
        let reasons = [
            EndReason::Signal(SIGNAL),
            EndReason::NotUp,
            EndReason::Superseded,
            EndReason::SaidFail("no database".to_owned()),
        ];
        let causes = reasons.map(Cause::EndedFor).into_iter().chain([Cause::Itself]);
        let lefts =
            [Left::Nothing, Left::Superseded, Left::Replaced, Left::Owned, Left::HandedOver, Left::Returned];
        let mut cases = Vec::new();
        for cause in causes {
            for exit in [ServerExit::Status(0), ServerExit::Status(3), ServerExit::Signal(9)] {
                for left in lefts {
                    for form in [Form::Leave, Form::Stay] {
                        for restart in [Restart::Never, Restart::OnFailure, Restart::Always] {
                            for reached in [Reached::Nothing, Reached::Serving, Reached::Up] {
                                let circumstances = Circumstances { left, form, restart, reached };
                                cases.push(Case { cause: cause.clone(), exit, circumstances });
                            }
                        }
                    }
                }
            }
        }
        cases
    }

    impl Case {
        /// Its cells, in the order of the columns.
        fn cells(&self) -> [&'static str; 6] {
            let cause = match &self.cause {
                Cause::Itself => "itself",
                Cause::EndedFor(EndReason::Signal(_)) => "signal",
                Cause::EndedFor(EndReason::NotUp) => "not up",
                Cause::EndedFor(EndReason::Superseded) => "superseded",
                Cause::EndedFor(EndReason::SaidFail(_)) => "said fail",
            };
            let left = match self.circumstances.left {
                Left::Nothing => "nothing",
                Left::Superseded => "superseded",
                Left::Replaced => "replaced",
                Left::Owned => "owned",
                Left::HandedOver => "handed over",
                Left::Returned => "returned",
            };
            let form = match self.circumstances.form {
                Form::Leave => "leave",
                Form::Stay => "stay",
            };
            let restart = match self.circumstances.restart {
                Restart::Never => "never",
                Restart::OnFailure => "on-failure",
                Restart::Always => "always",
            };
            let up = match self.circumstances.reached {
                Reached::Nothing | Reached::Serving => "no",
                Reached::Up => "yes",
            };
            [cause, if self.exit.is_success() { "0" } else { "other" }, left, form, restart, up]
        }

        fn next(&self) -> Next {
            next(&self.cause, self.exit, self.circumstances)
        }
    }

    /// The rows of the table at the head of this file: six conditions, and what follows.
    fn rows() -> Vec<[&'static str; 7]> {
        let lines = SOURCE.lines().filter_map(|line| line.strip_prefix("//! | "));
        let rows = lines.map(|line| {
            let cells: Vec<&str> = line.trim_end_matches('|').split('|').map(str::trim).collect();
            cells.try_into().expect("a row has seven cells")
        });
        rows.filter(|row: &[&str; 7]| row[0] != "ended by" && !row[0].starts_with('-')).collect()
    }

    fn fits(row: &[&str; 7], case: &Case) -> bool {
        row.iter().zip(case.cells()).all(|(condition, cell)| *condition == "any" || *condition == cell)
    }

    fn means(written: &str, case: &Case) -> Next {
        match written {
            "start again" => Next::StartAgain,
            "start after delay" => Next::StartAfterDelay,
            "await successor" => Next::AwaitSuccessor,
            "stopped" => Next::Done(RunEnding::Stopped(SIGNAL)),
            "interrupted" => Next::Done(RunEnding::Interrupted(SIGNAL)),
            "replaced" => Next::Done(RunEnding::Replaced),
            "said fail" => Next::Done(RunEnding::SaidFail("no database".to_owned())),
            "not up" => Next::Done(RunEnding::NotUp),
            "superseded" => Next::Done(RunEnding::Superseded),
            "ended" => Next::Done(RunEnding::Ended),
            "exited" => Next::Done(RunEnding::Exited(case.exit)),
            other => panic!("{other} is not an outcome"),
        }
    }

    #[test]
    fn the_code_does_what_the_first_row_that_fits_says_in_every_case() {
        let rows = rows();
        for case in cases() {
            let row = rows.iter().find(|row| fits(row, &case)).expect("the last row fits everything");
            assert_eq!(case.next(), means(row[6], &case), "{case:?}, {row:?}");
        }
    }

    #[test]
    fn every_row_decides_some_case() {
        let rows = rows();
        let cases = cases();
        for (index, row) in rows.iter().enumerate() {
            let is_first = |case: &&Case| rows.iter().position(|row| fits(row, case)) == Some(index);
            assert!(cases.iter().any(|case| is_first(&case)), "{row:?} is never reached");
        }
        assert_eq!(rows.len(), 16);
    }

    #[test]
    fn no_generation_ends_well_because_its_server_released_an_address_on_request() {
        for case in cases().into_iter().filter(|case| case.circumstances.left == Left::HandedOver) {
            let is_asked_to_stop = matches!(case.cause, Cause::EndedFor(EndReason::Signal(_)));
            assert!(is_asked_to_stop || case.next() == Next::AwaitSuccessor, "{case:?}");
        }
    }

    #[test]
    fn a_command_that_leaves_restarts_nothing_but_what_a_newer_generation_returned() {
        let leaves = |case: &Case| case.circumstances.form == Form::Leave;
        for case in cases().into_iter().filter(leaves) {
            assert!(case.next() != Next::StartAfterDelay, "{case:?}");
            let is_returned = case.circumstances.left == Left::Returned;
            assert!(is_returned || case.next() != Next::StartAgain, "{case:?}");
        }
    }
}
