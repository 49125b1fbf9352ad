//! Every state of an address against every call and line that is about it: the table at the head of the
//! module.

use std::fmt::Write;

use super::super::server_addresses::ServerAddress;
use super::*;

/// What is done to the address `:1`, or arrives about it.
const DEEDS: [&str; 8] =
    ["readyFor", "serving", "onTakedown", "released", "progress", "granted", "takedown", "error"];

fn in_state(state: &str) -> Bench {
    let mut bench = match state {
        "free" => Bench::linked(),
        "claiming" => {
            let mut bench = Bench::linked();
            bench.inherit(":1");
            bench
        }
        "granted" => {
            let mut bench = in_state("claiming");
            bench.receive_with(r#"{"type":"granted","re":2,"address":":1","fds":["listener"]}"#, &[7]);
            bench
        }
        "serving" => Bench::serving(),
        "taking down" => {
            let mut bench = Bench::serving();
            bench.receive(r#"{"type":"takedown","id":1,"address":":1","reason":"replaced","drainMs":9}"#);
            bench
        }
        "draining" => {
            let mut bench = in_state("taking down");
            bench.call(Call::Released(address(":1"))).expect("held");
            bench
        }
        other => panic!("no such state: {other}"),
    };
    bench.actions();
    bench.events();
    bench
}

const STATES: [&str; 6] = ["free", "claiming", "granted", "serving", "taking down", "draining"];

/// What follows: an error of use, lines without their braces and address, events.
fn after(state: &str, deed: &str) -> String {
    follow(state, deed).0
}

/// As [`after`], and the next state.
fn follow(state: &str, deed: &str) -> (String, &'static str) {
    let mut bench = in_state(state);
    let at = address(":1");
    let result = match deed {
        "readyFor" => {
            bench.call(Call::ReadyFor { address: at.clone(), socket: SocketMode::Inherit, more: true })
        }
        "serving" => bench.call(Call::Serving(at.clone())),
        "onTakedown" => bench.call(Call::OnTakedown(at.clone())),
        "released" => bench.call(Call::Released(at.clone())),
        "progress" => {
            bench.call(Call::Progress { address: at.clone(), connections: Some(3), cut: None, extend: None })
        }
        "granted" => {
            bench.receive_with(r#"{"type":"granted","re":2,"address":":1","fds":["listener"]}"#, &[8]);
            Ok(())
        }
        "takedown" => {
            bench.receive(r#"{"type":"takedown","id":4,"address":":1","reason":"stopping","drainMs":5}"#);
            Ok(())
        }
        "error" => {
            bench.receive(r#"{"type":"error","re":2,"code":"superseded","message":"no"}"#);
            Ok(())
        }
        other => panic!("no such deed: {other}"),
    };
    let next = name_of(bench.session.role.addresses.of(&at));
    if !bench.session.is_linked() {
        return (BREAKS_OFF.to_owned(), next);
    }
    let refused = result.err().map(|error| match error {
        CallError::AlreadyClaimed(_) => "AlreadyClaimed".to_owned(),
        CallError::NotHeld(_) => "NotHeld".to_owned(),
        other @ (CallError::NotInheritable(_) | CallError::Failed | CallError::Forked { .. }) => {
            other.to_string()
        }
    });
    let lines = bench
        .actions()
        .into_iter()
        .map(|line| line.replace(['{', '}', '"'], "").replace("type:", "").replace(",address::1", ""));
    let events = bench.events().into_iter().map(|event| event.replace(" :1", ""));
    let followed = refused.into_iter().chain(lines.map(|line| format!("> {line}"))).chain(events);
    (followed.collect::<Vec<_>>().join("; "), next)
}

fn name_of(state: &ServerAddress<u32>) -> &'static str {
    match state {
        ServerAddress::Free => "free",
        ServerAddress::Claiming(_) => "claiming",
        ServerAddress::Granted(_) => "granted",
        ServerAddress::Serving(_) => "serving",
        ServerAddress::TakingDown(_) => "taking down",
        ServerAddress::Draining(_) => "draining",
    }
}

#[test]
fn the_table_at_the_head_of_the_module_is_what_the_session_does() {
    let mut table = String::new();
    for state in STATES {
        for deed in DEEDS {
            let (followed, next) = follow(state, deed);
            let next = if next == state { "" } else { next };
            let followed = if followed.is_empty() { "nothing" } else { &followed };
            writeln!(table, "{state:<12}{deed:<12}{next:<12}{followed}").expect("a string has room");
        }
    }
    let source = include_str!("../mod.rs").replace("//! ", "");
    assert!(source.contains(&format!("```text\n{HEAD}{table}")), "{HEAD}{table}");
}

const HEAD: &str =
    "state       input       next        what follows: `>` a line, an event, or an error of the call\n";

fn assert_row(state: &str, expected: [&str; DEEDS.len()]) {
    assert_eq!(DEEDS.map(|deed| after(state, deed)), expected, "{state}");
}

/// What an answer to nothing leads to.
const BREAKS_OFF: &str = "breaks off";

#[test]
fn a_free_address_can_be_claimed_and_is_never_held() {
    assert_row(
        "free",
        [
            "> readyFor,id:2,socket:inherit,more:true",
            "NotHeld",
            "> onTakedown",
            "NotHeld",
            "NotHeld",
            BREAKS_OFF,
            "> released,re:4",
            BREAKS_OFF,
        ],
    );
}

#[test]
fn a_claimed_address_waits_for_its_answer() {
    assert_row(
        "claiming",
        [
            "AlreadyClaimed",
            "NotHeld",
            "> onTakedown",
            "> released; refused withdrawn",
            "NotHeld",
            "granted +8",
            "> released,re:4",
            "refused superseded",
        ],
    );
}

#[test]
fn a_granted_address_is_served_or_released() {
    assert_row(
        "granted",
        [
            "AlreadyClaimed",
            "> serving",
            "> onTakedown",
            "> released",
            "",
            BREAKS_OFF,
            "takedown Stopping 5ms",
            BREAKS_OFF,
        ],
    );
}

#[test]
fn a_served_address_is_taken_down_or_released() {
    assert_row(
        "serving",
        [
            "AlreadyClaimed",
            "",
            "> onTakedown",
            "> released",
            "",
            BREAKS_OFF,
            "takedown Stopping 5ms",
            BREAKS_OFF,
        ],
    );
}

#[test]
fn an_address_that_is_taken_down_is_held_until_it_is_released() {
    assert_row(
        "taking down",
        [
            "AlreadyClaimed",
            "",
            "> onTakedown",
            "> released,re:1",
            "> progress,re:1,connections:3",
            BREAKS_OFF,
            BREAKS_OFF,
            BREAKS_OFF,
        ],
    );
}

#[test]
fn a_released_address_is_finished_and_can_be_claimed_again() {
    assert_row(
        "draining",
        [
            "> readyFor,id:3,socket:inherit,more:true",
            "NotHeld",
            "> onTakedown",
            "NotHeld",
            "> progress,re:1,connections:3",
            BREAKS_OFF,
            "> released,re:4",
            BREAKS_OFF,
        ],
    );
}

#[test]
fn after_fail_nothing_is_sent_but_releases() {
    let mut bench = in_state("granted");
    bench.call(Call::Fail { reason: "no database".to_owned() }).expect("it is possible");
    bench.actions();
    bench.call(Call::Serving(address(":1"))).expect("held");
    bench.call(Call::OnTakedown(address(":1"))).expect("it is possible");
    bench.call(Call::ServerUp).expect("it is possible");
    assert_eq!(bench.actions(), [""; 0]);
    bench.call(Call::Released(address(":1"))).expect("held");
    assert_eq!(bench.actions(), [r#"{"type":"released","address":":1"}"#]);
}
