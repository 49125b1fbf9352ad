//! Every document with commands is typed, and every block of a page is for something.

use std::process::Command;

use serverswap_conformance::sandbox::Programs;

use super::{blocks, blocks_of};

/// Every document with a block of commands: the test that types it.
const DOCUMENTS: [(&str, &str); 24] = [
    ("README.md", "what_the_readme_shows"),
    ("bindings/go/README.md", "what_the_readme_for_go_shows"),
    ("bindings/python/README.md", "bindings/python/tests/test_readme.py"),
    ("conformance/README.md", "what_the_readme_of_the_suite_shows"),
    ("docs/ci.md", "what_the_page_about_ci_shows"),
    ("docs/containers.md", "make containers"),
    ("docs/first-steps.md", "what_the_page_about_the_first_steps_shows"),
    ("docs/go.md", "what_the_page_about_go_shows"),
    ("docs/history.md", "what_the_pages_about_the_status_the_history_and_metrics_show"),
    ("docs/intercept.md", "what_the_page_about_unmodified_servers_shows"),
    ("docs/metrics.md", "what_the_pages_about_the_status_the_history_and_metrics_show"),
    ("docs/node.md", "what_the_page_about_node_shows"),
    ("docs/output.md", "what_the_page_about_output_shows"),
    ("docs/python.md", "what_the_page_about_python_shows"),
    ("docs/rust.md", "what_the_page_about_rust_shows"),
    ("docs/several.md", "what_the_page_about_several_apps_shows"),
    ("docs/sockets.md", "what_the_page_about_passed_sockets_shows"),
    ("docs/status.md", "what_the_pages_about_the_status_the_history_and_metrics_show"),
    ("docs/stopping.md", "what_the_page_about_stopping_shows"),
    ("docs/streams.md", "what_the_page_about_streams_shows"),
    ("docs/systemd.md", "make systemd"),
    ("docs/users.md", "a_user_without_rights_deploys_in_a_directory_of_his_own"),
    ("examples/go/README.md", "what_the_examples_for_go_show"),
    ("examples/node/README.md", "what_the_examples_for_node_show"),
];

/// Documents whose commands the Python package types: it is installed only after this was tested.
const OF_PYTHON: [&str; 1] = ["examples/python/README.md"];

fn tracked(programs: &Programs, pattern: &str) -> Vec<String> {
    let listed = Command::new("git").args(["ls-files", pattern]).current_dir(&programs.repository).output();
    let listed = String::from_utf8(listed.expect("git").stdout).expect("UTF-8");
    listed.lines().map(str::to_owned).collect()
}

/// Whether this is a test, a file with tests, or a goal of make.
fn exists(programs: &Programs, test: &str) -> bool {
    let read = |path: &str| std::fs::read_to_string(programs.repository.join(path)).expect("it is there");
    if let Some(goal) = test.strip_prefix("make ") {
        return read("Makefile").lines().any(|line| line.starts_with(&format!("{goal}:")));
    }
    let folders = ["conformance/rigs/tests/e2e/*.rs", "serverswap-cli/src/*.rs"];
    let mut sources = folders.iter().flat_map(|folder| tracked(programs, folder));
    programs.repository.join(test).exists()
        || sources.any(|source| read(&source).contains(&format!("fn {test}()")))
}

#[test]
fn every_document_with_commands_is_typed() {
    let programs = Programs::find();
    let documents = tracked(&programs, "*.md");
    let has_commands = |document: &&String| !blocks(&programs.repository, document, "sh").is_empty();
    let mut shown: Vec<&str> = documents.iter().filter(has_commands).map(String::as_str).collect();
    shown.retain(|document| !OF_PYTHON.contains(document));
    assert_eq!(shown, DOCUMENTS.map(|(document, _)| document));
    for (document, test) in DOCUMENTS {
        assert!(exists(&programs, test), "nobody types {document}");
    }
}

#[test]
fn every_block_of_a_page_is_typed_or_written_or_says_who_types_it() {
    let programs = Programs::find();
    for page in tracked(&programs, "docs/*.md") {
        for block in blocks_of(&programs.repository.join(&page)) {
            if let Some(test) = &block.typed_by {
                assert!(exists(&programs, test), "{page}: there is no `{test}`");
            } else {
                let is_read = ["sh", "text"].contains(&block.language.as_str()) || block.file().is_some();
                assert!(is_read, "{page}: nobody reads this block:\n{}", block.text);
            }
        }
    }
}
