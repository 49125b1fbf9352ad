//! The connection to the arbiter: nothing ends because it does.

use super::*;

#[test]
fn a_lost_connection_does_nothing_to_a_server() {
    for run in [Run::leave(), Run::stay(), Run::leave().up(":8080"), Run::stay().up(":8080")] {
        run.forget().on(SupervisorInput::LinkLost).did(&[]);
    }
}

#[test]
fn an_arbiter_that_does_not_answer_is_reported_once_and_nothing_ends() {
    for run in [Run::leave(), Run::stay(), Run::leave().up(":8080"), Run::stay().up(":8080")] {
        let run = run.forget().not_responding().not_responding();
        assert_eq!(run.done, [""; 0]);
        run.reported(&[
            "the arbiter (pid 66) does not answer; every server keeps serving, but no address can change hands until it does",
        ]);
    }
}

#[test]
fn an_arbiter_that_answers_again_is_reported_once() {
    let silent = || Run::stay().up(":8080").not_responding().forget();
    let again = ["the arbiter (pid 66) answers again"];
    silent().on(SupervisorInput::ArbiterResponding).on(SupervisorInput::ArbiterResponding).reported(&again);
    silent().arbiter(EventKind::Serving, ":8080").reported(&again);
    silent().on(SupervisorInput::BarrierPassed).verdict(DecidedVerdict::Keep).reported(&again);
}

#[test]
fn an_arbiter_that_was_silent_without_a_connection_answers_with_its_welcome() {
    let silent = || Run::stay().on(SupervisorInput::LinkLost).not_responding().forget();
    silent().linked().reported(&["the arbiter (pid 66) answers again", "connected to the arbiter"]);
    silent().on(SupervisorInput::LinkLost).linked().reported(&[
        "lost the connection to the arbiter; servers are not affected",
        "connected to the arbiter",
    ]);
}

#[test]
fn an_arbiter_that_falls_silent_again_is_reported_again() {
    let run = Run::stay().not_responding().on(SupervisorInput::ArbiterResponding).forget().not_responding();
    assert_eq!(run.reports.len(), 1);
}

#[test]
fn what_the_arbiter_sends_again_is_not_reported_again() {
    Run::stay()
        .up(":8080")
        .on(SupervisorInput::LinkLost)
        .linked()
        .forget()
        .arbiter(EventKind::Serving, ":8080")
        .whole(EventKind::Up)
        .reported(&[]);
}

#[test]
fn a_late_server_waits_for_a_connection_before_anybody_ends_it() {
    Run::unlinked(Form::Leave, Restart::Never)
        .spawned(PID)
        .forget()
        .at(600_000)
        .did(&[])
        .linked()
        .did(&["send timedOut"]);
}

#[test]
fn a_question_that_the_old_arbiter_did_not_answer_is_asked_again() {
    Run::leave().at(60_000).forget().on(SupervisorInput::LinkLost).linked().did(&["send timedOut"]);
}

#[test]
fn a_new_arbiter_is_asked_for_its_barriers_again() {
    Run::leave().exited(1).on(SupervisorInput::LinkLost).forget().linked().settled().did(&[
        "send ping",
        "send ping",
        "exit 1 exited_before_up",
    ]);
}

#[test]
fn a_grant_that_ends_with_the_server_is_settled_by_its_gone_and_one_more_barrier() {
    Run::leave()
        .arbiter(EventKind::Claimed, ":8080")
        .arbiter(EventKind::Granted, ":8080")
        .forget()
        .exited(1)
        .settled()
        .did(&["send ping", "send ping"])
        .own_gone()
        .did(&["send ping"])
        .on(SupervisorInput::BarrierPassed)
        .did(&["exit 1 exited_before_up"]);
}

#[test]
fn a_silent_arbiter_does_not_delay_the_end_for_ever() {
    Run::stay()
        .up(":8080")
        .forget()
        .exited(1)
        .at(9_999)
        .did(&["send ping"])
        .at(10_000)
        .did(&["exit 1 exited"]);
}

#[test]
fn a_server_that_ends_without_a_connection_is_explained_by_the_next_arbiter() {
    Run::leave()
        .arbiter(EventKind::Claimed, ":8080")
        .on(SupervisorInput::LinkLost)
        .forget()
        .exited(1)
        .did(&[])
        .linked()
        .arbiter(EventKind::Superseded, ":8080")
        .settled()
        .did(&["send ping", "send ping", "exit 120 newer_generation_claims"]);
}

#[test]
fn the_hello_names_what_the_generation_owns() {
    let run = Run::stay()
        .up(":8080")
        .takes("mailer")
        .arbiter(EventKind::Busy, "mailer")
        .arbiter(EventKind::Claimed, ":9090");
    let holding: Vec<(String, bool)> =
        run.supervisor.holding().into_iter().map(|held| (held.address.to_string(), held.serving)).collect();
    assert_eq!(holding, [(":8080".to_owned(), true), ("mailer".to_owned(), false)]);
}

#[test]
fn a_drain_that_ended_while_nobody_was_the_arbiter_holds_nothing_up() {
    Run::leave()
        .takes(":8080")
        .older_drains(4100, ":8080", 3)
        .on(SupervisorInput::LinkLost)
        .linked()
        .at(60_000)
        .forget()
        .verdict(DecidedVerdict::Keep)
        .did(&["exit 124 ready_timeout_server_kept"]);
}
