//! A server that does not speak the protocol: its stand-in says what becomes of it.

use super::*;

const PASSED: &str = ":8080";

fn waits() -> Run {
    Run::leave().arbiter(EventKind::Claimed, PASSED).arbiter(EventKind::Granted, PASSED).forget()
}

fn not_ready() -> SupervisorInput {
    let (addresses, said) = (vec![parse(PASSED)], crate::readiness::ReadyOption::Notify);
    SupervisorInput::NotReady { pid: PID, reason: NotReady::DoesNotListen { addresses, said } }
}

#[test]
fn a_command_that_cannot_be_executed_ends_the_deploy_when_its_process_has_ended() {
    waits()
        .on(SupervisorInput::NotExecuted { pid: PID, failure: not_found() })
        .did(&[])
        .exited(125)
        .did(&["exit 127 not_found"]);
}

#[test]
fn a_server_that_cannot_become_ready_is_ended_before_its_time_is_over() {
    waits()
        .on(not_ready())
        .did(&["send timedOut"])
        .verdict(DecidedVerdict::End)
        .did(&[])
        .exited(0)
        .settled()
        .own_gone()
        .on(SupervisorInput::BarrierPassed)
        .did(&["send ping", "send ping", "send ping", "exit 124 ready_and_not_listening"]);
}

#[test]
fn what_is_said_of_an_earlier_server_changes_nothing() {
    let failure = not_found();
    waits().on(SupervisorInput::NotExecuted { pid: 1, failure }).did(&[]);
}

#[test]
fn a_server_that_needs_more_time_is_not_late() {
    let time = Duration::from_secs(90);
    waits()
        .on(SupervisorInput::NeedsTime { pid: PID, time })
        .at(89_999)
        .did(&[])
        .at(90_000)
        .did(&["send timedOut"]);
}

#[test]
fn more_time_never_means_less() {
    let time = Duration::from_secs(1);
    waits().on(SupervisorInput::NeedsTime { pid: PID, time }).at(59_999).did(&[]);
}

#[test]
fn a_server_that_uses_notify_by_itself_is_late_for_that() {
    let run = waits().on(SupervisorInput::UsesNotify { pid: PID }).at(60_000).verdict(DecidedVerdict::End);
    let run = run.exited(0).settled().own_gone().on(SupervisorInput::BarrierPassed);
    assert_eq!(run.outcome.expect("it has ended").facts.starts, Starts::Notifying);
}
