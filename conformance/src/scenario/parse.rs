//! From the text of a file to a scenario, and every mistake with its line.

use super::{Scenario, review};

/// A scenario file with a mistake. The author's fault.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{file}:{line}: {message}")]
pub struct ParseError {
    /// The file, as it was named.
    pub file: String,
    /// Counted from 1.
    pub line: u64,
    /// What is wrong there.
    pub message: String,
}

/// Reads a scenario. `file` is shown in errors; `id` is the id that follows from its path.
///
/// # Errors
/// The first mistake.
pub fn parse(file: &str, id: &str, text: &str) -> Result<Scenario, ParseError> {
    let wrong = |line: u64, message: String| ParseError { file: file.to_owned(), line, message };
    let options = serde_saphyr::options! { with_snippet: false };
    let scenario: Scenario = serde_saphyr::from_str_with_options(text, options).map_err(|error| {
        let line = error.location().map_or(1, |location| location.line());
        wrong(line, without_place(&error.to_string()))
    })?;
    let line_of = |key: &str| {
        let begins = |line: &str| line.starts_with(&format!("{key}:"));
        text.lines().position(begins).map_or(1, |index| index as u64 + 1)
    };
    review::review(&scenario, id).map_err(|mistake| match mistake {
        review::Mistake::Head { key, message } => wrong(line_of(key), message),
        review::Mistake::Step { line, message } => wrong(line, message),
    })?;
    Ok(scenario)
}

/// The message of the parser without the place, which is printed before it.
fn without_place(message: &str) -> String {
    let first = message.lines().next().unwrap_or(message);
    let end = first.find(" at line ").or_else(|| first.find(": line ")).unwrap_or(first.len());
    first[..end].trim_start_matches("error: ").to_owned()
}
