//! `run` on drivers that do nothing, break their contract or cannot be started, and on one that conforms.

use serverswap_conformance::report::{Scope, Verdict};

use super::suite::{Suite, own};

/// A driver of a client that can do nothing, at level 1.
pub const IDLE: &str = r#"
import json, sys
for line in sys.stdin:
    command = json.loads(line)
    reply = {"seq": command["seq"]}
    if command["cmd"] == "hello":
        client = {"name": "idle", "version": "0.1", "language": "Python"}
        reply.update(ok=True, contract=1, client=client, protocol=[1], level=1, supports=[])
    elif command["cmd"] == "sync":
        reply.update(ok=True)
    else:
        reply.update(unsupported=True, why="it can do nothing")
    print(json.dumps(reply), flush=True)
"#;

/// A driver that conforms.
pub fn good() -> [String; 2] {
    ["python3".to_owned(), own("drivers/pure-python/driver.py")]
}

#[test]
fn a_client_that_conforms_ends_with_0_and_one_line_says_it() {
    let suite = Suite::new();
    let options = ["run", "--level", "1", "--only", "core/claim/granted", "--"].map(str::to_owned);
    let ended = suite.run(options.into_iter().chain(good()));
    assert_eq!(ended.status, 0, "{ended:#?}");
    assert!(ended.stdout.ends_with("passed, of a selection: 1 of 1\n"), "{}", ended.stdout);
    assert!(!ended.stdout.contains("core/claim/granted"), "quiet about what passes:\n{}", ended.stdout);
}

#[test]
fn a_client_that_does_nothing_ends_with_1_and_says_which_check_and_which_sentence() {
    let suite = Suite::new();
    suite.file("driver.py", IDLE);
    let ended = suite.run([
        "run",
        "--only",
        "core/claim/granted",
        "--report",
        "report",
        "--",
        "python3",
        "driver.py",
    ]);
    assert_eq!(ended.status, 1, "{ended:#?}");
    assert!(ended.stdout.contains("✗ core/claim/granted"), "{}", ended.stdout);
    assert!(ended.stdout.contains("SS-CLAIM-2: A server MUST NOT accept"), "{}", ended.stdout);
    assert!(ended.stdout.ends_with("does not conform, of a selection: 0 of 1\n"), "{}", ended.stdout);
    assert!(
        ended.stdout.contains("steps: step 1, `driver`: the driver does not support"),
        "{}",
        ended.stdout
    );
    let published = suite.report("report");
    assert_eq!((published.summary.verdict, published.summary.scope), (Verdict::DoesNotConform, Scope::Part));
    assert!(suite.path("report/traces/core/claim/granted.ndjson").is_file());
    let explained = suite.run(["explain", "core/claim/granted"]);
    assert!(explained.stdout.contains("Last run (idle 0.1)"), "{}", explained.stdout);
    assert!(explained.stdout.contains("   1  the driver is told `connect`\n"), "{}", explained.stdout);
}

#[test]
fn the_report_on_stdout_is_json_when_asked_for() {
    let suite = Suite::new();
    suite.file("driver.py", IDLE);
    let ended = suite.run(["run", "--only", "core/claim/granted", "--json", "--", "python3", "driver.py"]);
    let report: serde_json::Value = serde_json::from_str(&ended.stdout).expect("JSON");
    assert_eq!(report["summary"]["verdict"], "doesNotConform");
}

#[test]
fn a_driver_that_breaks_its_contract_ends_with_2_and_is_blamed() {
    let suite = Suite::new();
    suite
        .file("noise.py", "print('listening on 8080', flush=True)\nimport sys\nsys.stdin.read()\n")
        .file("other.py", &IDLE.replace("contract=1", "contract=9"))
        .file("dies.py", "import sys\nsys.stderr.write('no luck\\n')\nsys.exit(3)\n")
        .file("plain.txt", "no program");
    let said = |words: &[&str]| {
        let words = ["run", "--only", "core/claim/granted", "--"].iter().chain(words);
        let ended = suite.run(words);
        assert_eq!(ended.status, 2, "{ended:#?}");
        ended.stderr + &ended.stdout
    };
    let noise = said(&["python3", "noise.py"]);
    assert!(noise.contains("listening on 8080") && noise.contains("the driver"), "{noise}");
    let other = said(&["python3", "other.py"]);
    assert!(other.contains("contract") && other.contains('9'), "{other}");
    let dies = said(&["python3", "dies.py"]);
    assert!(dies.contains("no luck"), "{dies}");
    assert!(said(&["./plain.txt"]).contains("not executable"));
    assert!(said(&["./nowhere"]).contains("no such program"));
}

