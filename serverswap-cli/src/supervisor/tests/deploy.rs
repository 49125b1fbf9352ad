//! `serverswap`: it leaves when the new server is up and every replaced one has exited.

use super::*;

#[test]
fn nothing_is_started_before_there_is_a_connection() {
    Run::unconnected(Form::Leave).at(600_000).did(&[]).linked().did(&["spawn"]);
}

#[test]
fn the_server_is_started_although_the_first_connection_ends_at_once() {
    Run::unlinked(Form::Leave, Restart::Never).did(&["spawn"]);
}

#[test]
fn the_end_of_a_process_that_is_not_the_server_ends_nothing() {
    let pid = 4_711;
    let (exit, leftovers) = (ServerExit::Status(1), Leftovers::None);
    Run::leave()
        .on(SupervisorInput::ServerExited { pid, exit, leftovers })
        .on(SupervisorInput::LeftoversGone { pid })
        .did(&[]);
}

#[test]
fn a_deploy_ends_when_the_arbiter_reports_that_it_is_done() {
    Run::leave()
        .up(":8080")
        .did(&["send closed :8080"])
        .whole(EventKind::Done)
        .did(&["exit 0 every_replaced_server_exited"]);
}

#[test]
fn done_without_up_before_it_is_an_end_too() {
    Run::leave()
        .arbiter(EventKind::Serving, ":8080")
        .whole(EventKind::Done)
        .did(&["exit 0 every_replaced_server_exited"]);
}

#[test]
fn a_claim_that_failed_beside_one_that_serves_is_in_the_exit_status() {
    Run::leave()
        .arbiter(EventKind::Serving, ":8080")
        .arbiter(EventKind::Failed, ":8081")
        .whole(EventKind::Up)
        .whole(EventKind::Done)
        .did(&["exit 123 claim_failed"]);
}

#[test]
fn nothing_happens_after_the_end() {
    Run::leave()
        .whole(EventKind::Done)
        .forget()
        .exited(1)
        .signal(SupervisorSignal::Terminate)
        .at(99_000)
        .did(&[]);
}

#[test]
fn a_server_that_exits_before_it_is_up_is_the_end_and_its_status_is_ours() {
    Run::leave().exited(3).did(&["send ping"]).settled().did(&["send ping", "exit 3 exited_before_up"]);
}

#[test]
fn a_server_that_ends_well_before_it_is_up_has_failed_all_the_same() {
    Run::leave().exited(0).settled().did(&["send ping", "send ping", "exit 122 exited_before_up"]);
}

#[test]
fn a_server_that_a_signal_killed_is_reported_as_shells_do() {
    Run::leave().killed_by(11).settled().did(&["send ping", "send ping", "exit 139 exited_before_up"]);
}

#[test]
fn a_status_that_has_a_meaning_of_ours_is_not_passed_on() {
    Run::leave().exited(124).settled().did(&["send ping", "send ping", "exit 119 exited_before_up"]);
}

#[test]
fn without_a_connection_an_early_exit_is_the_end_when_none_comes_in_time() {
    Run::unlinked(Form::Leave, Restart::Never)
        .spawned(PID)
        .exited(3)
        .at(9_999)
        .did(&["spawn"])
        .at(10_000)
        .did(&["exit 3 exited_before_up"]);
}

#[test]
fn a_command_that_cannot_be_started_is_the_end() {
    Run::unlinked(Form::Leave, Restart::Never)
        .on(SupervisorInput::SpawnFailed(not_found()))
        .did(&["spawn", "exit 127 not_found"]);
}

#[test]
fn the_arbiter_is_asked_before_a_late_server_is_ended() {
    Run::leave()
        .at(59_999)
        .did(&[])
        .at(60_000)
        .did(&["send timedOut"])
        .verdict(DecidedVerdict::End)
        .did(&["TERM"])
        .killed_by(15)
        .settled()
        .did(&["send ping", "send ping", "exit 124 ready_timeout"]);
}

#[test]
fn a_late_server_that_was_granted_an_address_may_have_begun_to_serve_and_releases_it() {
    let condemned = || {
        let granted = Run::leave().arbiter(EventKind::Claimed, ":8080").arbiter(EventKind::Granted, ":8080");
        granted.at(60_000).verdict(DecidedVerdict::End)
    };
    condemned().at(89_999).did(&["send timedOut"]).at(90_000).did(&["TERM"]).at(95_000).did(&["KILL"]);
    condemned().forget().on(SupervisorInput::LinkLost).linked().did(&["send timedOut"]);
    condemned().forget().exited(0).settled().own_gone().on(SupervisorInput::BarrierPassed).did(&[
        "send ping",
        "send ping",
        "send ping",
        "exit 124 ready_timeout",
    ]);
}

