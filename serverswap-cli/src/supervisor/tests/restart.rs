//! `--restart`: with a supervisor that stays, and only for a server that was up once.

use super::*;

fn crashed(restart: Restart) -> Run {
    Run::with(Form::Stay, restart)
        .up(":8080")
        .forget()
        .killed_by(11)
        .settled()
        .arbiter(EventKind::Vacant, ":8080")
}

#[test]
fn never_ends_with_the_server_and_its_status() {
    crashed(Restart::Never).did(&["send ping", "send ping", "exit 139 exited"]);
}

#[test]
fn on_failure_starts_a_crashed_server_again_after_the_first_delay() {
    crashed(Restart::OnFailure).did(&["send ping", "send ping"]).at(99).did(&[]).at(100).did(&["spawn"]);
}

#[test]
fn the_listener_is_kept_meanwhile() {
    let run = crashed(Restart::OnFailure);
    let holding: Vec<String> = run.supervisor.holding().iter().map(|held| held.address.to_string()).collect();
    assert_eq!(holding, [":8080"]);
}

#[test]
fn on_failure_ends_well_with_a_server_that_ended_well() {
    Run::with(Form::Stay, Restart::OnFailure)
        .up(":8080")
        .forget()
        .exited(0)
        .settled()
        .arbiter(EventKind::Vacant, ":8080")
        .did(&["send ping", "send ping", "exit 0 server_ended"]);
}

#[test]
fn always_starts_it_again_also_then() {
    Run::with(Form::Stay, Restart::Always)
        .up(":8080")
        .exited(0)
        .settled()
        .arbiter(EventKind::Vacant, ":8080")
        .forget()
        .at(100)
        .did(&["spawn"]);
}

#[test]
fn a_server_that_was_never_up_is_not_started_again() {
    Run::with(Form::Stay, Restart::Always).exited(1).settled().did(&[
        "send ping",
        "send ping",
        "exit 1 exited_before_up",
    ]);
}

#[test]
fn the_delay_doubles_while_it_keeps_crashing() {
    crashed(Restart::OnFailure)
        .at(100)
        .spawned(4243)
        .forget()
        .exited(1)
        .settled()
        .at(299)
        .did(&["send ping", "send ping"])
        .at(300)
        .did(&["spawn"]);
}

#[test]
fn the_delay_starts_over_after_a_server_that_was_up_for_a_while() {
    crashed(Restart::OnFailure)
        .at(100)
        .spawned(4243)
        .up(":8080")
        .clock(10_100)
        .exited(1)
        .settled()
        .arbiter(EventKind::Vacant, ":8080")
        .forget()
        .at(10_199)
        .did(&[])
        .at(10_200)
        .did(&["spawn"]);
}

#[test]
fn a_late_server_that_was_started_again_is_ended_and_started_again() {
    crashed(Restart::OnFailure)
        .at(100)
        .spawned(4243)
        .forget()
        .at(60_100)
        .verdict(DecidedVerdict::End)
        .killed_by(15)
        .settled()
        .at(60_300)
        .did(&["send timedOut", "TERM", "send ping", "send ping", "spawn"]);
}

#[test]
fn a_command_that_is_gone_for_a_moment_is_tried_again() {
    crashed(Restart::OnFailure)
        .at(100)
        .on(SupervisorInput::SpawnFailed(not_found()))
        .forget()
        .at(300)
        .did(&["spawn"]);
}

#[test]
fn a_generation_that_was_replaced_while_nothing_ran_is_over() {
    crashed(Restart::OnFailure).forget().arbiter(EventKind::Replaced, ":8080").did(&[
        "close :8080",
        "send closed :8080",
        "exit 0 newer_generation_serves",
    ]);
}

#[test]
fn a_generation_whose_address_a_newer_one_is_about_to_serve_waits_for_it() {
    crashed(Restart::OnFailure)
        .arbiter(EventKind::Busy, ":8080")
        .at(100)
        .forget()
        .arbiter(EventKind::Vacant, ":8080")
        .did(&["spawn"]);
}

#[test]
fn a_deploy_that_leaves_starts_nothing_again() {
    Run::with(Form::Leave, Restart::Always)
        .up(":8080")
        .forget()
        .exited(1)
        .settled()
        .arbiter(EventKind::Vacant, ":8080")
        .did(&["send ping", "send ping", "exit 1 exited"]);
}

#[test]
fn leftovers_are_gone_before_it_is_started_again() {
    Run::with(Form::Stay, Restart::OnFailure)
        .up(":8080")
        .forget()
        .ended(ServerExit::Status(1), Leftovers::Alive)
        .arbiter(EventKind::Vacant, ":8080")
        .at(4_999)
        .did(&["TERM"])
        .leftovers_gone()
        .settled()
        .at(5_099)
        .did(&["send ping", "send ping", "spawn"]);
}
