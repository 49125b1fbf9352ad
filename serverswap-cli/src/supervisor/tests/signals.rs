//! TERM, INT and HUP to the supervisor.

use super::*;

#[test]
fn a_signal_before_the_first_connection_ends_the_command_at_once() {
    Run::unconnected(Form::Leave).signal(SupervisorSignal::Interrupt).did(&["exit 130 signal"]);
    Run::unconnected(Form::Stay).signal(SupervisorSignal::Terminate).did(&["exit 143 signal"]);
    Run::unconnected(Form::Leave).signal(SupervisorSignal::Terminate).linked().did(&["exit 143 signal"]);
}

#[test]
fn a_signal_waits_a_moment_for_an_arbiter_that_does_not_answer() {
    let silent = || Run::leave().not_responding();
    silent().signal(SupervisorSignal::Interrupt).at(999).did(&["send timedOut"]).at(1_000).did(&["TERM"]);
    let asked = || Run::leave().signal(SupervisorSignal::Interrupt).not_responding();
    asked().at(999).did(&["send timedOut"]).at(1_000).did(&["TERM"]);
}

#[test]
fn a_server_that_serves_is_not_ended_because_the_arbiter_does_not_answer() {
    let asked = || Run::leave().takes(":8080").forget().not_responding().signal(SupervisorSignal::Interrupt);
    asked().at(999).did(&["send timedOut"]).at(1_000).did(&["exit 130 signal_server_kept"]);
}

#[test]
fn a_signal_before_it_is_up_ends_the_new_server_if_it_serves_nothing() {
    Run::leave()
        .signal(SupervisorSignal::Interrupt)
        .did(&["send timedOut"])
        .verdict(DecidedVerdict::End)
        .did(&["TERM"])
        .killed_by(15)
        .settled()
        .did(&["send ping", "send ping", "exit 130 signal"]);
}

#[test]
fn a_signal_before_it_is_up_leaves_a_server_that_serves() {
    Run::leave()
        .takes(":8080")
        .forget()
        .signal(SupervisorSignal::Terminate)
        .verdict(DecidedVerdict::Keep)
        .did(&["send timedOut", "exit 143 signal_server_kept"]);
}

#[test]
fn a_second_signal_before_it_is_up_does_not_wait_for_the_arbiter() {
    Run::leave()
        .signal(SupervisorSignal::Interrupt)
        .signal(SupervisorSignal::Interrupt)
        .did(&["send timedOut", "TERM"]);
}

#[test]
fn without_a_connection_a_signal_waits_a_moment_for_one() {
    Run::unlinked(Form::Leave, Restart::Never)
        .spawned(PID)
        .signal(SupervisorSignal::Interrupt)
        .at(999)
        .did(&["spawn"])
        .at(1_000)
        .did(&["TERM"]);
}

#[test]
fn a_signal_after_it_is_up_leaves_at_once_and_the_server_lives_on() {
    Run::leave()
        .up(":8080")
        .older_drains(4100, ":8080", 3)
        .forget()
        .signal(SupervisorSignal::Terminate)
        .did(&["exit 0 signal"]);
}

#[test]
fn a_signal_while_the_server_is_being_started_ends_it_as_soon_as_it_runs() {
    Run::unlinked(Form::Leave, Restart::Never)
        .signal(SupervisorSignal::Terminate)
        .did(&["spawn"])
        .spawned(PID)
        .did(&["TERM"])
        .killed_by(15)
        .did(&["exit 143 signal"]);
}

#[test]
fn a_supervisor_that_stays_takes_its_server_down_and_ends_well() {
    Run::stay()
        .up(":8080")
        .forget()
        .signal(SupervisorSignal::Terminate)
        .did(&["send stop"])
        .exited(0)
        .settled()
        .arbiter(EventKind::Vacant, ":8080")
        .did(&["send ping", "send ping", "exit 0 signal"]);
}

#[test]
fn a_server_that_does_not_drain_in_time_gets_term_and_then_kill() {
    Run::stay()
        .up(":8080")
        .forget()
        .signal(SupervisorSignal::Terminate)
        .at(29_999)
        .did(&["send stop"])
        .at(30_000)
        .did(&["TERM"])
        .at(35_000)
        .did(&["KILL"]);
}

#[test]
fn each_further_signal_brings_the_next_step_at_once() {
    Run::stay()
        .up(":8080")
        .forget()
        .signal(SupervisorSignal::Terminate)
        .signal(SupervisorSignal::Interrupt)
        .signal(SupervisorSignal::Terminate)
        .did(&["send stop", "TERM", "KILL"]);
}

#[test]
fn a_server_that_holds_nothing_gets_term_as_soon_as_that_is_sure() {
    Run::stay()
        .signal(SupervisorSignal::Terminate)
        .did(&["send stop", "send ping"])
        .on(SupervisorInput::BarrierPassed)
        .did(&["TERM"])
        .exited(0)
        .settled()
        .did(&["send ping", "send ping", "exit 143 signal"]);
}

