//! What `init` writes is a driver that keeps the contract, in each language whose tools are here. Python and Node always
//! are; Go and Rust have to be built first, which is left to those who change their templates.

use std::path::Path;

use serverswap_conformance::client::{ClientSettings, DriverCommand, smoke};
use serverswap_conformance::config::{Config, FILE_NAME};
use serverswap_conformance::init::{Language, init};
use serverswap_conformance::report::{Outcome, Report};

use crate::programs::is_here;

/// Runs `smoke` against what `init` writes, as its own `conformance.toml` says.
fn smoked(language: Language) -> Report {
    let folder = tempfile::tempdir().expect("a folder");
    init(language, folder.path()).expect("the folder is empty");
    let config = Config::read(&folder.path().join(FILE_NAME)).expect("in form");
    let command = DriverCommand::new(config.command.expect("it has one")).expect("it has a program");
    smoke(&command, &ClientSettings::default()).expect("it starts and introduces itself")
}

fn passes(language: Language) {
    let report = smoked(language);
    assert_eq!(report.subject.language.as_deref(), Some(language.name()));
    for case in &report.cases {
        assert_eq!(case.outcome, Outcome::Passed, "{}: {:?}", language.name(), case.checks);
    }
}

#[test]
fn the_driver_in_python_keeps_the_contract() {
    passes(Language::Python);
}

#[test]
fn the_driver_in_node_keeps_the_contract() {
    passes(Language::Node);
}

#[test]
fn the_drivers_in_ruby_and_php_keep_the_contract_where_these_are_installed() {
    for (program, language) in [("ruby", Language::Ruby), ("php", Language::Php)] {
        if is_here(program) {
            passes(language);
        }
    }
}

#[test]
fn a_template_is_read_in_a_minute() {
    for language in Language::ALL {
        let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("templates").join(language.name());
        let driver = ["driver.py", "driver.mjs", "driver.rb", "driver.php", "main.go", "src/main.rs"];
        let text =
            driver.iter().find_map(|name| std::fs::read_to_string(folder.join(name)).ok()).expect("a driver");
        let lines = text.lines().filter(|line| !line.trim().is_empty()).count();
        assert!((40..=95).contains(&lines), "{}: {lines}", language.name());
    }
}
