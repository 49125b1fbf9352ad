//! Mistakes in scenario files: each is named with file and line, before anything runs.

use serverswap_conformance::scenario::parse;

/// A scenario with these steps; the first step is in line 7.
fn scenario(steps: &str) -> String {
    format!("id: core/x\ntitle: X\nrole: client\nlevel: 1\nsince: \"1.0\"\nsteps:\n{steps}")
}

fn mistake(text: &str) -> String {
    parse("core/x.yaml", "core/x", text).expect_err("a mistake").to_string()
}

#[test]
fn a_scenario_without_a_mistake_is_read() {
    let text =
        scenario("  - driver: {cmd: connect}\n  - accept: a\n  - greet: {on: a, hello: {role: server}}\n");
    let scenario = parse("core/x.yaml", "core/x", &text).expect("no mistake");
    let lines: Vec<(u64, &str)> = scenario.steps.iter().map(|step| (step.line, step.value.word())).collect();
    assert_eq!(lines, [(7, "driver"), (8, "accept"), (9, "greet")]);
}

#[test]
fn every_mistake_is_named_with_file_and_line() {
    let cases = [
        ("acept: a", "unknown variant `acept`"),
        ("driver: {cmd: conect}", "the driver contract has no command `conect`"),
        ("driver: {cmd: serving}", "the command `serving` needs the field `address`"),
        ("driver: {cmd: sync, address: a}", "the command `sync` has no field `address`"),
        ("event: {event: granted, who: a}", "the event `granted` has no field `who`"),
        ("expect: {on: a}", "missing field `message`"),
        ("expect: {on: b, message: {}}", "no connection is named `b` here"),
        ("connect_to: {listener: l}", "no descriptor is named `l` here"),
        ("start: s1", "`start` belongs to scenarios of the role `supervisor`"),
        ("expect: {on: a, message: {re: {$ref: q}}}", "`$q` has no value here"),
        ("expect: {on: a, message: {re: {$an: q}}}", "`$an` means nothing"),
        ("send: {on: a, raw: x, message: {}}", "exactly one of `message`, `lines`, `raw`"),
        ("closed: {on: a, spec: [SS-NO-1]}", "`SS-NO-1` is no requirement"),
        ("closed: {on: a, spec: [SS-ERR-1]}", "`SS-ERR-1` is no clause: cite SS-ERR-1/1 or SS-ERR-1/2"),
        ("closed: {on: a, spec: [SS-ARB-5]}", "`SS-ARB-5` binds another side: arbiter"),
        ("closed: {on: a, check: x}", "another step has the check `x`"),
        ("any_order: [{accept: b}]", "`accept` cannot be in `any_order`"),
    ];
    for (step, message) in cases {
        let mistake = mistake(&scenario(&format!("  - accept: {{on: a, check: x}}\n  - {step}\n")));
        assert!(mistake.starts_with("core/x.yaml:8: ") && mistake.contains(message), "{mistake}");
    }
}

#[test]
fn a_mistake_in_the_head_is_named_with_its_line() {
    let text = scenario("  - accept: a\n");
    let cases = [
        (text.replace("core/x", "core/y"), "core/x.yaml:1: the id of this file is `core/x`, not `core/y`"),
        (text.replace("level: 1", "level: 4"), "core/x.yaml:4: a level is 1, 2 or 3, not 4"),
        (
            text.replace("level: 1", "level: 1\nmatrix: {at: every-byte}"),
            "core/x.yaml:5: no step has `split: $at` or `cut: $at`",
        ),
    ];
    for (text, expected) in cases {
        assert_eq!(mistake(&text), expected);
    }
}

#[test]
fn a_matrix_is_one_case_for_each_value_and_a_stable_id() {
    let steps = "  - accept: a\n  - send: {on: a, raw: \"ab\\n\", split: $at}\n";
    let text = scenario(steps).replace("level: 1", "level: 1\nmatrix: {at: every-byte, code: [x, 2]}");
    let scenario = parse("core/x.yaml", "core/x", &text).expect("no mistake");
    let ids: Vec<String> = scenario.instances().into_iter().map(|instance| instance.id).collect();
    assert_eq!(
        ids,
        ["core/x[at=1,code=x]", "core/x[at=1,code=2]", "core/x[at=2,code=x]", "core/x[at=2,code=2]"]
    );
}
