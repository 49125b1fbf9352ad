//! Text and JSON of the same report.

use std::collections::BTreeMap;
use std::time::{Duration, SystemTime};

use serverswap::protocol::{Address, Generation};
use unicode_width::UnicodeWidthStr;

use super::report::NOT_SERVED;
use super::*;
use crate::history::Who;
use crate::ui::{Colour, ResultFormat};

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
        servers: Vec::new(),
        generations: BTreeMap::new(),
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
            ending: Ending::Term,
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

/// What is known of the servers of [`swapped`]: of the older one, whose user is another, not much.
fn detailed(addresses: Vec<AddressReport>) -> StatusReport {
    let words = |words: &[&str]| Some(words.iter().map(|word| (*word).to_owned()).collect());
    let newer = GenerationReport {
        processes: vec![4242, 4243, 4244],
        command: words(&["node", "server.js", "--title", "two words"]),
        cwd: Some("/srv/app/releases/7".to_owned()),
        memory: Some(88_080_384),
        connections: [(address(":8080"), 12)].into(),
        who: Some(Who { name: Some("ann".to_owned()), tty: Some("pts/3".to_owned()), ..Who::default() }),
        stand_in: None,
    };
    let older = GenerationReport { processes: vec![4100], ..GenerationReport::default() };
    let generations = [(generation(2_000, 4200), newer), (generation(1_000, 4000), older)].into();
    StatusReport { generations, ..report(addresses) }
}

fn page(columns: Option<usize>) -> Page {
    Page { columns, rows: None, colour: Colour::None, ages: Ages::Shown }
}

fn text(report: &StatusReport, columns: Option<usize>) -> String {
    View::One(report.clone()).render(ResultFormat::None, page(columns))
}

#[test]
fn in_a_pipe_there_is_a_line_for_each_server_with_everything_on_it() {
    let expected = "\
ADDRESS  STATE                   PID      SINCE (UTC)          CONN  MEMORY  SUPERVISOR  BY           COMMAND
:8080    serving                 4242 +2  2023-11-14 22:11:15  12    84 MiB  4200        ann (pts/3)  node server.js --title 'two words' (in /srv/app/releases/7)
:8080    draining, TERM in 18 s  4100     2023-11-14 22:13:08  3     -       none        -            -
";
    assert_eq!(text(&detailed(vec![swapped()]), None), expected);
}

#[test]
fn on_a_wide_terminal_the_command_is_shortened() {
    let text = text(&detailed(vec![swapped()]), Some(130));
    let first = text.lines().nth(1).expect("the server");
    assert!(first.ends_with(" ann (pts/3)  node server.js --title 'two…"), "{text}");
    assert!(text.lines().all(|line| line.chars().count() <= 130), "{text}");
}

#[test]
fn at_eighty_columns_each_server_has_a_few_lines() {
    let expected = "\
:8080  serving
  since 2023-11-14 22:11:15 UTC, for 2 min 5 s, pid 4242 +2, 12 connections,
  memory 84 MiB, supervisor 4200
  node server.js --title 'two words'
  in /srv/app/releases/7, by ann (pts/3)

:8080  draining, TERM in 18 s
  since 2023-11-14 22:13:08 UTC, for 12 s, pid 4100, 3 connections, memory -,
  supervisor none
  -
";
    assert_eq!(text(&detailed(vec![swapped()]), Some(80)), expected);
}

#[test]
fn on_a_narrow_terminal_no_line_is_too_long() {
    let mut report = detailed(vec![swapped()]);
    let long = report.generations.values_mut().last().expect("the newer one");
    long.command = Some(vec!["服务器".repeat(40)]);
    long.cwd = Some(format!("/srv/{}/7", "long".repeat(20)));
    let text = text(&report, Some(40));
    let too_long: Vec<&str> = text.lines().filter(|line| UnicodeWidthStr::width(*line) > 40).collect();
    assert_eq!(too_long, [""; 0], "{text}");
    assert!(text.contains("longlong/7"), "the end of a path says more: {text}");
}

#[test]
fn a_server_of_several_addresses_is_told_once() {
    let other = AddressReport { address: address(":9090"), draining: Vec::new(), ..swapped() };
    let text = text(&detailed(vec![swapped(), other]), Some(80));
    assert!(
        text.ends_with(
            ":9090  serving
  since 2023-11-14 22:11:15 UTC, for 2 min 5 s, pid 4242 +2, connections -,
  memory 84 MiB, supervisor 4200
  the same server as above
"
        ),
        "{text}"
    );
    assert_eq!(text.matches("node server.js").count(), 1, "{text}");
}