#[test]
fn a_drain_that_began_for_another_reason_goes_on_after_the_first_signal() {
    let rolled_back = || Run::on_probation().sends_fail("no database").verdict(DecidedVerdict::End).forget();
    let condemned =
        || Run::leave().arbiter(EventKind::Granted, ":8080").at(60_000).verdict(DecidedVerdict::End);
    rolled_back()
        .at(10_000)
        .signal(SupervisorSignal::Terminate)
        .at(29_999)
        .did(&[])
        .exited(0)
        .settled()
        .own_gone()
        .on(SupervisorInput::BarrierPassed)
        .did(&["send ping", "send ping", "send ping", "exit 143 signal"]);
    condemned().forget().signal(SupervisorSignal::Interrupt).at(89_999).did(&[]).at(90_000).did(&["TERM"]);
    for run in [rolled_back(), condemned().forget()] {
        run.signal(SupervisorSignal::Terminate).signal(SupervisorSignal::Terminate).did(&["TERM"]);
    }
}

#[test]
fn the_first_signal_while_the_arbiter_is_asked_for_another_reason_takes_the_server_down() {
    Run::on_probation()
        .sends_fail("no database")
        .forget()
        .signal(SupervisorSignal::Terminate)
        .at(29_999)
        .did(&["send stop"])
        .at(30_000)
        .did(&["TERM"]);
    Run::leave().at(60_000).forget().signal(SupervisorSignal::Terminate).did(&["send timedOut"]);
}

#[test]
fn a_supervisor_that_is_stopped_before_its_server_was_up_ends_as_interrupted() {
    Run::on_probation()
        .signal(SupervisorSignal::Terminate)
        .exited(0)
        .settled()
        .own_gone()
        .on(SupervisorInput::BarrierPassed)
        .did(&["send stop", "send ping", "send ping", "send ping", "exit 143 signal"]);
}

#[test]
fn a_server_that_comes_up_as_its_supervisor_is_stopped_was_up() {
    Run::stay()
        .takes(":8080")
        .signal(SupervisorSignal::Terminate)
        .whole(EventKind::Up)
        .exited(0)
        .settled()
        .arbiter(EventKind::Vacant, ":8080")
        .did(&["keep :8080", "send stop", "send ping", "send ping", "exit 0 signal"]);
}

#[test]
fn a_server_whose_grant_was_under_way_to_us_is_given_its_drain() {
    Run::stay()
        .signal(SupervisorSignal::Terminate)
        .takes(":8080")
        .on(SupervisorInput::BarrierPassed)
        .at(29_999)
        .did(&["send stop", "send ping", "keep :8080"])
        .at(30_000)
        .did(&["TERM"]);
}

#[test]
fn the_supervisor_does_not_wait_for_ever_to_learn_whether_it_holds_anything() {
    Run::stay()
        .signal(SupervisorSignal::Terminate)
        .at(9_999)
        .did(&["send stop", "send ping"])
        .at(10_000)
        .did(&["TERM"]);
    Run::stay().signal(SupervisorSignal::Terminate).signal(SupervisorSignal::Terminate).did(&[
        "send stop",
        "send ping",
        "TERM",
    ]);
}

#[test]
fn without_a_connection_whether_it_holds_anything_is_asked_when_there_is_one() {
    let unlinked =
        || Run::unlinked(Form::Stay, Restart::Never).spawned(PID).signal(SupervisorSignal::Terminate);
    unlinked().at(999).did(&["spawn"]).at(1_000).did(&["TERM"]);
    unlinked().at(999).linked().at(1_000).did(&["spawn", "send stop", "send ping"]);
}

#[test]
fn a_server_that_still_finishes_what_it_had_is_given_its_drain() {
    Run::stay()
        .up(":8080")
        .arbiter(EventKind::Replaced, ":8080")
        .forget()
        .signal(SupervisorSignal::Terminate)
        .did(&["send stop"]);
}

#[test]
fn more_time_from_the_arbiter_moves_the_deadline() {
    let more = message::Event { remaining_ms: Some(50_000), ..event(EventKind::Draining, OURS) };
    Run::stay()
        .up(":8080")
        .forget()
        .signal(SupervisorSignal::Terminate)
        .on(SupervisorInput::FromArbiter(more, EventAttachment::Nothing))
        .at(49_999)
        .did(&["send stop"])
        .at(50_000)
        .did(&["TERM"]);
}

#[test]
fn stop_is_sent_again_to_a_new_arbiter() {
    Run::stay()
        .up(":8080")
        .on(SupervisorInput::LinkLost)
        .forget()
        .signal(SupervisorSignal::Terminate)
        .did(&[])
        .linked()
        .did(&["send stop"]);
}

#[test]
fn a_signal_while_no_server_runs_is_the_end_at_once() {
    Run::with(Form::Stay, Restart::Always)
        .up(":8080")
        .exited(1)
        .settled()
        .arbiter(EventKind::Vacant, ":8080")
        .forget()
        .signal(SupervisorSignal::Terminate)
        .did(&["exit 0 signal"]);
}

#[test]
fn a_signal_while_leftovers_are_ended_kills_them_at_once() {
    Run::stay()
        .ended(ServerExit::Status(1), Leftovers::Alive)
        .signal(SupervisorSignal::Terminate)
        .did(&["TERM", "KILL"]);
}

#[test]
fn hangup_is_ignored_and_reported() {
    let run = Run::leave().signal(SupervisorSignal::Hangup);
    assert_eq!(run.done, [""; 0]);
    run.reported(&["ignoring HUP; to deploy, run the command again"]);
}
