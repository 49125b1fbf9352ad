//! An explanation, as it looks.

use super::*;
use crate::report::{Judgement, Party, Report, Role, Scope, Standing, Subject, Suite, TraceLine};

const SCENARIO: &str = r#"
id: core/claim/granted
title: A claim is granted
role: client
level: 1
since: "1.0"
spec: [SS-CLAIM-2]
steps:
  - driver: {cmd: connect}
  - accept: a
  - greet: a
  - expect: {on: a, message: {type: readyFor, id: {$bind: q}, fds: {$absent: true}}, check: claim-sent, spec: [SS-REQ-1]}
  - send: {on: a, message: {type: granted, re: {$ref: q}, address: mailer}, split: [1, 7]}
  - expect: {on: a, message: {type: progress, connections: "$i"}, times: 300}
  - any_order:
    - event: {event: granted, op: o1, check: grant-delivered}
    - closed: {on: a, how: [eof]}
"#;

fn catalogue() -> Catalogue {
    Catalogue::of(vec![("core/claim/granted.yaml".to_owned(), SCENARIO.to_owned())]).expect("a scenario")
}

fn check(name: &str, message: Option<&str>) -> Check {
    let message = message.map(str::to_owned);
    Check { name: name.to_owned(), spec: Vec::new(), passed: message.is_none(), message }
}

fn published() -> Published {
    let subject = Subject {
        role: Role::Client,
        name: "serverswap-go".to_owned(),
        version: "0.3.0".to_owned(),
        language: None,
        language_version: None,
        homepage: None,
    };
    let line = r#"{"type":"readyFor","id":2}"#.to_owned();
    let case = Case {
        id: "core/claim/granted".to_owned(),
        title: String::new(),
        level: 1,
        spec: Vec::new(),
        outcome: Outcome::Failed,
        checks: vec![check("claim-sent", None), check("grant-delivered", Some("nothing came"))],
        millis: 0,
        trace: vec![TraceLine {
            at_micros: 900,
            from: Party::Client,
            on: Some("a".to_owned()),
            line,
            fds: vec![],
            by: None,
            deliberate: false,
        }],
        stderr: String::new(),
    };
    let report = Report { suite: Suite::this(), subject, protocol: 1, level: 1, cases: vec![case] };
    Published::new(report, &Judgement { scope: Scope::Whole, standings: vec![Standing::Failed] })
}

#[test]
fn an_explanation_has_the_text_the_steps_and_the_last_run() {
    let text = explain(&catalogue(), "core/claim/granted", Some(&published())).expect("it exists");
    let sentence = |id| Requirement::find(id).expect("it is in the text").sentence.as_str();
    let expected = r#"core/claim/granted
A claim is granted

What the text says (spec/README.md)
  SS-CLAIM-2: {claim}
  SS-REQ-1: {request}

What is expected
   1  the driver is told `connect`
   2  the client connects: a
   3  a: greeting, hello, welcome
   4  a: the client says {type: "readyFor", id: $q, fds: absent}  [✓ claim-sent]
   5  a: the arbiter says {type: "granted", re: $q, address: "mailer"}, cut before byte 1, 7
   6  a: the client says {type: "progress", connections: "$i"}, 300 times ($i from 1 to 300)
   7  in any order:
   8    the driver reports `granted` {op: "o1"}  [✗ grant-delivered]
   9    a: the client closes the connection, in order

Last run (serverswap-go 0.3.0)
       0.9 ms  client   a  {"type":"readyFor","id":2}
  ✗ grant-delivered: nothing came
"#;
    let expected =
        expected.replace("{claim}", sentence("SS-CLAIM-2")).replace("{request}", sentence("SS-REQ-1"));
    assert_eq!(anstream::adapter::strip_str(&text).to_string(), expected);
}

#[test]
fn a_case_that_does_not_exist_is_refused_with_a_guess() {
    let error = explain(&catalogue(), "core/claims/granted", None).expect_err("it does not exist");
    assert_eq!(
        error.to_string(),
        "there is no case `core/claims/granted`; did you mean `core/claim/granted`?"
    );
}

#[test]
fn a_case_that_was_never_run_says_how_to_run_it() {
    let text = explain(&catalogue(), "core/claim/granted", None).expect("it exists");
    assert!(
        text.ends_with("it is in no stored report; `run --only 'core/claim/granted'` makes one\n"),
        "{text}"
    );
}
