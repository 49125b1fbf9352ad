//! Which generations are meant, how they are asked, and what is told.

use std::collections::BTreeSet;
use std::path::PathBuf;
use std::time::Duration;

use serverswap::protocol::message::{Event, EventKind, Timeouts};
use serverswap::protocol::{Address, Generation, SocketMode};
use serverswap::sys::process::Process;

use super::running::Deadlines;
use super::*;
use crate::state::{AddressRecord, DrainRecord, GenerationRecord, HolderRecord, Snapshot, UnrecordedRecord};
use crate::supervisor::GenerationSignal;
use crate::ui::{Report, Summary};

const START: u64 = 1_000_000_000;
const NOW: Duration = Duration::from_secs(9);

fn address(text: &str) -> Address {
    text.parse().expect("tests use valid addresses")
}

fn generation(number: u64) -> Generation {
    Generation { start: START + number * 1_000_000, pid: 70 }
}

/// The stop itself.
fn own() -> Generation {
    generation(100)
}

fn process(pid: u32) -> Process {
    Process { pid, start: 1 }
}

fn timeouts(drain_ms: u64, kill_ms: u64) -> Timeouts {
    Timeouts { drain_ms, kill_ms, probation_ms: 0, stream_ms: None, ready_ms: None }
}

/// A server that is left alone.
fn alone(number: u64, pid: u32, addresses: &[&str]) -> Running {
    Running {
        generation: generation(number),
        supervisor: None,
        servers: [process(pid)].into(),
        addresses: addresses.iter().map(|text| address(text)).collect(),
        timeouts: Some(timeouts(30_000, 5_000)),
        keeper: Deadlines::OfArbiter,
    }
}

fn supervised(number: u64, pid: u32, supervisor: u32, addresses: &[&str]) -> Running {
    Running { supervisor: Some(process(supervisor)), ..alone(number, pid, addresses) }
}

fn stop(running: &[Running], target: Target, limits: Limits) -> Stop {
    Stop::new(Selection::of(running, target, own()).expect("something is meant"), limits, NOW)
}

fn everything(running: &[Running]) -> Stop {
    stop(running, Target::Everything, Limits::default())
}

/// What is done, without what is told.
fn look(stop: &mut Stop, running: &[Running], after: Duration) -> Option<Vec<StopAction>> {
    let actions = stop.look(running, |_| true, NOW + after)?;
    Some(actions.into_iter().filter(|action| !matches!(action, StopAction::Report(_))).collect())
}

fn selected(running: &[Running], target: Target) -> Result<Vec<Generation>, NotSelected> {
    let mut selection = Selection::of(running, target, own())?;
    Ok(selection.of_running(running).into_iter().map(|one| one.generation).collect())
}

fn event(what: EventKind, of: &Running, pid: u32) -> Event {
    Event { pid: Some(pid), ..Event::new(what, of.generation) }
}

#[test]
fn without_an_address_the_only_service_is_meant_with_all_its_generations() {
    let service = [alone(1, 7, &[":1"]), alone(2, 8, &[":1", ":2"]), supervised(3, 9, 90, &[":2"])];
    assert_eq!(selected(&service, Target::TheOnly), Ok([1, 2, 3].map(generation).to_vec()));
}

#[test]
fn without_an_address_several_services_are_refused_and_listed() {
    let services = [alone(1, 7, &[":1"]), alone(2, 8, &[":2"]), alone(3, 9, &[":1"])];
    let [one, two, three] = services.clone();
    let listed = NotSelected::Several(vec![vec![two], vec![three, one]]);
    assert_eq!(selected(&services, Target::TheOnly), Err(listed));
    assert_eq!(selected(&services, Target::Everything), Ok([1, 2, 3].map(generation).to_vec()));
}

#[test]
fn an_address_means_everything_of_its_service() {
    let services = [alone(1, 7, &[":1", ":2"]), alone(2, 8, &[":2"]), alone(3, 9, &[":3"])];
    let meant = Target::Addresses(vec![address(":1")]);
    assert_eq!(selected(&services, meant), Ok([1, 2].map(generation).to_vec()));
}

#[test]
fn nothing_is_meant_if_one_of_the_addresses_is_held_by_nobody() {
    let meant = Target::Addresses([":1", ":9"].map(address).to_vec());
    assert_eq!(selected(&[alone(1, 7, &[":1"])], meant), Err(NotSelected::NotHeld(address(":9"))));
    assert_eq!(selected(&[], Target::TheOnly), Err(NotSelected::Nothing));
    assert_eq!(selected(&[], Target::Everything), Err(NotSelected::Nothing));
}

