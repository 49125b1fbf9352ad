//! Every form of a report, as it looks. `UPDATE_REPORTS=1 cargo test -p serverswap-conformance
//! --test it report` writes what is expected anew; every other run compares.

mod sample;

use std::fs;
use std::path::Path;

use serverswap_conformance::report::{
    Folder, Judgement, Published, Report, Scope, Standing, badge, closing_line, junit, markdown, schema,
    terminal,
};

/// Compares a file of this crate with what it should be, or makes it so.
fn fresh(path: &str, expected: &str) {
    let file = Path::new(env!("CARGO_MANIFEST_DIR")).join(path);
    if std::env::var_os("UPDATE_REPORTS").is_some() {
        return fs::write(&file, expected).expect("a writable file");
    }
    let found = fs::read_to_string(&file).unwrap_or_default();
    assert!(
        found == expected,
        "{path} is stale; run: UPDATE_REPORTS=1 cargo test -p serverswap-conformance --test it report\n{expected}"
    );
}

fn plain(text: &str) -> String {
    anstream::adapter::strip_str(text).to_string()
}

fn judged() -> (Report, Judgement) {
    (sample::report(), sample::judgement())
}

#[test]
fn a_terminal_is_quiet_about_passes_and_shows_failures_with_their_trace() {
    let (report, judgement) = judged();
    fresh("tests/it/report/expected/terminal.txt", &plain(&terminal(&report, &judgement)));
}

#[test]
fn markdown_has_the_levels_and_what_failed() {
    let (report, judgement) = judged();
    fresh("tests/it/report/expected/report.md", &markdown(&report, &judgement));
}

#[test]
fn junit_has_a_suite_for_each_folder() {
    let (report, judgement) = judged();
    fresh("tests/it/report/expected/junit.xml", &junit(&report, &judgement).expect("XML"));
}

#[test]
fn the_badge_says_level_and_counts() {
    let (report, judgement) = judged();
    fresh("tests/it/report/expected/badge.json", &badge(&report, &judgement));
}

#[test]
fn the_json_is_as_its_schema_says_and_reads_back_as_it_was() {
    let (report, judgement) = judged();
    let published = Published::new(report, &judgement);
    let text = published.to_json();
    fresh("tests/it/report/expected/report.json", &text);
    assert_eq!(Published::from_json(&text).expect("a report"), published);
    let validator = jsonschema::validator_for(&schema()).expect("a schema");
    let value = serde_json::from_str(&text).expect("JSON");
    let errors: Vec<String> = validator.iter_errors(&value).map(|error| error.to_string()).collect();
    assert!(errors.is_empty(), "{errors:#?}");
}

#[test]
fn the_published_schema_is_fresh() {
    let text = serde_json::to_string_pretty(&schema()).expect("JSON");
    fresh("report/v1/schema.json", &format!("{text}\n"));
}

#[test]
fn a_report_of_another_format_is_refused_by_its_number() {
    let (report, judgement) = judged();
    let text = Published::new(report, &judgement).to_json().replacen("\"format\": 1", "\"format\": 2", 1);
    let error = Published::from_json(&text).expect_err("it is another format");
    assert!(error.to_string().contains("a report of format 2; this program reads 1"), "{error}");
}

#[test]
fn a_folder_holds_every_form_and_one_recording_for_each_case() {
    let (report, judgement) = judged();
    let place = tempfile::tempdir().expect("a folder");
    let folder = Folder::new(place.path());
    folder.write(&report, &judgement).expect("it is writable");
    folder.write(&report, &judgement).expect("a second time, too");
    assert_eq!(
        files(place.path()),
        [
            "badge.json",
            "junit.xml",
            "report.json",
            "report.md",
            "traces/core/claim/granted.ndjson",
            "traces/robust/address/text[address=unix:_run_a].ndjson",
        ]
    );
    assert_eq!(folder.read().expect("it was written").report, report);
    fresh(
        "tests/it/report/expected/granted.ndjson",
        &fs::read_to_string(place.path().join("traces/core/claim/granted.ndjson")).expect("a recording"),
    );
}

#[test]
fn the_closing_line_never_says_conforms_of_a_selection_or_with_known_failures() {
    let report = sample::report();
    let line = |scope, standing: Standing| {
        let standings = vec![Standing::Passed, standing];
        plain(&closing_line(&report, &Judgement { scope, standings }))
    };
    let reason = "lines".to_owned();
    let listed = Standing::KnownFailing { reason };
    let lines = [
        line(Scope::Whole, Standing::Passed),
        line(Scope::Whole, Standing::Skipped),
        line(Scope::Part, Standing::Passed),
        line(Scope::Whole, listed),
        line(Scope::Whole, Standing::Failed),
        line(Scope::Whole, Standing::Stale { entry: "core/*".to_owned() }),
        line(Scope::Whole, Standing::Suite),
    ];
    assert_eq!(
        lines,
        [
            "conforms at level 3: 2 of 2",
            "conforms at level 3: 1 of 1",
            "passed, of a selection: 2 of 2",
            "as listed at level 3: 1 of 2 passed, 1 known to fail",
            "does not conform at level 3: 1 of 2",
            "does not conform at level 3: 2 of 2, 1 of them listed as failing",
            "undecided: 1 of 2 cases",
        ]
    );
}

/// The paths of the files below a folder, sorted.
fn files(folder: &Path) -> Vec<String> {
    fn walk(root: &Path, folder: &Path, found: &mut Vec<String>) {
        for entry in fs::read_dir(folder).expect("a folder") {
            let path = entry.expect("an entry").path();
            if path.is_dir() {
                walk(root, &path, found);
            } else {
                found.push(path.strip_prefix(root).expect("below it").display().to_string());
            }
        }
    }
    let mut found = Vec::new();
    walk(folder, folder, &mut found);
    found.sort();
    found
}
