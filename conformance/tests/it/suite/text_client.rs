//! The client of chapter 20 conforms at level 2 as it stands in the text.

use std::path::Path;

use serverswap_conformance::client::{ClientSettings, DriverCommand, run};
use serverswap_conformance::report::Outcome;
use serverswap_conformance::scenario::{Catalogue, Selection};

use super::reference::troubles;
use crate::PATIENT;

const ROOT: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/..");

/// The first Python block of the text.
fn client() -> String {
    let text = std::fs::read_to_string(Path::new(ROOT).join("spec/README.md")).expect("the text");
    let block = text.split("```python\n").nth(1).and_then(|block| block.split("```").next());
    block.expect("chapter 20 has a client").to_owned()
}

#[test]
fn the_client_of_the_text_conforms_at_level_2() {
    let folder = tempfile::tempdir().expect("a folder");
    std::fs::write(folder.path().join("text_client.py"), client()).expect("a writable folder");
    let driver = Path::new(ROOT).join("conformance/tests/it/suite/text_driver.py");
    let command = DriverCommand::new([
        "python3".as_ref(),
        "-B".as_ref(),
        driver.as_os_str(),
        folder.path().as_os_str(),
    ]);
    let catalogue = Catalogue::embedded().expect("the catalogue is right");
    let command = command.expect("a program");
    let patient = ClientSettings { budget: PATIENT, ..ClientSettings::default() };
    let report = run(&catalogue, &Selection::level(2), &command, &patient).expect("it runs");
    let counts = |case: &String| !case.starts_with("should/") && !case.contains("Skipped");
    let failed: Vec<String> = troubles(&report).into_iter().filter(counts).collect();
    assert!(failed.is_empty(), "{}", failed.join("\n"));
    let passed = report.cases.iter().filter(|case| case.outcome == Outcome::Passed).count();
    assert!(passed > 90, "{passed}");
}
