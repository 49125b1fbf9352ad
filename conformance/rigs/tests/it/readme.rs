//! The README says what is true: its usage is that of the program, its guarantees have tests; and what
//! GUARANTEES.md names exists.

use std::process::Command;

use serverswap_conformance::sandbox::Programs;

use crate::documents::{between, files_under};

fn readme(programs: &Programs) -> String {
    std::fs::read_to_string(programs.repository.join("README.md")).expect("there is a README")
}

/// The text of the code block after a marker.
fn block<'a>(text: &'a str, marker: &str) -> &'a str {
    let (_, rest) = text.split_once(marker).expect("the marker is there");
    let (_, rest) = rest.split_once("```text\n").expect("a code block follows it");
    rest.split_once("```").expect("it ends").0
}

#[test]
fn the_usage_in_the_readme_is_what_the_program_says() {
    let programs = Programs::find();
    let help = Command::new(&programs.serverswap).arg("-h").env("COLUMNS", "100").output();
    let help = String::from_utf8(help.expect("`make build` or `cargo build` makes it").stdout);
    let readme = readme(&programs);
    assert_eq!(block(&readme, "<!-- serverswap -h -->").trim_end(), help.expect("UTF-8").trim_end());
}

#[test]
fn every_guarantee_of_the_readme_names_tests_that_exist() {
    let programs = Programs::find();
    let readme = readme(&programs);
    let (_, table) = readme.split_once("| guarantee | test |").expect("there is a table of guarantees");
    let rows = table.lines().skip(2).take_while(|line| line.starts_with('|'));
    let cells: Vec<&str> = rows.filter_map(|row| row.trim_end_matches(" |").rsplit("| ").next()).collect();
    assert_eq!(cells.len(), 6, "the six guarantees");
    let named = cells.iter().flat_map(|cell| cell.split(", ")).map(|name| name.trim_matches('`'));
    let sources: String = files_under(&programs.repository.join("conformance/rigs/tests/e2e"), "rs")
        .iter()
        .map(|file| std::fs::read_to_string(file).expect("it is a source file"))
        .collect();
    for name in named {
        assert!(sources.contains(&format!("async fn {name}()")), "there is no test `{name}`");
    }
}

#[test]
fn the_client_that_is_to_be_ported_has_fewer_than_200_lines() {
    let client = Programs::find().repository.join("conformance/drivers/pure-python/client.py");
    let text = std::fs::read_to_string(client).expect("it is there");
    assert!(text.lines().count() < 200, "{} lines", text.lines().count());
}

#[test]
fn every_test_that_the_guarantees_name_exists() {
    let repository = Programs::find().repository;
    let text = std::fs::read_to_string(repository.join("serverswap-cli/GUARANTEES.md")).expect("it is there");
    let sources: String = ["conformance", "serverswap-cli/tests", "serverswap-cli/src", "bindings/core"]
        .iter()
        .flat_map(|folder| files_under(&repository.join(folder), "rs"))
        .map(|file| std::fs::read_to_string(file).expect("it is a source file"))
        .collect();
    let is_test = |name: &str| name.matches('_').count() > 2 && !name.contains(['/', ' ', '.']);
    let named: Vec<&str> = between(&text, '`').filter(|name| is_test(name)).collect();
    assert!(named.len() > 40, "only {} tests are named", named.len());
    for name in named {
        assert!(sources.contains(&format!("fn {name}(")), "there is no test `{name}`");
    }
}

#[test]
fn every_property_of_the_model_holds_a_guarantee() {
    let repository = Programs::find().repository;
    let read = |path: &str| std::fs::read_to_string(repository.join(path)).expect("it is there");
    let (text, properties) =
        (read("serverswap-cli/GUARANTEES.md"), read("serverswap-cli/tests/model/properties.rs"));
    let declared = properties.lines().filter(|line| line.starts_with("pub const"));
    let declared: Vec<&str> = declared.filter_map(|line| between(line, '"').next()).collect();
    let named: Vec<&str> = text.lines().flat_map(|line| between(line, '"')).collect();
    for property in &declared {
        assert!(named.contains(property), "no guarantee rests on \"{property}\"");
    }
    for property in &named {
        assert!(declared.contains(property), "the model has no property \"{property}\"");
    }
}