#[test]
fn without_a_driver_the_ways_to_name_one_are_printed() {
    let suite = Suite::new();
    let ended = suite.run(["run"]);
    assert_eq!(ended.status, 2);
    assert!(
        ended.stderr.contains("run -- DRIVER") && ended.stderr.contains("conformance.toml"),
        "{}",
        ended.stderr
    );
}

#[test]
fn a_pattern_that_selects_nothing_is_refused() {
    let suite = Suite::new();
    suite.file("driver.py", IDLE);
    let ended = suite.run(["run", "--only", "core/claim/grantd", "--", "python3", "driver.py"]);
    assert_eq!(ended.status, 2);
    assert!(ended.stderr.contains("did you mean `core/claim/granted`?"), "{}", ended.stderr);
}

#[test]
fn a_case_that_is_repeated_in_another_order_says_how_often_it_failed() {
    let suite = Suite::new();
    suite.file("driver.py", IDLE);
    let ended = suite.run([
        "run",
        "--only",
        "core/claim/granted",
        "--repeat",
        "2",
        "--seed",
        "7",
        "--",
        "python3",
        "driver.py",
    ]);
    assert!(ended.stdout.contains("(in 2 of 2 runs)"), "{}", ended.stdout);
}

#[test]
fn a_driver_that_keeps_the_contract_passes_check_by_check() {
    let suite = Suite::new();
    let command = ["smoke", "--"].map(str::to_owned).into_iter().chain(good());
    let ended = suite.run(command);
    assert_eq!(ended.status, 0, "{ended:#?}");
    assert!(ended.stdout.starts_with("✓ hello\n"), "{}", ended.stdout);
    assert!(ended.stdout.ends_with("the driver keeps the contract\n"), "{}", ended.stdout);
    suite.file("driver.py", &IDLE.replace("unsupported=True", "ok=True, supervised=False"));
    let ended = suite.run(["smoke", "--", "python3", "driver.py"]);
    assert_eq!(ended.status, 1, "{ended:#?}");
    assert!(ended.stdout.contains("unknown-command: expected `unsupported`"), "{}", ended.stdout);
    let named = ended.stdout.split("serverswap-conformance ").nth(1).expect("it names a command");
    let named: Vec<&str> = named.lines().next().unwrap_or_default().split(['\'', ' ']).collect();
    assert_eq!(suite.run(named.iter().filter(|word| !word.is_empty())).status, 0, "{named:?}");
}

#[test]
fn a_driver_without_a_codec_skips_the_vectors_and_one_with_it_passes_them() {
    let suite = Suite::new();
    suite.file("driver.py", IDLE);
    let skipped = suite.run(["vectors", "--", "python3", "driver.py"]);
    assert_eq!(skipped.status, 0, "{skipped:#?}");
    assert!(skipped.stdout.contains("skipped: the driver does not declare `codec`"), "{}", skipped.stdout);
    let passed = suite.run(["vectors", "--"].map(str::to_owned).into_iter().chain(good()));
    assert_eq!(passed.status, 0, "{passed:#?}");
    assert!(passed.stdout.ends_with("passed, of a selection: 4 of 4\n"), "{}", passed.stdout);
}

#[test]
fn what_a_report_has_recorded_can_be_checked() {
    let suite = Suite::new();
    let options = ["run", "--level", "1", "--only", "core/claim/granted", "--report", "report", "--"];
    assert_eq!(suite.run(options.map(str::to_owned).into_iter().chain(good())).status, 0);
    let checked = suite.run(["check-trace", "report/traces/core/claim/granted.ndjson"]);
    assert_eq!(checked.status, 0, "{checked:#?}");
    assert!(checked.stdout.ends_with("on 1 connections, 0 faults\n"), "{}", checked.stdout);
    suite.file("broken.ndjson", "{\"from\":\"client\",\"line\":\"{\\\"type\\\":\\\"serverUp\\\"}\"}\n");
    let broken = suite.run(["check-trace", "broken.ndjson"]);
    assert_eq!(broken.status, 1, "{broken:#?}");
    assert!(broken.stdout.contains("broken.ndjson:1: the client"), "{}", broken.stdout);
    suite.file("other.ndjson", "listening\n");
    assert_eq!(suite.run(["check-trace", "other.ndjson"]).status, 2);
}
