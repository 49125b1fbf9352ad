//! The blocks of a page, and who types them.

use std::fs;
use std::path::Path;

/// A block of a document.
#[derive(Debug)]
pub(crate) struct Block {
    pub(crate) language: String,
    pub(crate) text: String,
    /// Who types it, if no test that reads the whole page can: `<!-- typed by make systemd -->` in the line above.
    pub(crate) typed_by: Option<String>,
}

impl Block {
    /// The file that its first line names: `// server.mjs`, `# app.py`.
    pub(crate) fn file(&self) -> Option<&str> {
        let first = self.text.lines().next()?;
        let name = first.strip_prefix("// ").or_else(|| first.strip_prefix("# "))?;
        (name.contains('.') && !name.contains(' ')).then_some(name)
    }
}

/// Every block of a document, in order.
pub(crate) fn blocks_of(document: &Path) -> Vec<Block> {
    let text = fs::read_to_string(document).unwrap_or_else(|error| panic!("{}: {error}", document.display()));
    let (mut blocks, mut typed_by) = (Vec::new(), None);
    let mut lines = text.lines();
    while let Some(line) = lines.next() {
        if let Some(language) = line.strip_prefix("```") {
            let text: Vec<&str> = lines.by_ref().take_while(|line| !line.starts_with("```")).collect();
            let text = text.join("\n") + "\n";
            blocks.push(Block { language: language.to_owned(), text, typed_by: typed_by.take() });
        } else if !line.is_empty() {
            let by = line.strip_prefix("<!-- typed by ").and_then(|rest| rest.strip_suffix(" -->"));
            typed_by = by.map(str::to_owned);
        }
    }
    blocks
}

/// The contents of every block of a language in a document.
pub(crate) fn blocks(repository: &Path, document: &str, language: &str) -> Vec<String> {
    let all = blocks_of(&repository.join(document)).into_iter();
    all.filter(|block| block.language == language).map(|block| block.text).collect()
}
