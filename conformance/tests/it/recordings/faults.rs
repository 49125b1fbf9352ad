//! Each kind of fault that the checker knows: a recording in which nothing but its last line is wrong.

use serde_json::{Value, json};
use serverswap_conformance::recording::{Checked, check};
use serverswap_protocol::trace::Side;

const GREETING: &str = r#"← {"type":"greeting","versions":[1],"arbiter":{"name":"a","version":"1","pid":7},"capabilities":{},"limits":{"lineBytes":65536,"fdsPerLine":128}}"#;
const HELLO: &str = r#"→ {"type":"hello","id":1,"version":1,"client":{"name":"c","version":"1"},"role":"server","generation":"7-9"}"#;
const SUPERVISOR: &str = r#"→ {"type":"hello","id":1,"version":1,"client":{"name":"c","version":"1"},"role":"supervisor","generation":"7-9","form":"stay","timeouts":{"drainMs":1,"killMs":1}}"#;
const WELCOME: &str = r#"← {"type":"welcome","re":1,"version":1,"generation":"7-9","capabilities":{}}"#;
const CLAIM: &str = r#"→ {"type":"readyFor","id":2,"address":"mailer","socket":"bind"}"#;
const INHERIT: &str = r#"→ {"type":"readyFor","id":2,"address":":80","socket":"inherit"}"#;
const GRANTED: &str = r#"← {"type":"granted","re":2,"address":"mailer"}"#;
const SERVING: &str = r#"→ {"type":"serving","address":"mailer"}"#;
const TAKEDOWN: &str = r#"← {"type":"takedown","id":1,"address":"mailer","reason":"replaced","drainMs":9}"#;
const RELEASED: &str = r#"→ {"type":"released","re":1,"address":"mailer"}"#;
const WITHDRAWN: &str = r#"→ {"type":"released","address":"mailer"}"#;
const KEPT: &str =
    r#"←+ {"type":"event","what":"serving","generation":"7-9","address":":80","pid":9,"fds":["listener"]}"#;

/// A recording by one side, the rule that its last line breaks, and what was said before.
struct Seeded {
    by: Side,
    rule: &'static str,
    lines: Vec<&'static str>,
}

/// Recorded by the arbiter, of a server that is negotiated.
fn seeded(rule: &'static str, lines: &[&'static str]) -> Seeded {
    let negotiated = [GREETING, HELLO, WELCOME];
    Seeded { by: Side::Arbiter, rule, lines: negotiated.into_iter().chain(lines.iter().copied()).collect() }
}

fn of_supervisor(rule: &'static str, lines: &[&'static str]) -> Seeded {
    let negotiated = [GREETING, SUPERVISOR, WELCOME];
    Seeded { by: Side::Arbiter, rule, lines: negotiated.into_iter().chain(lines.iter().copied()).collect() }
}

fn from_the_beginning(rule: &'static str, lines: &[&'static str]) -> Seeded {
    Seeded { by: Side::Arbiter, rule, lines: lines.to_vec() }
}

fn by_the_client(seeded: Seeded) -> Seeded {
    Seeded { by: Side::Client, ..seeded }
}

/// `→` is from the client, `←` from the arbiter, and a `+` has a descriptor.
fn entry(line: &str, by: Side) -> Value {
    let (arrow, line) = line.split_once(' ').expect("who says what");
    let from = if arrow.starts_with('→') { Side::Client } else { Side::Arbiter };
    let fds = arrow.matches('+').count();
    json!({"at": 1, "on": "a", "by": by, "from": from, "line": line, "fds": fds})
}

fn checked(seeded: &Seeded, more: &[&str]) -> Checked {
    let file = tempfile::NamedTempFile::new().expect("a file");
    let lines = seeded.lines.iter().chain(more).map(|line| entry(line, seeded.by).to_string() + "\n");
    std::fs::write(file.path(), lines.collect::<String>()).expect("writable");
    check(file.path()).expect("a recording")
}

