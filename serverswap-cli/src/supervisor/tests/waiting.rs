//! What is waited for in each state, and when the operator is reminded of it.

use super::*;
use crate::supervisor::waiting::{LOOK_INTERVAL, NOTE_DELAY, REMIND_INTERVAL};
use crate::ui::{SomeAddresses, WaitingFor};

impl Run {
    #[track_caller]
    fn waits_for(mut self, expected: &str) -> Run {
        let what = self.supervisor.waits_for(self.now).map(|what| Report::StillWaiting(what).text());
        assert_eq!(what, Some(format!("still waiting for {expected}")));
        self
    }

    #[track_caller]
    fn waits_for_nothing(mut self) -> Run {
        assert_eq!(self.supervisor.waits_for(self.now), None);
        self
    }
}

#[test]
fn without_an_arbiter_it_is_waited_for() {
    Run::unconnected(Form::Leave).waits_for("an arbiter to answer; every server keeps serving");
}

#[test]
fn an_arbiter_that_does_not_answer_is_named() {
    Run::leave().not_responding().waits_for("the arbiter (pid 66) to answer; every server keeps serving");
}

#[test]
fn a_server_without_a_claim_has_to_make_one() {
    Run::leave()
        .clock(20_000)
        .waits_for("pid 4242 to call `readyFor(address)`; 40 s of the ready timeout left")
        .arbiter(EventKind::Claimed, ":8080")
        .arbiter(EventKind::Failed, ":8080")
        .waits_for("pid 4242, whose claim of :8080 failed, to claim again; 40 s of the ready timeout left");
}

#[test]
fn a_claim_waits_for_the_server_that_has_to_release_the_address() {
    Run::leave()
        .arbiter(EventKind::Claimed, "mailer")
        .waits_for("mailer to be granted to pid 4242; 1 min of the ready timeout left")
        .older_drains(4100, "mailer", 3)
        .older_drains(4101, ":8080", 3)
        .clock(10_000)
        .waits_for(
            "mailer to be granted to pid 4242 once pid 4100 has released it (3 connections left, 18 s of the drain \
             timeout left); 50 s of the ready timeout left",
        );
}

#[test]
fn a_server_has_to_serve_what_it_was_granted_and_then_to_be_up() {
    Run::leave()
        .arbiter(EventKind::Claimed, ":8080")
        .arbiter(EventKind::Granted, ":8080")
        .waits_for("pid 4242 to serve :8080, which it was granted; 1 min of the ready timeout left")
        .serving(":8080")
        .waits_for("pid 4242 to call `serverUp()`; 1 min of the ready timeout left");
}

#[test]
fn a_probation_ends_by_itself() {
    Run::on_probation().clock(4_000).waits_for("the probation of pid 4242 on :8080 to end; 6 s left");
}

#[test]
fn a_server_that_is_up_is_not_waited_for_by_a_supervisor_that_stays() {
    Run::stay().up(":8080").waits_for_nothing();
}

#[test]
fn a_server_that_was_replaced_is_waited_for_until_it_has_exited() {
    Run::leave()
        .up(":8080")
        .waits_for("what older generations have left to end")
        .older_drains(4100, ":8080", 3)
        .clock(4_000)
        .waits_for("pid 4100 to exit (3 connections left, 24 s of the drain timeout left)")
        .older_drains(4100, ":8080", 0)
        .waits_for(
            "pid 4100 to exit (0 connections left, the process has not ended, 28 s of the drain timeout left)",
        )
        .older_signalled(4100, EventKind::Terminated, Some(0))
        .clock(6_000)
        .waits_for("pid 4100 to exit after TERM (0 connections left, the process has not ended, KILL in 3 s)")
        .older_signalled(4100, EventKind::Killed, Some(0))
        .waits_for("pid 4100 to exit after KILL (0 connections left, the process has not ended)")
        .older_gone(4100)
        .waits_for("what older generations have left to end");
}

#[test]
fn of_many_servers_that_drain_a_few_are_named() {
    let many = (4100..4105).fold(Run::stay().up(":8080"), |run, pid| run.older_drains(pid, ":8080", 1));
    let one = |pid| format!("pid {pid} to exit (1 connection left, 28 s of the drain timeout left)");
    let named: Vec<String> = (4100..4103).map(one).collect();
    many.waits_for(&format!("{} and 2 servers more", named.join(", ")));
}