#[test]
fn a_late_server_that_ignores_term_is_killed_after_the_kill_timeout() {
    Run::leave()
        .at(60_000)
        .verdict(DecidedVerdict::End)
        .forget()
        .at(64_999)
        .did(&[])
        .at(65_000)
        .did(&["KILL"]);
}

#[test]
fn a_late_server_that_serves_is_kept_and_the_status_says_that_it_is_late() {
    Run::leave()
        .takes(":8080")
        .older_drains(4100, ":8080", 3)
        .at(60_000)
        .forget()
        .verdict(DecidedVerdict::Keep)
        .did(&[])
        .older_gone(4100)
        .did(&["exit 124 ready_timeout_server_kept"]);
}

#[test]
fn a_late_server_that_comes_up_after_all_is_an_ordinary_deploy() {
    Run::leave()
        .takes(":8080")
        .older_drains(4100, ":8080", 3)
        .at(60_000)
        .verdict(DecidedVerdict::Keep)
        .forget()
        .whole(EventKind::Up)
        .older_gone(4100)
        .whole(EventKind::Done)
        .did(&["exit 0 every_replaced_server_exited"]);
}

#[test]
fn up_in_the_turn_of_the_deadline_goes_before_it() {
    Run::leave().takes(":8080").forget().clock(60_000).whole(EventKind::Up).did(&[]);
}

#[test]
fn up_while_the_arbiter_is_asked_makes_the_answer_void() {
    Run::leave()
        .at(60_000)
        .takes(":8080")
        .whole(EventKind::Up)
        .forget()
        .verdict(DecidedVerdict::Keep)
        .did(&[]);
}

#[test]
fn a_server_that_sends_fail_is_ended() {
    Run::leave()
        .sends_fail("no database")
        .did(&["send timedOut"])
        .verdict(DecidedVerdict::End)
        .killed_by(15)
        .settled()
        .did(&["TERM", "send ping", "send ping", "exit 121 server_said_fail"]);
}

#[test]
fn a_server_that_sends_fail_and_exits_at_once_has_failed_by_its_own_account() {
    Run::leave().exited(1).sends_fail("no database").settled().did(&[
        "send ping",
        "send ping",
        "exit 121 server_said_fail",
    ]);
}

#[test]
fn a_server_that_sends_fail_and_serves_goes_on() {
    Run::leave()
        .takes(":8080")
        .forget()
        .sends_fail("half of me")
        .verdict(DecidedVerdict::Keep)
        .did(&["send timedOut", "exit 121 server_said_fail"]);
}

#[test]
fn a_server_that_lost_every_claim_is_ended() {
    Run::leave()
        .arbiter(EventKind::Claimed, ":8080")
        .arbiter(EventKind::Superseded, ":8080")
        .verdict(DecidedVerdict::End)
        .killed_by(15)
        .settled()
        .did(&["send timedOut", "TERM", "send ping", "send ping", "exit 120 newer_generation_claims"]);
}

#[test]
fn a_server_that_lost_every_claim_was_superseded_whatever_becomes_of_a_claim_that_it_repeats() {
    let failed = message::Event { code: Some(Code::Stopping), ..about(EventKind::Failed, ":8080") };
    Run::leave()
        .arbiter(EventKind::Claimed, ":8080")
        .arbiter(EventKind::Superseded, ":8080")
        .on(SupervisorInput::FromArbiter(failed, EventAttachment::Nothing))
        .verdict(DecidedVerdict::End)
        .killed_by(15)
        .settled()
        .did(&["send timedOut", "TERM", "send ping", "send ping", "exit 120 newer_generation_claims"]);
}

#[test]
fn a_server_that_lost_one_of_its_claims_goes_on_with_the_others() {
    Run::leave()
        .arbiter(EventKind::Claimed, ":8080")
        .arbiter(EventKind::Claimed, ":8081")
        .arbiter(EventKind::Superseded, ":8080")
        .did(&[]);
}

#[test]
fn a_server_that_exits_because_it_lost_was_superseded() {
    Run::leave().exited(1).arbiter(EventKind::Superseded, ":8080").settled().did(&[
        "send ping",
        "send ping",
        "exit 120 newer_generation_claims",
    ]);
}

#[test]
fn a_server_that_was_granted_what_a_newer_one_serves_drains_and_counts_as_superseded() {
    Run::leave()
        .arbiter(EventKind::Granted, ":8080")
        .arbiter(EventKind::Replaced, ":8080")
        .at(120_000)
        .did(&[])
        .exited(0)
        .settled()
        .did(&["send ping", "send ping", "exit 120 newer_generation_claims"]);
}

