//! Duplicates of listeners, and addresses that go to a newer generation.

use super::*;

#[test]
fn a_supervisor_that_stays_keeps_the_listener() {
    Run::stay().takes(":8080").did(&["keep :8080"]);
}

#[test]
fn a_supervisor_that_leaves_keeps_no_listener_and_answers_closed() {
    Run::leave().takes(":8080").did(&["send closed :8080"]);
}

#[test]
fn a_replaced_address_is_closed_and_answered() {
    Run::stay()
        .up(":8080")
        .forget()
        .arbiter(EventKind::Replaced, ":8080")
        .did(&["close :8080", "send closed :8080"]);
}

#[test]
fn replaced_is_final_whatever_is_reported_later() {
    let run = Run::stay()
        .up(":8080")
        .arbiter(EventKind::Replaced, ":8080")
        .forget()
        .arbiter(EventKind::Vacant, ":8080")
        .arbiter(EventKind::Busy, ":8080")
        .serving(":8080")
        .did(&["send closed :8080"]);
    assert_eq!(run.supervisor.holding(), []);
}

#[test]
fn what_a_newer_generation_took_before_it_was_served_is_reported_as_replaced() {
    let granted = Run::leave().arbiter(EventKind::Granted, ":8080").forget();
    granted
        .arbiter(EventKind::Replaced, ":8080")
        .arbiter(EventKind::Superseded, ":8080")
        .reported(&[":8080 is now served by a newer generation"]);
}

#[test]
fn close_ends_the_duplicate_and_not_the_ownership() {
    let run = Run::stay()
        .up(":8080")
        .forget()
        .arbiter(EventKind::Close, ":8080")
        .did(&["close :8080", "send closed :8080"]);
    assert_eq!(run.supervisor.holding().len(), 1);
}

#[test]
fn what_is_not_kept_is_neither_closed_nor_answered() {
    Run::stay().arbiter(EventKind::Close, ":8080").arbiter(EventKind::Replaced, ":8080").did(&[]);
}

#[test]
fn a_duplicate_is_answered_once() {
    Run::stay()
        .up(":8080")
        .forget()
        .arbiter(EventKind::Close, ":8080")
        .arbiter(EventKind::Replaced, ":8080")
        .did(&["close :8080", "send closed :8080"]);
}

#[test]
fn a_supervisor_that_stays_ends_well_when_its_server_was_replaced() {
    Run::stay().up(":8080").arbiter(EventKind::Replaced, ":8080").forget().exited(0).settled().did(&[
        "send ping",
        "send ping",
        "exit 0 newer_generation_serves",
    ]);
}

#[test]
fn a_replaced_server_that_had_to_be_killed_is_no_failure() {
    Run::stay().up(":8080").arbiter(EventKind::Replaced, ":8080").forget().killed_by(9).settled().did(&[
        "send ping",
        "send ping",
        "exit 0 newer_generation_serves",
    ]);
}

#[test]
fn a_server_without_a_handler_that_was_ended_for_a_newer_one_is_no_failure() {
    Run::stay()
        .up(":8080")
        .forget()
        .killed_by(15)
        .settled()
        .did(&["send ping", "send ping"])
        .arbiter(EventKind::Replaced, ":8080")
        .did(&["close :8080", "send closed :8080", "exit 0 newer_generation_serves"]);
}

#[test]
fn a_server_that_released_an_address_on_request_leaves_its_supervisor_waiting() {
    Run::stay()
        .up("mailer")
        .arbiter(EventKind::Busy, "mailer")
        .forget()
        .exited(0)
        .settled()
        .did(&["send ping", "send ping"])
        .arbiter(EventKind::Replaced, "mailer")
        .did(&["close mailer", "send closed mailer", "exit 0 newer_generation_serves"]);
}

#[test]
fn the_address_is_taken_back_when_the_newer_one_fails() {
    Run::stay()
        .up("mailer")
        .arbiter(EventKind::Busy, "mailer")
        .exited(0)
        .settled()
        .forget()
        .arbiter(EventKind::Vacant, "mailer")
        .did(&["spawn"]);
}

#[test]
fn it_is_taken_back_also_by_a_supervisor_that_leaves() {
    Run::leave()
        .up("mailer")
        .arbiter(EventKind::Busy, "mailer")
        .exited(0)
        .settled()
        .forget()
        .arbiter(EventKind::Vacant, "mailer")
        .did(&["spawn"]);
}

#[test]
fn an_address_that_was_granted_and_released_before_it_was_served_is_taken_back_too() {
    Run::stay()
        .arbiter(EventKind::Granted, "mailer")
        .arbiter(EventKind::Busy, "mailer")
        .exited(0)
        .settled()
        .forget()
        .arbiter(EventKind::Vacant, "mailer")
        .did(&["spawn"]);
}

#[test]
fn a_newer_one_that_failed_before_our_server_exited_is_not_waited_for() {
    Run::stay()
        .up("mailer")
        .arbiter(EventKind::Busy, "mailer")
        .arbiter(EventKind::Vacant, "mailer")
        .forget()
        .exited(0)
        .settled()
        .did(&["send ping", "send ping", "spawn"]);
}

#[test]
fn a_server_that_was_started_again_and_lost_is_no_end_for_its_supervisor() {
    Run::with(Form::Stay, Restart::OnFailure)
        .up(":8080")
        .exited(1)
        .settled()
        .arbiter(EventKind::Vacant, ":8080")
        .at(100)
        .spawned(4243)
        .arbiter(EventKind::Claimed, ":8080")
        .forget()
        .arbiter(EventKind::Superseded, ":8080")
        .arbiter(EventKind::Busy, ":8080")
        .verdict(DecidedVerdict::End)
        .killed_by(15)
        .settled()
        .did(&["send timedOut", "TERM", "send ping", "send ping"])
        .arbiter(EventKind::Replaced, ":8080")
        .did(&["close :8080", "send closed :8080", "exit 0 newer_generation_serves"]);
}

#[test]
fn of_two_addresses_one_may_be_replaced_and_the_other_served_on() {
    Run::stay()
        .takes(":8080")
        .up(":8081")
        .arbiter(EventKind::Replaced, ":8080")
        .forget()
        .at(999_000)
        .did(&[]);
}

#[test]
fn a_server_that_was_replaced_before_it_was_up_drains_on_after_the_ready_timeout() {
    Run::stay().takes(":8080").arbiter(EventKind::Replaced, ":8080").forget().at(60_000).did(&[]);
}

#[test]
fn a_newer_server_that_drains_is_not_one_that_we_replaced() {
    let newer = Generation { start: 3_000, pid: 88 };
    let draining = message::Event { pid: Some(5000), ..event(EventKind::Draining, newer) };
    Run::stay().on(SupervisorInput::FromArbiter(draining, EventAttachment::Nothing)).reported(&[]);
}
