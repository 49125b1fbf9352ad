//! `--env-file`: variables for the server, read anew at every start of one.
//!
//! A line is `NAME=VALUE`, with or without `export` before it; a value in quotes is what is between them. Empty lines, and
//! those that begin with `#`, are left out. Nothing is expanded: a value is what is written there.

use std::io;
use std::path::Path;

/// Why a file is not used.
#[derive(Debug)]
pub(crate) enum EnvFileError {
    /// It cannot be read as text.
    Io(io::Error),
    /// The line with this number sets no variable.
    Line(usize),
}

/// The variables in the order of the file.
///
/// # Errors
/// [`EnvFileError`]; none of them is to be used then.
pub(crate) fn read(path: &Path) -> Result<Vec<(String, String)>, EnvFileError> {
    parse(&std::fs::read_to_string(path).map_err(EnvFileError::Io)?)
}

fn parse(text: &str) -> Result<Vec<(String, String)>, EnvFileError> {
    let lines = text.lines().map(str::trim).enumerate();
    let lines = lines.filter(|(_, line)| !line.is_empty() && !line.starts_with('#'));
    lines.map(|(index, line)| variable(line).ok_or(EnvFileError::Line(index + 1))).collect()
}

fn variable(line: &str) -> Option<(String, String)> {
    let line = line.strip_prefix("export ").unwrap_or(line);
    let (name, value) = line.split_once('=')?;
    let (name, value) = (name.trim(), value.trim());
    let is_name = |c: char| c.is_ascii_alphanumeric() || c == '_';
    let is_named = name.chars().all(is_name) && name.starts_with(|c: char| !c.is_ascii_digit());
    (is_named && !value.contains('\0')).then(|| (name.to_owned(), unquoted(value).to_owned()))
}

fn unquoted(value: &str) -> &str {
    let within = |quote| value.strip_prefix(quote)?.strip_suffix(quote);
    within('"').or_else(|| within('\'')).unwrap_or(value)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_value_is_what_is_written_there_without_its_quotes() {
        let text = "# the shop\n\nexport PORT = 80\nURL=\"a=b # c\"\nONE='$HOME'\nNONE=\nHALF=\"a\n";
        let expected = [("PORT", "80"), ("URL", "a=b # c"), ("ONE", "$HOME"), ("NONE", ""), ("HALF", "\"a")];
        let expected = expected.map(|(name, value)| (name.to_owned(), value.to_owned()));
        assert_eq!(parse(text).expect("every line is right"), expected);
    }

    #[test]
    fn a_line_that_sets_nothing_is_named() {
        for (text, number) in [("A=1\nB", 2), ("2A=1", 1), ("=1", 1), ("A B=1", 1)] {
            assert!(matches!(parse(text), Err(EnvFileError::Line(line)) if line == number), "{text}");
        }
    }
}
