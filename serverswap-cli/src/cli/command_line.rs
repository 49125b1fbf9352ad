//! The server's command line, and the rule for scripts.

use std::ffi::{OsStr, OsString};
use std::path::{Path, PathBuf};

/// What to start.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CommandLine {
    /// The program.
    pub program: OsString,
    /// Its arguments, without the program.
    pub arguments: Vec<OsString>,
}

impl CommandLine {
    /// From the words after the options; there is at least one. A first word that ends in
    /// `.js`, `.mjs` or `.cjs` and is a file, seen from the server's working directory, is
    /// run with `node`; `.py` with `python3`.
    pub fn from_words(words: Vec<OsString>, cwd: Option<&Path>) -> CommandLine {
        let interpreter = words.first().and_then(|first| interpreter(first, cwd));
        let mut words = interpreter.map(OsString::from).into_iter().chain(words);
        let program = words.next().unwrap_or_default();
        CommandLine { program, arguments: words.collect() }
    }

    /// For people: the words, quoted where a shell would need it.
    pub fn display(&self) -> String {
        let words = std::iter::once(&self.program).chain(&self.arguments);
        words.map(|word| quoted(&word.to_string_lossy())).collect::<Vec<_>>().join(" ")
    }
}

fn interpreter(word: &OsStr, cwd: Option<&Path>) -> Option<&'static str> {
    let path = Path::new(word);
    let interpreter = match path.extension()?.to_str()? {
        "js" | "mjs" | "cjs" => "node",
        "py" => "python3",
        _ => return None,
    };
    let seen: PathBuf = cwd.unwrap_or(Path::new("")).join(path);
    seen.is_file().then_some(interpreter)
}

fn quoted(word: &str) -> String {
    let plain = |c: char| c.is_alphanumeric() || "-_./:=@%+,".contains(c);
    if !word.is_empty() && word.chars().all(plain) {
        word.to_owned()
    } else {
        format!("'{}'", word.replace('\'', r"'\''"))
    }
}
