//! `conformance.toml`: its mistakes, and what its lists make of a run.

use super::run::{IDLE, good};
use super::suite::{Ended, Suite};

/// Runs one case with this `conformance.toml` and a driver that can do nothing.
fn idle(text: &str) -> Ended {
    let suite = Suite::new();
    suite.file("driver.py", IDLE);
    suite.file("conformance.toml", &format!("command = [\"python3\", \"driver.py\"]\n{text}"));
    suite.run(["run", "--only", "core/claim/granted"])
}

fn listed(list: &str, id: &str) -> String {
    format!("[[{list}]]\nid = \"{id}\"\nreason = \"not written yet\"\n")
}

#[test]
fn the_command_is_taken_from_the_file_and_runs_in_its_folder() {
    let suite = Suite::new();
    std::fs::create_dir(suite.path("client")).expect("a folder");
    suite.file("client/driver.py", IDLE);
    suite.file("client/conformance.toml", "command = [\"python3\", \"driver.py\"]\n");
    let ended = suite.run(["run", "--config", "client/conformance.toml", "--only", "core/claim/granted"]);
    assert_eq!(ended.status, 1, "{ended:#?}");
    assert!(ended.stdout.starts_with("idle 0.1"), "{}", ended.stdout);
}

#[test]
fn a_case_that_is_listed_as_failing_may_fail_and_is_not_called_conforming() {
    let ended = idle(&listed("known-failing", "core/claim/*"));
    assert_eq!(ended.status, 0, "{ended:#?}");
    assert!(ended.stdout.contains("known to fail: not written yet"), "{}", ended.stdout);
    assert!(
        ended.stdout.ends_with("as listed, of a selection: 0 of 1 passed, 1 known to fail\n"),
        "{}",
        ended.stdout
    );
}

#[test]
fn a_case_that_is_listed_as_flaky_is_shown_when_it_fails() {
    let ended = idle(&listed("known-flaky", "core/claim/granted"));
    assert_eq!(ended.status, 0, "{ended:#?}");
    assert!(ended.stdout.contains("known to be flaky: not written yet"), "{}", ended.stdout);
}

#[test]
fn a_case_that_is_listed_as_failing_and_passes_fails_the_run() {
    let suite = Suite::new();
    suite.file("failing.txt", "core/claim/granted # not written yet\n");
    let options =
        ["run", "--level", "1", "--only", "core/claim/granted", "--known-failing", "failing.txt", "--"];
    let ended = suite.run(options.map(str::to_owned).into_iter().chain(good()));
    assert_eq!(ended.status, 1, "{ended:#?}");
    assert!(
        ended.stdout.contains("`core/claim/granted`) and passed: take the entry out"),
        "{}",
        ended.stdout
    );
}

#[test]
fn a_case_that_came_after_the_pinned_suite_may_fail_and_is_shown() {
    let ended = idle("suite = \"0.9\"\n");
    assert_eq!(ended.status, 2, "{ended:#?}");
    assert!(ended.stderr.contains("suite 0.9 is pinned, which proves protocol 0"), "{}", ended.stderr);
    let ended = idle("suite = \"1.999\"\n");
    assert!(ended.stderr.contains("lacks what was added since"), "{}", ended.stderr);
    let ended = idle("suite = \"1.0\"\n");
    assert_eq!(ended.status, 1, "an older case counts: {ended:#?}");
    assert!(ended.stdout.contains(", suite 1.1 (pinned: 1.0)\n"), "{}", ended.stdout);
    let suite = Suite::new();
    let case = "id: new\ntitle: It connects\nrole: client\nlevel: 1\nsince: \"1.1\"\nsteps:\n  - driver: {cmd: connect}\n";
    suite.file("driver.py", IDLE).file("new.yaml", case);
    let ended = suite.run(["run", "--suite", "1.0", "--scenario", "new.yaml", "--", "python3", "driver.py"]);
    assert_eq!(ended.status, 0, "{ended:#?}");
    assert!(ended.stdout.contains("~ new failed at steps; it came with suite 1.1"), "{}", ended.stdout);
    assert!(
        ended.stdout.ends_with("0 of 1 passed, 0 known to fail, 1 newer than the pinned suite\n"),
        "{}",
        ended.stdout
    );
    let ended = suite.run(["run", "--scenario", "new.yaml", "--", "python3", "driver.py"]);
    assert_eq!(ended.status, 1, "{ended:#?}");
    assert!(ended.stdout.contains("steps: new.yaml:7: step 1, `driver`: "), "{}", ended.stdout);
}

#[test]
fn an_entry_that_names_nothing_is_an_error_with_file_and_line() {
    let ended = idle(&listed("known-failing", "core/claim/grantd"));
    assert_eq!(ended.status, 2);
    assert_eq!(
        ended.stderr,
        "error: conformance.toml:3: there is no case `core/claim/grantd`; did you mean `core/claim/granted`?\n"
    );
    let ended = idle(&listed("known-flaky", "core/claim/granted:claim-snt"));
    assert_eq!(ended.status, 2);
    assert!(ended.stderr.contains("conformance.toml:3: there is no check `claim-snt`"), "{}", ended.stderr);
}

#[test]
fn a_mistake_in_the_file_is_an_error_with_file_and_line() {
    let ended = idle("levle = 1\n");
    assert_eq!(ended.status, 2);
    assert!(ended.stderr.starts_with("error: conformance.toml:2: unknown field `levle`"), "{}", ended.stderr);
    let missing = Suite::new().run(["run", "--config", "nowhere.toml"]);
    assert_eq!(missing.status, 2);
    assert!(missing.stderr.contains("cannot read `nowhere.toml`"), "{}", missing.stderr);
}
