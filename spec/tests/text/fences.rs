//! Fenced blocks of the text.

use crate::committed::spec;

/// The contents of every block of a language, in order.
pub(crate) fn blocks(language: &str) -> Vec<String> {
    let text = std::fs::read_to_string(spec("README.md")).expect("spec/README.md");
    let opening = format!("```{language}");
    let mut blocks = Vec::new();
    let mut lines = text.lines();
    while let Some(line) = lines.next() {
        if line == opening {
            let block: Vec<&str> = lines.by_ref().take_while(|line| *line != "```").collect();
            blocks.push(block.join("\n"));
        }
    }
    blocks
}