/// In the order in which the checker looks: the line, its form, requests, the connection, the role, the address.
fn every_kind() -> Vec<Seeded> {
    vec![
        seeded("malformed line: expected value", &["→ serverUp"]),
        seeded("duplicate key", &[r#"→ {"type":"serverUp","type":"serverUp"}"#]),
        seeded("beyond 2^53 - 1", &[r#"→ {"type":"ping","id":9007199254740992}"#]),
        seeded("nested deeper than 16", &[r#"→ {"type":"x","x":[[[[[[[[[[[[[[[[]]]]]]]]]]]]]]]]}"#]),
        seeded("a line must be a JSON object", &["→ []"]),
        seeded("`type` must be a string", &[r#"→ {"id":2}"#]),
        seeded("1 descriptors arrived that no line names", &[r#"→+ {"type":"serverUp"}"#]),
        seeded(
            "names 1 descriptors and 0 arrived",
            &[INHERIT, r#"← {"type":"granted","re":2,"address":":80","fds":["listener"]}"#],
        ),
        seeded("version 1 has no message `dance`", &[r#"→ {"type":"dance"}"#]),
        seeded(
            "version 1 has no message `serving` of this side",
            &[r#"← {"type":"serving","address":":80"}"#],
        ),
        seeded("'colour' was unexpected", &[r#"→ {"type":"serverUp","colour":1}"#]),
        seeded(
            "\"drainMs\" is a required property",
            &[
                CLAIM,
                GRANTED,
                SERVING,
                r#"← {"type":"takedown","id":1,"address":"mailer","reason":"replaced"}"#,
            ],
        ),
        seeded("(at `/address`)", &[CLAIM, r#"← {"type":"granted","re":2,"address":"80"}"#]),
        seeded("(at `/address`)", &[r#"→ {"type":"readyFor","id":2,"address":":0","socket":"bind"}"#]),
        seeded(
            "(at `/code`)",
            &[CLAIM, r#"← {"type":"error","re":2,"code":"moon","message":"m","fatal":false}"#],
        ),
        seeded("`id` 2 is not greater", &[CLAIM, r#"→ {"type":"ping","id":2}"#]),
        seeded("answers 9, which was never asked", &[r#"← {"type":"pong","re":9}"#]),
        seeded("answers 2 a second time", &[CLAIM, GRANTED, GRANTED]),
        seeded("`pong` answers `readyFor` 2", &[CLAIM, r#"← {"type":"pong","re":2}"#]),
        seeded("answers 2 for another address", &[CLAIM, r#"← {"type":"granted","re":2,"address":"cron"}"#]),
        seeded(
            "`progress` about 2, which was answered",
            &[CLAIM, GRANTED, r#"← {"type":"progress","re":2}"#],
        ),
        seeded(
            "exactly when the address is inherited",
            &[INHERIT, r#"← {"type":"granted","re":2,"address":":80"}"#],
        ),
        seeded(
            "exactly when the address is inherited",
            &[CLAIM, r#"←+ {"type":"granted","re":2,"address":"mailer","fds":["listener"]}"#],
        ),
        from_the_beginning("`hello` in state `accepted`", &[HELLO]),
        from_the_beginning("`ping` in state `greeted`", &[GREETING, r#"→ {"type":"ping","id":1}"#]),
        from_the_beginning("`takedown` in state `negotiating`", &[GREETING, HELLO, TAKEDOWN]),
        from_the_beginning(
            "a server or supervisor sends its `generation`",
            &[
                GREETING,
                r#"→ {"type":"hello","id":1,"version":1,"client":{"name":"c","version":"1"},"role":"server"}"#,
            ],
        ),
        from_the_beginning(
            "`fds` names `:81`, which is not in `holding`",
            &[
                GREETING,
                r#"→+ {"type":"hello","id":1,"version":1,"client":{"name":"c","version":"1"},"role":"server","generation":"7-9","holding":[{"address":":80","serving":true}],"fds":[":81"]}"#,
            ],
        ),
        seeded("`greeting` in state `open`", &[GREETING]),
        seeded(
            "`hello` in state `open`",
            &[
                r#"→ {"type":"hello","id":2,"version":1,"client":{"name":"c","version":"1"},"role":"server","generation":"7-9"}"#,
            ],
        ),
        seeded(
            "in state `closed`",
            &[
                r#"← {"type":"error","code":"internal","message":"m","fatal":true}"#,
                r#"← {"type":"ping","id":1}"#,
            ],
        ),
        seeded("`stop` in state `starting` of `arbiter-server`", &[r#"→ {"type":"stop"}"#]),
        seeded(
            "`event` in state `starting` of `arbiter-server`",
            &[r#"← {"type":"event","what":"up","generation":"7-9"}"#],
        ),
        of_supervisor("`readyFor` in state `running`", &[CLAIM]),
        seeded("`takedown` in state `none`", &[TAKEDOWN]),
        seeded("`takedown` in state `claimed`", &[CLAIM, TAKEDOWN]),
        seeded(
            "`takedown` in state `taking`",
            &[
                CLAIM,
                GRANTED,
                TAKEDOWN,
                r#"← {"type":"takedown","id":2,"address":"mailer","reason":"replaced","drainMs":9}"#,
            ],
        ),
        seeded("`takedown` in state `released`", &[CLAIM, GRANTED, SERVING, WITHDRAWN, TAKEDOWN]),
        seeded("`granted` in state `withdrawn`", &[CLAIM, WITHDRAWN, GRANTED]),
        seeded(
            "`granted` for a claim that was withdrawn and made again",
            &[
                CLAIM,
                WITHDRAWN,
                r#"→ {"type":"readyFor","id":3,"address":"mailer","socket":"bind"}"#,
                GRANTED,
            ],
        ),
        seeded("`serving` twice for one grant", &[CLAIM, GRANTED, SERVING, SERVING]),
        of_supervisor("in state `kept` of `arbiter-duplicate`", &[KEPT, KEPT]),
        by_the_client(seeded("`serving` in state `claimed` of `client-address`", &[CLAIM, SERVING])),
        by_the_client(seeded(
            "`readyFor` in state `granted`",
            &[CLAIM, GRANTED, r#"→ {"type":"readyFor","id":3,"address":"mailer","socket":"bind"}"#],
        )),
        by_the_client(seeded("`released` in state `takingDown`", &[CLAIM, GRANTED, TAKEDOWN, WITHDRAWN])),
        by_the_client(of_supervisor(
            "`closed` in state `none` of `client-duplicate`",
            &[r#"→ {"type":"closed","address":":80"}"#],
        )),
    ]
}

#[test]
fn a_fault_of_each_kind_is_found_at_its_line_with_its_side_and_its_rule() {
    for seeded in every_kind() {
        let Checked { faults, .. } = checked(&seeded, &[]);
        let [fault] = &faults[..] else { panic!("{}: {faults:?}", seeded.rule) };
        let last = seeded.lines.last().expect("a line");
        let from = if last.starts_with('→') { Side::Client } else { Side::Arbiter };
        assert_eq!((fault.number, fault.by), (seeded.lines.len(), from), "{fault}");
        assert!(fault.rule.contains(seeded.rule), "{}: {fault}", seeded.rule);
    }
}

#[test]
fn a_claim_with_provide_is_granted_with_a_listener_or_without() {
    let claim = r#"→ {"type":"readyFor","id":2,"address":":80","socket":"inherit","provide":true}"#;
    let granted = r#"← {"type":"granted","re":2,"address":":80"}"#;
    let with_listener = r#"←+ {"type":"granted","re":2,"address":":80","fds":["listener"]}"#;
    for granted in [granted, with_listener] {
        assert_eq!(checked(&seeded("granted", &[claim, granted]), &[]).faults, []);
    }
}

#[test]
fn nobody_is_blamed_for_the_right_answer_to_a_line_that_is_wrong() {
    let wrong = |rule, lines: &[&'static str]| seeded(rule, lines);
    let answered: [(Seeded, &[&str]); 5] = [
        (
            wrong("dance", &[r#"← {"type":"dance","id":3}"#]),
            &[r#"→ {"type":"error","re":3,"code":"unknown_type","message":"m","fatal":false}"#],
        ),
        (
            wrong(
                "drainMs",
                &[
                    CLAIM,
                    GRANTED,
                    SERVING,
                    r#"← {"type":"takedown","id":1,"address":"mailer","reason":"replaced"}"#,
                ],
            ),
            &[r#"→ {"type":"error","re":1,"code":"invalid_message","message":"m","fatal":false}"#],
        ),
        (
            wrong(
                "reason",
                &[
                    CLAIM,
                    GRANTED,
                    SERVING,
                    r#"← {"type":"takedown","id":1,"address":"mailer","reason":"rebalanced","drainMs":9}"#,
                ],
            ),
            &[RELEASED],
        ),
        (
            wrong("second time", &[CLAIM, GRANTED, GRANTED]),
            &[r#"→ {"type":"error","code":"out_of_order","message":"m","fatal":true}"#],
        ),
        (
            Seeded {
                lines: vec![
                    r#"← {"type":"greeting","versions":[1],"arbiter":{"name":"a","version":"1","pid":7,"born":1},"capabilities":{},"limits":{"lineBytes":65536,"fdsPerLine":128}}"#,
                ],
                ..wrong("born", &[])
            },
            &[HELLO, WELCOME, CLAIM, GRANTED, SERVING],
        ),
    ];
    for (seeded, answer) in answered {
        let Checked { faults, .. } = checked(&seeded, answer);
        let [fault] = &faults[..] else { panic!("{}: {faults:?}", seeded.rule) };
        assert_eq!((fault.number, fault.by), (seeded.lines.len(), Side::Arbiter), "{fault}");
    }
}

#[test]
fn what_was_wrong_deliberately_is_named_and_is_no_fault() {
    let seeded = seeded("a second time", &[CLAIM, GRANTED, GRANTED]);
    let file = tempfile::NamedTempFile::new().expect("a file");
    let mut entries: Vec<Value> = seeded.lines.iter().map(|line| entry(line, seeded.by)).collect();
    entries.last_mut().expect("a line")["deliberate"] = json!(true);
    let lines: String = entries.iter().map(|entry| entry.to_string() + "\n").collect();
    std::fs::write(file.path(), lines).expect("writable");
    let Checked { faults, deliberate, .. } = check(file.path()).expect("a recording");
    assert!(faults.is_empty(), "{faults:?}");
    assert!(deliberate.len() == 1 && deliberate[0].rule.contains(seeded.rule), "{deliberate:?}");
}