#[test]
fn a_server_on_probation_that_a_newer_one_replaces_drains_and_counts_as_superseded() {
    Run::on_probation()
        .arbiter(EventKind::Replaced, ":8080")
        .at(120_000)
        .did(&[])
        .exited(0)
        .settled()
        .did(&["send ping", "send ping", "exit 120 newer_generation_claims"]);
}

#[test]
fn a_server_that_sent_fail_on_probation_drains_also_when_a_newer_one_has_replaced_it() {
    Run::on_probation()
        .sends_fail("no database")
        .arbiter(EventKind::Replaced, ":8080")
        .verdict(DecidedVerdict::End)
        .at(29_999)
        .did(&["send timedOut"])
        .at(30_000)
        .did(&["TERM"]);
}

#[test]
fn a_later_claim_that_is_lost_ends_no_server_that_still_drains() {
    Run::on_probation()
        .arbiter(EventKind::Replaced, ":8080")
        .arbiter(EventKind::Claimed, ":8080")
        .arbiter(EventKind::Superseded, ":8080")
        .did(&[]);
}

#[test]
fn a_server_that_crashes_while_older_ones_drain_is_an_error() {
    Run::leave()
        .up(":8080")
        .older_drains(4100, ":8080", 3)
        .forget()
        .killed_by(11)
        .settled()
        .arbiter(EventKind::Vacant, ":8080")
        .did(&["send ping", "send ping", "exit 139 exited"]);
}

#[test]
fn a_server_that_is_replaced_while_older_ones_drain_is_no_error() {
    Run::leave().up(":8080").forget().arbiter(EventKind::Replaced, ":8080").exited(1).settled().did(&[
        "send ping",
        "send ping",
        "exit 0 newer_generation_serves",
    ]);
}

#[test]
fn what_the_server_left_behind_is_ended_before_the_end() {
    Run::leave()
        .ended(ServerExit::Status(1), Leftovers::Alive)
        .did(&["TERM"])
        .at(5_000)
        .did(&["KILL"])
        .leftovers_gone()
        .settled()
        .did(&["send ping", "send ping", "exit 1 exited_before_up"]);
}

#[test]
fn the_progress_of_a_swap_reads_well() {
    Run::unlinked(Form::Leave, Restart::Never)
        .spawned(PID)
        .clock(312)
        .arbiter(EventKind::Granted, ":8080")
        .clock(331)
        .arbiter(EventKind::Serving, ":8080")
        .older_drains(4100, ":8080", 3)
        .older_drains(4100, ":8080", 1)
        .older_gone(4100)
        .older_gone(4100)
        .reported(&[
            "started node server.js (pid 4242)",
            ":8080 ready after 312 ms; granted",
            ":8080 now served by pid 4242",
            "pid 4100 is draining :8080 (3 connections, 28 s left)",
            "pid 4100 is draining :8080 (1 connection, 28 s left)",
            "pid 4100 has exited",
        ]);
}

#[test]
fn a_server_that_ends_on_probation_is_rolled_back_and_not_started_again() {
    Run::on_probation().exited(7).settled().own_gone().on(SupervisorInput::BarrierPassed).did(&[
        "send ping",
        "send ping",
        "send ping",
        "exit 7 exited_on_probation",
    ]);
}

#[test]
fn a_server_that_ends_on_probation_is_rolled_back_also_if_a_newer_one_asks() {
    Run::on_probation().exited(7).settled().arbiter(EventKind::Busy, ":8080").did(&[
        "send ping",
        "send ping",
        "exit 7 exited_on_probation",
    ]);
}

#[test]
fn a_server_that_sends_fail_on_probation_gets_to_drain() {
    Run::on_probation()
        .sends_fail("no database")
        .did(&["send timedOut"])
        .verdict(DecidedVerdict::End)
        .did(&["send stop"])
        .at(29_999)
        .did(&[])
        .at(30_000)
        .did(&["TERM"]);
}

#[test]
fn probation_does_not_count_as_being_late() {
    Run::on_probation().at(60_000).did(&[]).at(70_000).did(&[]);
}

#[test]
fn after_probation_the_server_serves_and_is_up() {
    Run::on_probation().serving(":8080").whole(EventKind::Up).forget().at(200_000).did(&[]);
}

#[test]
fn a_supervisor_that_stays_goes_on_when_its_deploy_is_over() {
    let stays = || Run::stay().up(":8080").forget();
    stays().whole(EventKind::Done).did(&["deployed 0 every_replaced_server_exited"]);
    Run::stay()
        .arbiter(EventKind::Serving, ":8080")
        .arbiter(EventKind::Failed, ":8081")
        .whole(EventKind::Up)
        .whole(EventKind::Done)
        .did(&["deployed 123 claim_failed"]);
    stays()
        .sends_fail("no database")
        .forget()
        .verdict(DecidedVerdict::Keep)
        .did(&["deployed 121 server_said_fail"]);
}
