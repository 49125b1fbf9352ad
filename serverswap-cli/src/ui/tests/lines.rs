//! The forms of a line: text and JSON, quiet and verbose, with and without colour.

use std::time::SystemTime;

use super::*;
use crate::supervisor::ServerExit;

const PLAIN: Style = Style {
    verbosity: Verbosity::Normal,
    log: LogFormat::Text,
    colour: Colour::None,
    time: LineTime::Omitted,
};

const JSON: Style = Style { log: LogFormat::Json, ..PLAIN };

fn line(style: Style, report: &Report) -> Option<String> {
    style.line(report, Duration::from_millis(331), time())
}

fn time() -> SystemTime {
    SystemTime::UNIX_EPOCH + Duration::from_millis(1_700_000_000_331)
}

fn serving() -> Report {
    Report::Serving { address: address(":8080"), pid: 4242, after: Duration::from_millis(331) }
}

fn kept() -> Report {
    Report::Kept { pid: 4242, addresses: vec![address(":8080"), address("mailer")] }
}

#[test]
fn a_line_begins_with_the_name_of_the_program() {
    assert_eq!(line(PLAIN, &serving()).as_deref(), Some("serverswap: :8080 now served by pid 4242\n"));
}

#[test]
fn quiet_prints_no_progress() {
    let quiet = Style { verbosity: Verbosity::Quiet, ..PLAIN };
    assert_eq!((line(quiet, &serving()), line(quiet, &kept())), (None, None));
}

#[test]
fn details_are_printed_only_when_they_are_asked_for() {
    let verbose = Style { verbosity: Verbosity::Verbose, ..PLAIN };
    let expected = "serverswap: connected to the arbiter\n".to_owned();
    assert_eq!((line(PLAIN, &Report::Linked), line(verbose, &Report::Linked)), (None, Some(expected)));
}

#[test]
fn colour_is_for_warnings_and_only_if_it_is_wanted() {
    let colour = Style { colour: Colour::Ansi, ..PLAIN };
    let expected = "\x1b[2mserverswap:\x1b[0m \x1b[33mpid 4242 already serves :8080 and mailer; it keeps running\x1b[0m\n";
    assert_eq!(line(colour, &kept()).as_deref(), Some(expected));
    assert_eq!(
        line(PLAIN, &kept()).as_deref(),
        Some("serverswap: pid 4242 already serves :8080 and mailer; it keeps running\n")
    );
}

#[test]
fn no_color_is_obeyed() {
    assert_eq!(Colour::detect(true, None, Some("1".as_ref())), Colour::None);
    assert_eq!(Colour::detect(true, None, Some("".as_ref())), Colour::Ansi);
}

#[test]
fn a_dumb_terminal_and_a_file_get_no_colour() {
    assert_eq!(Colour::detect(true, Some("xterm".as_ref()), None), Colour::Ansi);
    assert_eq!(Colour::detect(true, Some("dumb".as_ref()), None), Colour::None);
    assert_eq!(Colour::detect(false, Some("xterm".as_ref()), None), Colour::None);
}

#[test]
fn every_line_of_a_redirected_log_has_a_time() {
    let dated = Style { time: LineTime::Shown, ..PLAIN };
    let at = "2023-11-14T22:13:20.331Z";
    assert_eq!(line(dated, &serving()), Some(format!("{at} serverswap: :8080 now served by pid 4242\n")));
    let failed = Summary::Failure { error: "it broke; the old one serves".into(), hint: "mend it".into() };
    assert_eq!(
        dated.final_message(&failed, Duration::ZERO, time()),
        format!("{at} error: it broke; the old one serves\n{at} hint: mend it\n")
    );
    let printed = OutputTail {
        stdout: vec!["no database".to_owned()],
        unseen: Unseen::Stdout,
        ..OutputTail::default()
    };
    assert_eq!(
        dated.output_tail(&failed, &printed, time()),
        format!("{at} serverswap: the end of its stdout:\n{at}     no database\n")
    );
}

#[test]
fn what_others_wrote_is_one_line_and_moves_no_cursor() {
    let report = Report::SaidFail { pid: 4242, reason: "no\ndatabase \x1b[31m\u{9b}2J".to_owned() };
    assert_eq!(
        line(PLAIN, &report).as_deref(),
        Some("serverswap: pid 4242 sent `fail`: no\\ndatabase \\u{1b}[31m\\u{9b}2J\n")
    );
}

#[test]
fn a_json_line_has_the_fields_and_the_text() {
    let expected = serde_json::json!({
        "time": "2023-11-14T22:13:20.331Z",
        "level": "notice",
        "elapsedMs": 331,
        "event": "serving",
        "address": ":8080",
        "pid": 4242,
        "afterMs": 331,
        "message": ":8080 now served by pid 4242",
    });
    let text = line(JSON, &serving()).expect("it is shown");
    let object: serde_json::Value = serde_json::from_str(&text).expect("one object");
    assert_eq!(object, expected);
}

#[test]
fn what_is_waited_for_is_in_the_json_line_too() {
    let server = EndingServer {
        pid: 4100,
        generation: Generation { start: 1_000, pid: 66 },
        connections: Some(3),
        signal: None,
        remaining: Some(Duration::from_secs(24)),
    };
    let addresses = SomeAddresses::of(&["a", "b", "c", "d"].map(address));
    let (releasing, remaining) = (vec![server], Duration::from_secs(40));
    let text =
        line(JSON, &Report::StillWaiting(WaitingFor::Grant { pid: 4242, addresses, releasing, remaining }));
    let object: serde_json::Value = serde_json::from_str(&text.expect("it is shown")).expect("one object");
    let expected = serde_json::json!({
        "time": "2023-11-14T22:13:20.331Z",
        "level": "notice",
        "elapsedMs": 331,
        "event": "still_waiting",
        "for": "grant",
        "pid": 4242,
        "addresses": ["a", "b", "c"],
        "releasing": [{ "pid": 4100, "generation": "1000-66", "connections": 3, "remainingMs": 24_000 }],
        "remainingMs": 40_000,
        "message": "still waiting for a, b, c and 1 more to be granted to pid 4242 once pid 4100 has released it \
                    (3 connections left, 24 s of the drain timeout left); 40 s of the ready timeout left",
    });
    assert_eq!(object, expected);
}

