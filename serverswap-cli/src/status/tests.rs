//! Text and JSON of the same report.

use std::time::{Duration, SystemTime};

use serverswap::protocol::{Address, Generation};

use super::report::NOT_SERVED;
use super::*;
use crate::ui::ResultFormat;

fn generation(start: u64, pid: u32) -> Generation {
    Generation { start, pid }
}

fn report(addresses: Vec<AddressReport>) -> StatusReport {
    let now = SystemTime::UNIX_EPOCH + Duration::from_secs(1_700_000_000);
    let directory = std::path::PathBuf::from("/run/serverswap");
    StatusReport {
        directory,
        now,
        arbiter: Some(4200),
        numbers: Numbers::Own,
        addresses,
        unrecorded: Vec::new(),
    }
}

fn swapped() -> AddressReport {
    AddressReport {
        address: address(":8080"),
        holders: vec![Holder {
            pid: 4242,
            generation: generation(2_000, 4200),
            state: HolderState::Serving,
            says: None,
            age: Duration::from_secs(125),
            supervisor: SupervisedBy::Pid(4200),
        }],
        draining: vec![DrainingServer {
            pid: 4100,
            generation: generation(1_000, 4000),
            age: Duration::from_secs(12),
            remaining: Some(Duration::from_secs(18)),
            connections: Some(3),
            supervisor: SupervisedBy::Nobody,
        }],
        owners: vec![Owner { pid: 4200, generation: generation(2_000, 4200) }],
    }
}

fn address(text: &str) -> Address {
    text.parse().expect("tests use valid addresses")
}

fn restarting() -> AddressReport {
    let owners = vec![Owner { pid: 5000, generation: generation(3_000, 5000) }];
    AddressReport { owners, ..AddressReport::empty(address("mailer")) }
}

#[test]
fn the_table_has_a_line_for_each_server() {
    let expected = "\
ADDRESS  STATE                             PID   FOR        SUPERVISOR  GENERATION
:8080    serving                           4242  2 min 5 s  pid 4200    2000-4200
         draining (3 connections, 18 s left)  4100  12 s       none  1000-4000
";
    let words = |text: &str| -> Vec<Vec<String>> {
        text.lines().map(|line| line.split_whitespace().map(str::to_owned).collect()).collect()
    };
    assert_eq!(words(&report(vec![swapped()]).render(ResultFormat::None)), words(expected));
}

#[test]
fn the_columns_are_aligned() {
    let text = report(vec![swapped(), restarting()]).render(ResultFormat::None);
    let column = text.find("PID").expect("the head has it");
    let fourth: Vec<&str> = text.lines().map(|line| &line[column - 2..column]).collect();
    assert_eq!(fourth, ["  "; 4]);
}

#[test]
fn an_address_whose_server_is_being_started_again_names_its_supervisor() {
    let text = report(vec![restarting()]).render(ResultFormat::None);
    assert_eq!(text.lines().last(), Some("mailer   restarting  -    -    pid 5000    3000-5000"), "{text}");
}

#[test]
fn an_address_that_nobody_has_is_not_served() {
    let text = report(vec![swapped()]).only(&address(":9090")).render(ResultFormat::None);
    assert_eq!(text.lines().last(), Some(":9090    not served  -    -    -           -"));
}

#[test]
fn an_empty_directory_says_so() {
    assert_eq!(report(vec![]).render(ResultFormat::None), "nothing is served in /run/serverswap\n");
}

#[test]
fn the_exit_status_tells_whether_it_is_served() {
    let both = report(vec![swapped(), restarting()]);
    assert_eq!(both.exit_status(), 0);
    assert_eq!(both.clone().only(&address(":8080")).exit_status(), 0);
    assert_eq!(both.clone().only(&address("mailer")).exit_status(), NOT_SERVED);
    assert_eq!(both.only(&address(":9090")).exit_status(), NOT_SERVED);
    assert_eq!(report(vec![]).exit_status(), NOT_SERVED);
}

#[test]
fn granted_is_not_served() {
    let mut granted = swapped();
    granted.holders[0].state = HolderState::Granted;
    assert_eq!(report(vec![granted]).exit_status(), NOT_SERVED);
}

#[test]
fn the_json_says_the_same_as_the_table() {
    let object: serde_json::Value =
        serde_json::from_str(&report(vec![swapped()]).render(ResultFormat::Json)).expect("one object");
    let expected = serde_json::json!({
        "directory": "/run/serverswap",
        "arbiter": 4200,
        "addresses": [{
            "address": ":8080",
            "served": true,
            "holders": [{
                "pid": 4242,
                "generation": "2000-4200",
                "state": "serving",
                "since": "2023-11-14T22:11:15.000Z",
                "forMs": 125_000,
                "supervisor": 4200,
            }],
            "draining": [{
                "pid": 4100,
                "generation": "1000-4000",
                "since": "2023-11-14T22:13:08.000Z",
                "forMs": 12_000,
                "remainingMs": 18_000,
                "connections": 3,
            }],
            "owners": [{ "pid": 4200, "generation": "2000-4200" }],
        }],
    });
    assert_eq!(object, expected);
}

/// Two processes that are in no state file: one listens, the other shows nothing.
fn unrecorded() -> StatusReport {
    let one = |pid, listens| UnrecordedProcess { pid, generation: generation(1_000, 4000), listens };
    let unrecorded = vec![one(4100, vec![address(":8080")]), one(4101, Vec::new())];
    StatusReport { unrecorded, ..report(Vec::new()) }
}

#[test]
fn a_server_in_no_state_is_shown_with_what_it_listens_on() {
    let table = unrecorded().render(ResultFormat::None);
    let rows: Vec<Vec<&str>> = table.lines().skip(1).map(|line| line.split_whitespace().collect()).collect();
    let expected = [
        [":8080", "listening", "4100", "-", "-", "1000-4000"],
        ["?", "unknown", "4101", "-", "-", "1000-4000"],
    ];
    assert_eq!(rows, expected);
    let json = unrecorded().render(ResultFormat::Json);
    assert!(
        json.contains(r#""unnamed":[{"pid":4100,"generation":"1000-4000","listens":[":8080"]}"#),
        "{json}"
    );
}

#[test]
fn what_is_listened_on_is_served_and_nothing_else_is() {
    assert_eq!(unrecorded().exit_status(), 0);
    assert_eq!(unrecorded().only(&address(":8080")).exit_status(), 0);
    assert_eq!(unrecorded().only(&address(":9")).exit_status(), NOT_SERVED);
}

#[test]
fn what_a_server_says_of_itself_is_shown() {
    let mut address = swapped();
    address.holders[0].says = Some("4 workers".to_owned());
    let report = report(vec![address]);
    assert!(report.render(ResultFormat::None).contains("serving (4 workers)"));
    assert!(report.render(ResultFormat::Json).contains(r#""state":"serving","says":"4 workers""#));
}
