//! The README says what is true: its usage is that of the program, its guarantees have tests.

use std::path::{Path, PathBuf};
use std::process::Command;

use serverswap_conformance::world::Programs;

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
    let sources: String = rust_files(&programs.repository.join("conformance/tests/e2e"))
        .iter()
        .map(|file| std::fs::read_to_string(file).expect("it is a source file"))
        .collect();
    for name in named {
        assert!(sources.contains(&format!("async fn {name}()")), "there is no test `{name}`");
    }
}

fn rust_files(folder: &Path) -> Vec<PathBuf> {
    let entries = std::fs::read_dir(folder).expect("the folder exists");
    entries.map(|entry| entry.expect("it can be listed").path()).collect()
}