#[test]
fn a_deploy_that_was_under_way_is_meant_as_soon_as_it_has_the_address_and_a_later_one_is_not() {
    let old = alone(1, 7, &[":1"]);
    let mut stop = stop(&[old], Target::TheOnly, Limits::default());
    let (earlier, later) = (supervised(99, 8, 80, &[":1"]), supervised(101, 9, 90, &[":1"]));
    let asked = vec![StopAction::Ask { supervisor: process(80), request: 1 }];
    assert_eq!(look(&mut stop, &[earlier, later.clone()], Duration::ZERO), Some(asked));
    assert_eq!(look(&mut stop, std::slice::from_ref(&later), Duration::ZERO), None);
    assert_eq!(stop.over(std::slice::from_ref(&later), NOW).later, [later]);
}

#[test]
fn what_has_no_supervisor_is_taken_down_before_supervisors_are_asked() {
    let running = [supervised(1, 7, 70, &[":1"]), alone(2, 8, &[":2"])];
    let expected = vec![
        StopAction::TakeDown {
            generation: generation(2),
            timeouts: timeouts(30_000, 5_000),
            servers: [process(8)].into(),
        },
        StopAction::Ask { supervisor: process(70), request: 1 },
    ];
    let mut stop = everything(&running);
    assert_eq!(look(&mut stop, &running, Duration::ZERO), Some(expected));
    assert_eq!(
        look(&mut stop, &running, Duration::from_secs(60)),
        Some(vec![]),
        "the arbiter keeps the deadlines"
    );
    assert_eq!(look(&mut stop, &[], Duration::ZERO), None);
}

#[test]
fn a_server_whose_supervisor_leaves_when_it_is_asked_is_taken_down_then() {
    let running = [supervised(1, 7, 70, &[":1"])];
    let mut stop = everything(&running);
    look(&mut stop, &running, Duration::ZERO);
    let actions = look(&mut stop, &[alone(1, 7, &[":1"])], Duration::ZERO);
    assert!(matches!(actions.as_deref(), Some([StopAction::TakeDown { .. }])), "{actions:?}");
}

#[test]
fn the_record_of_a_server_that_has_ended_is_waited_for_and_nothing_is_asked() {
    let running = [alone(1, 7, &[":1"])];
    let mut stop = everything(&running);
    assert_eq!(stop.look(&running, |_| false, NOW), Some(vec![]));
}

#[test]
fn each_further_request_starts_the_next_step_at_once() {
    let running = [supervised(1, 7, 70, &[":1"]), alone(2, 8, &[":2"])];
    let mut stop = everything(&running);
    look(&mut stop, &running, Duration::ZERO);
    for (request, signal) in [(2, GenerationSignal::Term), (3, GenerationSignal::Kill)] {
        stop.hasten();
        let expected = vec![
            StopAction::Ask { supervisor: process(70), request },
            StopAction::Signal { generation: generation(2), signal },
        ];
        assert_eq!(look(&mut stop, &running, Duration::ZERO), Some(expected));
    }
    stop.hasten();
    assert_eq!(look(&mut stop, &running, Duration::ZERO), Some(vec![]));
}

#[test]
fn shorter_deadlines_are_given_to_the_arbiter_and_kept_for_a_supervisor() {
    let running = [supervised(1, 7, 70, &[":1"]), alone(2, 8, &[":2"])];
    let second = Duration::from_secs(1);
    let mut stop = stop(&running, Target::Everything, Limits { drain: Some(second), kill: Some(second) });
    let actions = look(&mut stop, &running, Duration::ZERO).expect("they run");
    assert!(
        matches!(&actions[0], StopAction::TakeDown { timeouts: given, .. } if *given == timeouts(1_000, 1_000))
    );
    for request in [2, 3] {
        let due = stop.deadline().expect("there is one") - NOW;
        assert_eq!(due, second * (request - 1));
        let asked = vec![StopAction::Ask { supervisor: process(70), request }];
        assert_eq!(look(&mut stop, &running, due), Some(asked));
    }
    assert_eq!(stop.deadline(), None);
}

