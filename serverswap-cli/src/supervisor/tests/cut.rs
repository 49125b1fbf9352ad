//! What was cut is said, by the command that replaces and by the one that is replaced or stopped.

use super::*;

const NOTHING: CutShort = CutShort { pid: 0, cut: None, signal: None, connections: None };

#[test]
fn a_replaced_server_that_is_ended_at_its_deadlines_is_told_with_its_connections() {
    let run = Run::leave().up(":8080").older_drains(66, ":8080", 3).forget();
    let run = run.older_signalled(66, EventKind::Terminated, Some(3));
    let run = run.older_signalled(66, EventKind::Killed, Some(2)).older_gone(66).whole(EventKind::Done);
    let expected =
        CutShort { pid: 66, signal: Some(GenerationSignal::Kill), connections: Some(3), ..NOTHING };
    assert_eq!(run.cut_short(), [expected]);
    run.reported(&[
        "sent TERM to pid 66 and its generation, with 3 connections open; KILL in 5 s",
        "sent KILL to pid 66 and its generation, with 2 connections open",
        "pid 66 has exited",
    ]);
}

#[test]
fn connections_that_a_replaced_server_closed_unfinished_are_told_once() {
    let cut = |what| message::Event { pid: Some(66), cut: Some(2), ..event(what, OLDER) };
    let run = Run::leave().up(":8080").older_drains(66, ":8080", 2).forget();
    let run = [EventKind::Draining, EventKind::Gone]
        .into_iter()
        .fold(run, |run, what| run.on(SupervisorInput::FromArbiter(cut(what), EventAttachment::Nothing)));
    let run = run.whole(EventKind::Done);
    assert_eq!(run.cut_short(), [CutShort { pid: 66, cut: Some(2), ..NOTHING }]);
    assert_eq!(run.reports.iter().filter(|line| line.contains("unfinished")).count(), 1, "{:?}", run.reports);
}

#[test]
fn a_command_whose_server_is_replaced_tells_the_same() {
    let run = Run::stay().up(":8080").arbiter(EventKind::Replaced, ":8080").forget();
    let signalled = message::Event {
        pid: Some(PID),
        connections: Some(1),
        remaining_ms: Some(5_000),
        ..event(EventKind::Terminated, OURS)
    };
    let run = run.on(SupervisorInput::FromArbiter(signalled, EventAttachment::Nothing));
    let run = run.killed_by(15).own_gone().settled();
    let expected =
        CutShort { pid: PID, signal: Some(GenerationSignal::Term), connections: Some(1), ..NOTHING };
    assert_eq!(run.cut_short(), [expected]);
}

#[test]
fn a_stopped_server_that_does_not_finish_is_told_with_its_connections() {
    let mut run = Run::stay().up(":8080").signal(SupervisorSignal::Terminate).forget();
    run.connections = Some(4);
    let run = run.at(30_000).killed_by(15).own_gone().settled();
    let expected =
        CutShort { pid: PID, signal: Some(GenerationSignal::Term), connections: Some(4), ..NOTHING };
    assert_eq!(run.cut_short(), [expected]);
    assert_eq!(
        run.reports[0],
        "sent TERM to pid 4242 and its generation, with 4 connections open; KILL in 5 s"
    );
}

#[test]
fn a_server_that_was_granted_nothing_was_not_cut_short() {
    let run = Run::leave().at(60_000).verdict(DecidedVerdict::End).killed_by(15).settled();
    assert_eq!(run.cut_short(), []);
}