#[test]
fn a_supervisor_that_stays_waits_for_its_own_server_when_that_was_replaced() {
    let draining = message::Event {
        remaining_ms: Some(30_000),
        connections: Some(2),
        ..about(EventKind::Draining, ":8080")
    };
    Run::stay()
        .up(":8080")
        .on(SupervisorInput::FromArbiter(draining, EventAttachment::Nothing))
        .arbiter(EventKind::Replaced, ":8080")
        .clock(10_000)
        .waits_for("pid 4242 to exit (2 connections left, 20 s of the drain timeout left)");
}

#[test]
fn a_server_that_is_stopped_drains_and_gets_its_signals() {
    Run::stay()
        .up(":8080")
        .signal(SupervisorSignal::Terminate)
        .clock(10_000)
        .waits_for("pid 4242 to exit (20 s of the drain timeout left)")
        .at(30_000)
        .waits_for("pid 4242 to exit after TERM (KILL in 5 s)")
        .at(35_000)
        .waits_for("pid 4242 to exit after KILL");
}

#[test]
fn what_a_server_has_left_behind_is_waited_for() {
    Run::leave()
        .ended(ServerExit::Status(1), Leftovers::Alive)
        .waits_for("what pid 4242 has left behind to end; KILL in 5 s")
        .at(5_000)
        .waits_for("what pid 4242 has left behind to end; KILL was sent");
}

#[test]
fn a_generation_without_a_server_waits_for_the_next_start_or_for_its_successor() {
    Run::with(Form::Stay, Restart::Always)
        .up(":8080")
        .exited(1)
        .waits_for("an arbiter to answer; every server keeps serving")
        .arbiter(EventKind::Vacant, ":8080")
        .settled()
        .waits_for("the next start of the server; 100 ms left")
        .arbiter(EventKind::Busy, ":8080")
        .at(100)
        .waits_for("a newer generation to serve :8080");
}

#[test]
fn a_generation_that_has_ended_waits_for_nothing() {
    Run::leave().up(":8080").whole(EventKind::Done).waits_for_nothing();
}

fn claim() -> WaitingFor {
    let (failed, listens) = (SomeAddresses::default(), Vec::new());
    WaitingFor::Claim { pid: PID, failed, listens, is_intercepted: false, remaining: Duration::ZERO }
}

/// What is due for a wait until `end`, and when, if nothing happens.
fn due(what: &WaitingFor, end: Duration) -> Vec<(u128, Due)> {
    let mut reminder = Reminder::new(Duration::ZERO);
    let mut due = Vec::new();
    while let Some(now) = reminder.deadline().filter(|at| *at <= end) {
        due.extend(reminder.due(Some(what), now).map(|due| (now.as_millis(), due)));
    }
    due
}

#[test]
fn a_reminder_comes_at_least_every_five_seconds() {
    let reminders = due(&WaitingFor::OlderGenerations, 3 * REMIND_INTERVAL);
    assert_eq!(reminders, [(4_500, Due::Remind), (9_000, Due::Remind), (13_500, Due::Remind)]);
}

#[test]
fn the_listeners_of_a_server_without_a_claim_are_looked_for_each_second_and_then_with_each_reminder() {
    let looks = [1_000, 2_000, 3_000, 4_000].map(|at| (at, Due::Look));
    let reminders = [(4_500, Due::Remind), (9_000, Due::Remind)];
    assert_eq!(due(&claim(), 2 * REMIND_INTERVAL), [&looks[..], &reminders].concat());
}

#[test]
fn a_wait_for_something_else_begins_anew_and_the_end_of_it_ends_the_reminders() {
    let mut reminder = Reminder::new(Duration::ZERO);
    assert_eq!(reminder.due(Some(&claim()), Duration::ZERO), None);
    reminder.turned(LOOK_INTERVAL / 2);
    assert_eq!(reminder.deadline(), Some(LOOK_INTERVAL / 2 + NOTE_DELAY));
    assert_eq!(reminder.due(Some(&WaitingFor::OlderGenerations), LOOK_INTERVAL), None);
    assert_eq!(reminder.deadline(), Some(LOOK_INTERVAL + REMIND_INTERVAL));
    assert_eq!(reminder.due(None, 2 * LOOK_INTERVAL), None);
    assert_eq!(reminder.deadline(), None);
}

#[test]
fn a_listener_without_a_claim_is_told_once() {
    let mut reminder = Reminder::new(Duration::ZERO);
    assert_eq!(reminder.due(Some(&claim()), Duration::ZERO), None);
    let told = |reminder: &mut Reminder| reminder.untold([parse(":8080")]).len();
    assert_eq!([told(&mut reminder), told(&mut reminder)], [1, 0]);
}