#[test]
fn longer_deadlines_than_those_of_a_supervisor_are_not_ours_to_keep() {
    let running = [supervised(1, 7, 70, &[":1"])];
    let hour = Some(Duration::from_secs(3_600));
    let mut stop = stop(&running, Target::TheOnly, Limits { drain: hour, kill: hour });
    look(&mut stop, &running, Duration::ZERO);
    assert_eq!(stop.deadline(), None);
}

#[test]
fn what_no_state_knows_gets_term_and_kill_at_the_deadlines() {
    let running = [Running { keeper: Deadlines::Ours, timeouts: None, ..alone(1, 7, &[]) }];
    let mut stop = everything(&running);
    look(&mut stop, &running, Duration::ZERO);
    for (seconds, signal) in [(30, GenerationSignal::Term), (35, GenerationSignal::Kill)] {
        let due = stop.deadline().expect("there is one") - NOW;
        assert_eq!(due.as_secs(), seconds);
        let expected = vec![StopAction::Signal { generation: generation(1), signal }];
        assert_eq!(look(&mut stop, &running, due), Some(expected));
    }
}

#[test]
fn a_generation_that_could_not_be_taken_down_is_taken_down_again() {
    let running = [alone(1, 7, &[":1"])];
    let mut stop = everything(&running);
    let first = look(&mut stop, &running, Duration::ZERO);
    stop.not_taken_down(generation(1));
    assert_eq!(look(&mut stop, &running, Duration::ZERO), first);
}

#[test]
fn a_takedown_is_under_way_when_each_server_drains_or_was_signalled() {
    let running = [alone(1, 7, &[":1"])];
    let servers = [7, 8].map(process).into();
    let mut stop = everything(&running);
    let drains =
        |remaining| Event { remaining_ms: Some(remaining), ..event(EventKind::Draining, &running[0], 7) };
    stop.on_event(drains(0));
    stop.on_event(event(EventKind::Gone, &running[0], 8));
    assert!(!stop.is_under_way(&servers), "its TERM follows");
    stop.on_event(drains(30_000));
    assert!(stop.is_under_way(&servers));
}

#[test]
fn what_was_cut_is_said_with_numbers_and_in_the_object() {
    let running = [alone(1, 7, &[":1"])];
    let mut stop = everything(&running);
    look(&mut stop, &running, Duration::ZERO);
    let terminated = Event { connections: Some(3), ..event(EventKind::Terminated, &running[0], 7) };
    assert_eq!(stop.on_event(terminated.clone()).len(), 1);
    assert_eq!(stop.on_event(terminated), vec![], "once");
    let stopped = stop.over(&[], NOW + Duration::from_secs(31));
    let summary = stopped.summary();
    let text = "stopped :1 (pid 7) in 31 s; pid 7 got TERM with 3 connections open";
    assert_eq!(summary, Summary::Success(text.to_owned()));
    let object: serde_json::Value = serde_json::from_str(&stopped.json(&summary)).expect("one object");
    let generation = serde_json::json!({
        "generation": generation(1).to_string(), "addresses": [":1"], "pids": [7],
    });
    let expected = serde_json::json!({
        "outcome": "stopped",
        "reason": "asked",
        "status": 0,
        "message": text,
        "stopped": [generation],
        "cutShort": [{ "pid": 7, "signal": "TERM", "connections": 3 }],
        "durationMs": 31_000,
    });
    assert_eq!(object, expected);
}

#[test]
fn who_hastens_a_supervisor_is_told_what_that_cuts() {
    let running = [supervised(1, 7, 70, &[":1"])];
    let mut stop = everything(&running);
    look(&mut stop, &running, Duration::ZERO);
    stop.on_event(Event { connections: Some(2), ..event(EventKind::Draining, &running[0], 7) });
    stop.hasten();
    look(&mut stop, &running, Duration::ZERO);
    let Summary::Success(text) = stop.over(&[], NOW).summary() else { panic!("it has ended") };
    assert!(text.ends_with("; pid 7 got TERM with 2 connections open"), "{text}");
}

