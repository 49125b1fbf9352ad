//! `list`, `explain`, and a command line with a mistake: nothing is run.

use std::process::Command;

use super::suite::Suite;
use crate::programs::is_here;

#[test]
fn every_case_that_is_listed_is_explained() {
    let suite = Suite::new();
    let listed = suite.run(["list"]);
    assert_eq!(listed.status, 0, "{}", listed.stderr);
    let ids: Vec<&str> = listed.stdout.lines().filter_map(|line| line.split_whitespace().nth(1)).collect();
    assert!(ids.len() > 40, "{ids:?}");
    for id in ids.iter().step_by(10) {
        let explained = suite.run(["explain", id]);
        assert_eq!(explained.status, 0, "{id}: {}", explained.stderr);
        assert!(explained.stdout.starts_with(&format!("{id}\n")), "{}", explained.stdout);
        assert!(explained.stdout.contains("What is expected"), "{}", explained.stdout);
    }
}

#[test]
fn what_init_has_written_keeps_the_contract_and_is_not_overwritten() {
    let suite = Suite::new();
    let begun = suite.run(["init", "--lang", "python", "mine"]);
    assert_eq!(begun.status, 0, "{begun:#?}");
    assert!(begun.stdout.contains("mine/conformance.toml\n"), "{}", begun.stdout);
    let smoke = suite.run(["smoke", "--config", "mine/conformance.toml"]);
    assert_eq!(smoke.status, 0, "{smoke:#?}");
    let again = suite.run(["init", "--lang", "python", "mine"]);
    assert_eq!(again.status, 2);
    assert!(again.stderr.contains("exists already; nothing was written"), "{}", again.stderr);
    assert_eq!(suite.run(["init", "--lang", "cobol", "other"]).status, 2);
}

#[test]
fn what_init_says_to_type_next_builds_the_driver_and_passes_when_typed_as_it_stands() {
    let suite = Suite::new();
    for (language, program) in
        [("python", "python3"), ("node", "node"), ("go", "go"), ("ruby", "ruby"), ("php", "php")]
    {
        let begun = suite.run(["init", "--lang", language, &format!("my {language}")]);
        let next = begun.stderr.strip_prefix("next: ").expect("it says what is next");
        if is_here(program) {
            let typed = Command::new("sh").args(["-c", next]).current_dir(suite.path(".")).output();
            let typed = typed.expect("there is a shell");
            assert!(typed.status.success(), "{next}: {typed:?}");
        }
    }
    let unbuilt = suite.run(["init", "--lang", "rust", "mine"]);
    assert!(unbuilt.stderr.starts_with("next: cd mine && cargo build && "), "{}", unbuilt.stderr);
    let smoke = suite.run(["smoke", "--config", "mine/conformance.toml"]);
    assert!(smoke.stderr.contains("does it have to be built first"), "{}", smoke.stderr);
}

#[test]
fn what_is_no_scenario_is_explained_as_well() {
    let suite = Suite::new();
    let smoke = suite.run(["explain", "smoke"]);
    assert!(smoke.stdout.contains("sync-before-connect: `sync` is `ok`"), "{smoke:#?}");
    let vectors = suite.run(["explain", "vectors/encode"]);
    assert!(vectors.stdout.contains("[takedown/") || vectors.stdout.contains("[released"), "{vectors:#?}");
}

#[test]
fn a_list_is_selected_by_level_and_pattern_and_says_it_as_json() {
    let suite = Suite::new();
    let listed = suite.run(["list", "--level", "1", "--only", "core/claim", "--skip", "*refused*", "--json"]);
    assert_eq!(listed.status, 0, "{}", listed.stderr);
    for line in listed.stdout.lines() {
        let case: serde_json::Value = serde_json::from_str(line).expect("one object a line");
        let id = case["id"].as_str().expect("an id");
        assert!(id.starts_with("core/claim/") && !id.contains("refused"), "{id}");
        assert_eq!(case["level"], 1);
    }
    assert!(listed.stdout.contains("\"id\":\"core/claim/granted\""), "{}", listed.stdout);
}

#[test]
fn a_case_that_does_not_exist_is_the_users_mistake() {
    let suite = Suite::new();
    let unknown = suite.run(["explain", "core/claim/grantd"]);
    assert_eq!(unknown.status, 2);
    assert_eq!(
        unknown.stderr,
        "error: there is no case `core/claim/grantd`; did you mean `core/claim/granted`?\n"
    );
    let nothing = suite.run(["list", "--only", "nonsense"]);
    assert_eq!(nothing.status, 2);
    assert!(nothing.stderr.starts_with("error: no case is called `nonsense`"), "{}", nothing.stderr);
    assert_eq!(suite.run(["explain", "core/claim/granted", "--report", "nowhere"]).status, 2);
    assert_eq!(suite.run(["lisst"]).status, 2);
    assert_eq!(suite.run(["run", "--level", "4"]).status, 2);
}
