//! The command lines that the documents have in their text and in their blocks.

use std::path::Path;

/// What users and contributors read, beside every page of `docs`. A changelog tells of the past.
const DOCUMENTS: [&str; 18] = [
    "ARCHITECTURE.md",
    "CONTRIBUTING.md",
    "README.md",
    "SECURITY.md",
    "bindings/README.md",
    "bindings/go/README.md",
    "bindings/node/README.md",
    "bindings/node/npm/README.md",
    "bindings/python/README.md",
    "conformance/README.md",
    "conformance/contract/v1/README.md",
    "conformance/drivers/README.md",
    "conformance/rigs/README.md",
    "examples/go/README.md",
    "examples/node/README.md",
    "examples/python/README.md",
    "serverswap-cli/README.md",
    "spec/README.md",
];

/// Every command line of this program, as words, and where it is. A line in which something is left out (`…`, `[OPTIONS]`) is a
/// pattern and none.
pub fn command_lines(program: &str) -> Vec<(String, Vec<String>)> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let root = root.ancestors().find(|folder| folder.join("ARCHITECTURE.md").exists()).expect("a clone");
    let mut found = Vec::new();
    for document in DOCUMENTS.map(str::to_owned).into_iter().chain(pages(root)) {
        let text = std::fs::read_to_string(root.join(&document)).expect("it is there");
        for line in text.split("```").enumerate().flat_map(|(number, part)| code(part, number % 2 == 1)) {
            let words: Vec<String> =
                line.split_whitespace().map(|word| word.trim_matches('\'').to_owned()).collect();
            let Some(begin) = words.iter().position(|word| word == program) else { continue };
            let is_whole = !line.contains(['[', '…', '|']);
            if is_whole && words.len() > begin + 1 {
                found.push((format!("{document}: {line}"), words[begin..].to_vec()));
            }
        }
    }
    found
}

fn pages(root: &Path) -> impl Iterator<Item = String> {
    let entries = std::fs::read_dir(root.join("docs")).expect("it is there");
    let names =
        entries.map(|entry| entry.expect("it can be listed").file_name().into_string().expect("UTF-8"));
    names.filter(|name| name.ends_with(".md")).map(|name| format!("docs/{name}"))
}

/// The lines of a block without their comments, or the code in a text; of a pipe the first command, of a list the last.
fn code(part: &str, is_block: bool) -> Vec<&str> {
    let pieces: Vec<&str> =
        if is_block { part.lines().skip(1).collect() } else { part.split('`').skip(1).step_by(2).collect() };
    let before = |text: &str, mark: &str| text.find(mark).unwrap_or(text.len());
    pieces
        .into_iter()
        .map(|piece| &piece[..before(piece, " #").min(before(piece, " | ")).min(before(piece, ", "))])
        .map(|piece| piece.rsplit("&& ").next().unwrap_or(piece))
        .collect()
}