#[test]
fn who_waits_is_reminded_of_what_has_not_ended() {
    let running = [alone(1, 7, &[":1"]), supervised(2, 8, 80, &[":2"])];
    let mut stop = everything(&running);
    let told = |stop: &mut Stop, seconds| {
        let actions = stop.look(&running, |one| one.pid != 8, NOW + Duration::from_secs(seconds));
        let reports = actions.into_iter().flatten().filter_map(|action| {
            let StopAction::Report(report @ Report::StillWaiting(_)) = action else { return None };
            Some(report.text())
        });
        reports.collect::<Vec<_>>()
    };
    stop.on_event(Event { connections: Some(2), ..event(EventKind::Draining, &running[0], 7) });
    assert_eq!((told(&mut stop, 0), told(&mut stop, 4)), (vec![], vec![]));
    let expected = "still waiting for pid 7 to exit (2 connections left, 25 s of the drain timeout left) \
                    and pid 80 to exit (25 s of the drain timeout left)";
    assert_eq!(told(&mut stop, 5), [expected]);
    assert_eq!(told(&mut stop, 6), [""; 0]);
    assert_eq!(told(&mut stop, 10).len(), 1);
}

#[test]
fn a_server_that_is_stopped_and_says_nothing_is_named_with_the_signal_that_ended_it() {
    let running = [Running { keeper: Deadlines::Ours, timeouts: None, ..alone(1, 7, &[":1"]) }];
    let mut stop = everything(&running);
    for seconds in [0, 30, 35] {
        look(&mut stop, &running, Duration::from_secs(seconds));
    }
    let Summary::Success(text) = stop.over(&[], NOW).summary() else { panic!("it has ended") };
    assert!(text.ends_with("; pid 7 got KILL with an unknown number of connections open"), "{text}");
}

#[test]
fn events_of_others_are_not_told() {
    let running = [alone(1, 7, &[":1"]), alone(2, 8, &[":2"])];
    let mut stop = stop(&running, Target::Addresses(vec![address(":1")]), Limits::default());
    assert_eq!(stop.on_event(event(EventKind::Gone, &running[1], 8)), vec![]);
}

#[test]
fn an_error_names_what_it_is_about_and_the_next_command() {
    let directory = PathBuf::from("/run/swap");
    let services = vec![vec![alone(1, 7, &[":1"]), alone(2, 8, &[":1"])], vec![supervised(3, 9, 90, &[])]];
    let several = NotStopped::Several { directory: directory.clone(), services };
    let Summary::Failure { error, hint } = several.summary() else { panic!("an error") };
    assert_eq!(
        error,
        "several run in `/run/swap`: :1 (pid 7 and 8) and a server without an address (pid 9); nothing was stopped"
    );
    assert!(hint.contains("--all"), "{hint}");
    assert_eq!(several.status(), 2);
    let unheld = NotStopped::NotHeld { directory, address: address(":9"), owner: None };
    let Summary::Failure { error, .. } = unheld.summary() else { panic!("an error") };
    assert_eq!(error, "no server of `/run/swap` has :9; nothing was stopped");
    assert_eq!(unheld.status(), 3);
}

#[test]
fn the_state_says_what_runs_and_who_started_it() {
    let mut snapshot = Snapshot::default();
    let record = |supervisor| GenerationRecord {
        timeouts: timeouts(1, 2),
        supervisor,
        up: true,
        awaits_server_up: false,
    };
    // The second is stopped by a process that was started later.
    let stopping = Process { pid: 99, start: u64::MAX / 20_000_000 };
    snapshot.generations.insert(generation(1), record(Some(process(70))));
    snapshot.generations.insert(generation(2), record(Some(stopping)));
    snapshot.generations.insert(generation(3), record(Some(process(71))));
    let holder = HolderRecord::new(process(7), generation(1), SocketMode::Inherit, true, NOW);
    let drain = DrainRecord::new(process(8), generation(2), NOW, NOW, None);
    let ended = DrainRecord::new(process(9), generation(2), NOW, NOW, None);
    let record =
        AddressRecord { holders: vec![holder], draining: vec![drain, ended], ..AddressRecord::default() };
    snapshot.addresses.insert(address(":1"), record);
    snapshot.unrecorded.push(UnrecordedRecord { process: process(6), generation: generation(4) });
    let found = running(&snapshot, &[], |one| one.pid != 9, |_| vec![address(":4")]);
    let given = Some(timeouts(1, 2));
    let expected = [
        Running { timeouts: given, keeper: Deadlines::Ours, ..supervised(1, 7, 70, &[":1"]) },
        Running { timeouts: given, ..alone(2, 8, &[":1"]) },
        Running {
            servers: BTreeSet::new(),
            timeouts: given,
            keeper: Deadlines::Ours,
            ..supervised(3, 0, 71, &[])
        },
        Running { timeouts: None, keeper: Deadlines::Ours, ..alone(4, 6, &[":4"]) },
    ];
    assert_eq!(found, expected);
}
