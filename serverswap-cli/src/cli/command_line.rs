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

    /// For people: the words, quoted where a shell would need it, on one line and shortened. What is long is rarely
    /// read, and may be a secret.
    pub fn display(&self) -> String {
        let mut words = std::iter::once(&self.program).chain(&self.arguments);
        let mut text = words.next().map(shown).unwrap_or_default();
        let mut left = self.arguments.len();
        for word in words.map(shown) {
            if text.chars().count() + word.chars().count() > COMMAND_CHARS_MAX {
                return format!("{text} … ({left} more)");
            }
            text.push(' ');
            text.push_str(&word);
            left -= 1;
        }
        text
    }
}

/// The words as a shell takes them, whole.
pub(crate) fn for_shell(words: &[OsString]) -> String {
    words.iter().map(|word| quoted(&word.to_string_lossy())).collect::<Vec<_>>().join(" ")
}

/// Longest command that is shown, in characters.
const COMMAND_CHARS_MAX: usize = 200;

/// Longest word that is shown, in characters before it is quoted.
const WORD_CHARS_MAX: usize = 80;

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

fn shown(word: &OsString) -> String {
    let word = word.to_string_lossy();
    match word.char_indices().nth(WORD_CHARS_MAX) {
        None => quoted(&word),
        Some((end, _)) => quoted(&word[..end]) + "…",
    }
}

/// Words with control characters are quoted as bash, zsh and ksh read them.
fn quoted(word: &str) -> String {
    let plain = |c: char| c.is_alphanumeric() || "-_./:=@%+,".contains(c);
    if !word.is_empty() && word.chars().all(plain) {
        word.to_owned()
    } else if word.chars().any(char::is_control) {
        let escaped = word.replace('\\', r"\\").replace('\'', r"\'");
        let escaped = escaped.chars().map(|c| if c.is_control() { escape(c) } else { c.to_string() });
        format!("$'{}'", escaped.collect::<String>())
    } else {
        format!("'{}'", word.replace('\'', r"'\''"))
    }
}

fn escape(control: char) -> String {
    match control {
        '\n' => r"\n".to_owned(),
        '\t' => r"\t".to_owned(),
        '\r' => r"\r".to_owned(),
        other => format!(r"\u{:04x}", u32::from(other)),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn display(words: &[&str]) -> String {
        CommandLine::from_words(words.iter().map(OsString::from).collect(), None).display()
    }

    #[test]
    fn a_word_is_quoted_where_a_shell_would_need_it() {
        assert_eq!(display(&["./app", "a b", "it's", ""]), r"./app 'a b' 'it'\''s' ''");
    }

    #[test]
    fn control_characters_reach_no_terminal_and_no_second_line() {
        assert_eq!(display(&["./app", "a\nb", "\u{1b}[31m'\\"]), r"./app $'a\nb' $'\u001b[31m\'\\'");
    }

    #[test]
    fn what_is_long_is_shortened() {
        let long = "x".repeat(1_000);
        assert_eq!(display(&["./app", &long]), format!("./app {}…", "x".repeat(WORD_CHARS_MAX)));
        let many = display(&["./app"].into_iter().chain(["argument"; 3_000]).collect::<Vec<_>>());
        assert!(many.ends_with(" argument … (2979 more)") && many.chars().count() < 250, "{many}");
        assert_eq!(display(&["x"; 20]).split(' ').count(), 20);
    }
}
