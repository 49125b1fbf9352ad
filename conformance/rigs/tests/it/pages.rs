//! The pages of `docs/`: each can be found, has the form of the others, and shows messages as they are printed.

use std::path::PathBuf;

use serverswap_conformance::sandbox::Programs;

use crate::documents::files_under;

/// The parts of a page, in this order; more may be between them.
const FORM: [&str; 4] = ["What you type", "What happens", "What can go wrong", "How to look"];

/// The parts of the summary whose pages are situations.
const SITUATIONS: [&str; 3] = ["Your server", "Your machine", "Every day"];

/// A page by what is seen has no other form.
const BY_SYMPTOM: &str = "troubleshooting.md";

/// Shorter pieces of a message are in every source.
const PIECE_CHARACTERS_MIN: usize = 8;

fn docs() -> PathBuf {
    Programs::find().repository.join("docs")
}

fn read(name: &str) -> String {
    std::fs::read_to_string(docs().join(name)).expect("it is there")
}

/// The targets of the links of a text, each with the heading above it.
fn links(text: &str) -> Vec<(&str, &str)> {
    let (mut found, mut part) = (Vec::new(), "");
    for line in text.lines() {
        part = line.strip_prefix("# ").unwrap_or(part);
        let targets = line.split("](").skip(1).filter_map(|rest| rest.split_once(')'));
        found.extend(targets.map(|(target, _)| (part, target)));
    }
    found
}

#[test]
fn every_page_is_in_the_summary_and_on_the_list_of_situations() {
    for list in ["SUMMARY.md", "README.md"] {
        let text = read(list);
        let linked: Vec<&str> = links(&text).into_iter().map(|(_, target)| target).collect();
        for page in files_under(&docs(), "md") {
            let name = page.file_name().and_then(|name| name.to_str()).expect("UTF-8");
            let is_list = ["SUMMARY.md", "README.md"].contains(&name);
            assert!(is_list || linked.contains(&name), "{list} has no link to {name}");
        }
    }
}

#[test]
fn every_situation_has_the_same_form() {
    let summary = read("SUMMARY.md");
    let situations = links(&summary).into_iter().filter(|(part, _)| SITUATIONS.contains(part));
    for (_, page) in situations.filter(|(_, page)| *page != BY_SYMPTOM) {
        let text = read(page);
        let headings = text.lines().filter_map(|line| line.strip_prefix('#'));
        let mut headings = headings.map(|line| line.trim_start_matches('#').trim());
        for part in FORM {
            assert!(headings.any(|heading| heading == part), "{page} lacks `{part}`, or has it too early");
        }
    }
}

/// The code spans of a line.
fn spans(line: &str) -> Vec<&str> {
    let (mut found, mut rest) = (Vec::new(), line);
    while let Some(begin) = rest.find('`') {
        let marks = rest[begin..].chars().take_while(|c| *c == '`').count();
        let mark = "`".repeat(marks);
        let Some((span, after)) = rest[begin + marks..].split_once(&mark) else { break };
        found.push(span);
        rest = after;
    }
    found
}

/// What the programs print, as it stands in their sources: a text that goes on in the next line is one line.
fn sources() -> String {
    let repository = Programs::find().repository;
    let folders =
        ["serverswap-cli/src", "bindings/core/src", "bindings/node/lib", "bindings/node/src", "spec/src"];
    let files = folders.iter().flat_map(|folder| {
        let folder = repository.join(folder);
        ["rs", "cjs"].map(|extension| files_under(&folder, extension)).concat()
    });
    let mut text = String::new();
    for file in files {
        let source = std::fs::read_to_string(file).expect("it is a source file");
        for line in source.lines() {
            match line.trim().strip_suffix('\\') {
                Some(begun) => text.push_str(begun),
                None => text = text + line.trim() + "\n",
            }
        }
    }
    text
}

#[test]
fn every_message_by_which_help_is_found_is_one_of_the_programs() {
    let (text, sources) = (read(BY_SYMPTOM), sources());
    let cells =
        text.lines().filter(|line| line.starts_with("| ")).filter_map(|line| line.split(" | ").next());
    let messages: Vec<&str> = cells.flat_map(spans).collect();
    assert!(messages.len() > 30, "{messages:?}");
    for message in messages {
        for piece in message.split('…').map(|piece| piece.trim_matches(|c: char| " `:;.,".contains(c))) {
            let is_known = piece.chars().count() < PIECE_CHARACTERS_MIN || sources.contains(piece);
            assert!(is_known, "`{message}`: no program prints `{piece}`");
        }
    }
}