#[test]
fn servers_of_one_generation_have_one_line() {
    let mut several = swapped();
    for pid in [4243, 4244, 4250] {
        several.holders.push(Holder { pid, ..several.holders[0].clone() });
    }
    let text = text(&detailed(vec![several]), None);
    assert!(text.lines().nth(1).is_some_and(|line| line.contains("  4242 4243 4244 +1  ")), "{text}");
    assert_eq!(text.lines().count(), 3, "{text}");
}

#[test]
fn it_is_told_how_a_drain_ends() {
    let told = |ending| {
        let mut address = swapped();
        address.draining[0].ending = ending;
        let text = text(&report(vec![address]), None);
        text.lines().find(|line| line.contains("draining")).expect("it drains")[9..39].trim_end().to_owned()
    };
    assert_eq!(told(Ending::Kill { after: Duration::from_secs(4) }), "draining, KILL in 4 s  4100  2");
    assert_eq!(told(Ending::None), "draining, serves another addre");
}

#[test]
fn colour_is_that_of_the_state() {
    let coloured = Page { colour: Colour::Ansi, ..page(None) };
    let text = View::One(report(vec![swapped()])).render(ResultFormat::None, coloured);
    assert!(text.contains(":8080    \u{1b}[32mserving\u{1b}[0m    "), "{text:?}");
    assert!(text.contains("\u{1b}[33mdraining, TERM in 18 s\u{1b}[0m  4100"), "{text:?}");
}

#[test]
fn an_address_whose_server_is_being_started_again_names_its_supervisor() {
    let text = text(&report(vec![restarting()]), None);
    let words: Vec<&str> = text.lines().last().expect("a line").split_whitespace().collect();
    assert_eq!(words, ["mailer", "restarting", "-", "-", "-", "-", "5000", "-", "-"], "{text}");
}

#[test]
fn an_address_that_nobody_has_is_not_served() {
    let text = text(&report(vec![swapped()]).only(&address(":9090")), None);
    let last = text.lines().last().expect("a line");
    assert!(last.starts_with(":9090    not served  -"), "{text}");
}

#[test]
fn an_empty_directory_says_so() {
    assert_eq!(text(&report(vec![]), None), "nothing is served in /run/serverswap\n");
}

#[test]
fn of_all_directories_each_has_a_head() {
    let all = |found| View::All { found, address: None };
    let view = all(vec![report(vec![swapped()]), report(vec![restarting()])]);
    let text = view.render(ResultFormat::None, page(None));
    assert!(text.starts_with("in /run/serverswap:\nADDRESS  STATE"), "{text}");
    assert!(text.contains("\n\nin /run/serverswap:\nADDRESS  STATE"), "{text}");
    assert_eq!(view.exit_status(), 0);
    let nothing = all(Vec::new());
    assert_eq!(
        nothing.render(ResultFormat::None, page(None)),
        "nothing is served in any directory that this user may look into\n"
    );
    assert_eq!(
        (nothing.exit_status(), nothing.render(ResultFormat::Json, page(None))),
        (NOT_SERVED, String::new())
    );
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
        serde_json::from_str(&json::render(&detailed(vec![swapped()]))).expect("one object");
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
                "nextSignal": "TERM",
                "nextSignalMs": 18_000,
                "connections": 3,
            }],
            "owners": [{ "pid": 4200, "generation": "2000-4200" }],
        }],
        "generations": [
            { "generation": "1000-4000", "processes": [4100], "connections": {} },
            {
                "generation": "2000-4200",
                "processes": [4242, 4243, 4244],
                "command": ["node", "server.js", "--title", "two words"],
                "cwd": "/srv/app/releases/7",
                "memoryBytes": 88_080_384,
                "connections": { ":8080": 12 },
                "who": { "uid": 0, "name": "ann", "tty": "pts/3" },
            },
        ],
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
    let table = text(&unrecorded(), None);
    let rows: Vec<Vec<&str>> = table.lines().skip(1).map(|line| line.split_whitespace().collect()).collect();
    let listening = vec![":8080", "listening", "4100", "-", "-", "-", "none", "-", "-"];
    assert_eq!(rows[0], listening);
    assert_eq!(rows[1][..2], ["-", "not"]);
    let json = json::render(&unrecorded());
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
    assert!(text(&report, None).contains("serving (4 workers)"));
    assert!(json::render(&report).contains(r#""state":"serving","says":"4 workers""#));
}
