//! A report with a case of every kind.

use serverswap_conformance::report::{
    Case, Check, Judgement, Outcome, Party, Report, Role, Scope, Standing, Subject, Suite, TraceLine,
};

pub fn report() -> Report {
    let suite = Suite { name: "serverswap-conformance".to_owned(), version: "1.0".to_owned(), pinned: None };
    let subject = Subject {
        role: Role::Client,
        name: "serverswap-go".to_owned(),
        version: "0.3.0".to_owned(),
        language: Some("Go".to_owned()),
        language_version: Some("1.25".to_owned()),
        homepage: Some("https://example.com/serverswap-go".to_owned()),
    };
    let skipped = Outcome::Skipped { why: "the driver does not support `fork`".to_owned() };
    let suite_failed = Outcome::Suite { why: "the driver wrote a line that is not JSON:\nhello!".to_owned() };
    let cases = vec![
        case("codec/valid/hello", 0, Outcome::Passed, vec![]),
        granted(),
        case("core/fork/refused", 1, skipped, vec![]),
        case("descriptors/listener/used", 2, Outcome::Failed, vec![failed("listens", "no listener came")]),
        case("robust/address/text[address=unix:/run/a]", 3, Outcome::Failed, vec![failed("granted", "late")])
            .traced(vec![line(7_000, Party::Client, Some("a"), r#"{"type":"pong","re":1}"#, &[])]),
        case("robust/cut/granted[at=1]", 3, Outcome::Failed, vec![failed("granted", "at 1")]),
        case("robust/cut/granted[at=2]", 3, Outcome::Failed, vec![failed("granted", "at 2")]),
        case("robust/cut/granted[at=3]", 3, Outcome::Failed, vec![failed("granted", "at 3")]),
        case("robust/split/granted", 3, Outcome::Passed, vec![]),
        case("robust/stall/queued", 3, suite_failed, vec![]),
    ];
    Report { suite, subject, protocol: 1, level: 3, cases }
}

pub fn judgement() -> Judgement {
    let reason = || "see issue 7".to_owned();
    let standings = vec![
        Standing::Passed,
        Standing::Failed,
        Standing::Skipped,
        Standing::KnownFailing { reason: reason() },
        Standing::KnownFlaky { reason: reason() },
        Standing::Failed,
        Standing::Failed,
        Standing::Failed,
        Standing::Stale { entry: "robust/split/*".to_owned() },
        Standing::Suite,
    ];
    Judgement { scope: Scope::Whole, standings }
}

/// The one that failed.
fn granted() -> Case {
    let connected = Check {
        name: "claim-sent".to_owned(),
        spec: vec!["SS-CLAIM-1".to_owned()],
        passed: true,
        message: None,
    };
    let granted =
        failed("grant-delivered", "expected the event `granted` within 5 s\nthe driver said nothing");
    case("core/claim/granted", 1, Outcome::Failed, vec![connected, granted]).traced(vec![
        line(0, Party::Suite, None, r#"{"seq":1,"cmd":"connect"}"#, &[]),
        line(950, Party::Driver, None, r#"{"seq":1,"ok":true,"supervised":true}"#, &[]),
        line(12_480, Party::Client, Some("a"), r#"{"type":"readyFor","id":2,"address":":8080"}"#, &[]),
        line(
            12_900,
            Party::Arbiter,
            Some("a"),
            r#"{"type":"granted","re":2,"fds":["listener"]}"#,
            &["listener1"],
        ),
    ])
}

fn case(id: &str, level: u8, outcome: Outcome, checks: Vec<Check>) -> Case {
    let stderr = if outcome == Outcome::Failed { "warning: <slow> & \u{1b}[31mred\n" } else { "" };
    Case {
        id: id.to_owned(),
        title: "A claim to bind is granted after the holder has released".to_owned(),
        level,
        spec: vec!["SS-CLAIM-2".to_owned()],
        outcome,
        checks,
        millis: 12,
        trace: Vec::new(),
        stderr: stderr.to_owned(),
    }
}

fn failed(name: &str, message: &str) -> Check {
    Check { name: name.to_owned(), spec: Vec::new(), passed: false, message: Some(message.to_owned()) }
}

fn line(at_micros: u64, from: Party, on: Option<&str>, line: &str, fds: &[&str]) -> TraceLine {
    let fds = fds.iter().map(|&name| name.to_owned()).collect();
    let (on, line) = (on.map(str::to_owned), line.to_owned());
    TraceLine { at_micros, from, on, line, fds, by: None, deliberate: false }
}

trait Traced {
    fn traced(self, trace: Vec<TraceLine>) -> Self;
}

impl Traced for Case {
    fn traced(self, trace: Vec<TraceLine>) -> Case {
        Case { trace, ..self }
    }
}