#[test]
fn every_report_has_a_json_line() {
    let draining = DrainStatus { pid: 4100, address: None, connections: None, remaining: None };
    let failure = crate::spawn::SpawnFailure::NotFound { program: "nodee".to_owned() };
    for report in [kept(), Report::Draining(draining), Report::NotStarted { failure }, Report::HangupIgnored]
    {
        let text = line(JSON, &report).expect("it is shown");
        let object: serde_json::Value = serde_json::from_str(&text).expect("one object");
        assert!(object["event"].is_string() && object["message"].is_string(), "{text}");
    }
}

#[test]
fn an_error_is_two_lines() {
    let summary = Summary::Failure { error: "it broke; the old one serves".into(), hint: "mend it".into() };
    let words = |style: Style| style.final_message(&summary, Duration::ZERO, SystemTime::UNIX_EPOCH);
    assert_eq!(words(PLAIN), "error: it broke; the old one serves\nhint: mend it\n");
    assert_eq!(words(Style { verbosity: Verbosity::Quiet, ..PLAIN }), words(PLAIN));
}

#[test]
fn a_good_end_is_one_line_and_quiet_says_nothing() {
    let summary = Summary::Success("done".to_owned());
    let words = |style: Style| style.final_message(&summary, Duration::ZERO, SystemTime::UNIX_EPOCH);
    assert_eq!(words(PLAIN), "serverswap: done\n");
    assert_eq!(words(Style { verbosity: Verbosity::Quiet, ..PLAIN }), "");
}

#[test]
fn the_result_object_says_how_it_ended() {
    let mut outcome = outcome(RunEnding::Done, Reached::Up, vec![swap(":8080", ClaimStanding::Serving)]);
    outcome.facts.replaced = vec![4100];
    let still_serving = serves(4242, ":8080");
    let summary = Summary::of(&outcome, &still_serving);
    let object: serde_json::Value =
        serde_json::from_str(&outcome_json(&outcome, &still_serving, &OutputTail::default(), &summary))
            .expect("one object");
    let expected = serde_json::json!({
        "outcome": "done",
        "reason": "every_replaced_server_exited",
        "status": 0,
        "message": "done: :8080 swapped in 331 ms",
        "command": "node server.js",
        "generation": "2000-77",
        "pid": 4242,
        "restarts": 0,
        "addresses": [{ "address": ":8080", "standing": "serving", "readyMs": 312, "servingMs": 331 }],
        "replaced": [4100],
        "servingNow": [{ "address": ":8080", "pid": 4242 }],
        "durationMs": 28_000,
    });
    assert_eq!(object, expected);
}

#[test]
fn what_a_failed_server_printed_is_shown_where_stderr_does_not_show_it() {
    let printed = OutputTail {
        stdout: vec!["no database".to_owned()],
        stderr: vec!["a trace".to_owned()],
        unseen: Unseen::Stdout,
    };
    let failed = outcome(RunEnding::Exited(ServerExit::Status(1)), Reached::Nothing, vec![]);
    let summary = Summary::of(&failed, &StillServing::Unknown);
    assert_eq!(
        PLAIN.output_tail(&summary, &printed, time()),
        "serverswap: the end of its stdout:\n    no database\n"
    );
    let in_a_file = OutputTail { unseen: Unseen::Everything, ..printed.clone() };
    assert_eq!(
        PLAIN.output_tail(&summary, &in_a_file, time()),
        "serverswap: the end of its output:\n    a trace\n"
    );
    let copied = OutputTail { unseen: Unseen::Nothing, ..printed.clone() };
    assert_eq!(PLAIN.output_tail(&summary, &copied, time()), "");
    let object: serde_json::Value =
        serde_json::from_str(&outcome_json(&failed, &StillServing::Unknown, &printed, &summary))
            .expect("one object");
    let expected = serde_json::json!({ "stdout": ["no database"], "stderr": ["a trace"] });
    assert_eq!(object["printed"], expected);
}

#[test]
fn a_fault_has_a_result_object_too() {
    let fault = SetupError::ArbiterNotResponding { directory: "/d".into(), pid: 99 };
    let object: serde_json::Value =
        serde_json::from_str(&setup_error_json(&fault, &fault.summary(StillTrue::NothingStarted)))
            .expect("one object");
    assert_eq!(
        (&object["outcome"], &object["reason"], &object["status"]),
        (&"unable".into(), &"arbiter_not_responding".into(), &125.into())
    );
}

#[test]
fn where_the_output_goes_is_said_for_each_stream() {
    let words = |stdout: Option<&str>, stderr: Option<&str>| {
        let report = Report::OutputLogged { stdout: stdout.map(Into::into), stderr: stderr.map(Into::into) };
        line(PLAIN, &report).expect("it is shown")
    };
    let end = ", and is copied here until this command exits\n";
    assert_eq!(words(Some("/a"), Some("/a")), format!("serverswap: its output goes to /a{end}"));
    assert_eq!(words(Some("/a"), None), format!("serverswap: its stdout goes to /a{end}"));
    assert_eq!(
        words(Some("/a"), Some("/b")),
        format!("serverswap: its stdout goes to /a, its stderr goes to /b{end}")
    );
}
