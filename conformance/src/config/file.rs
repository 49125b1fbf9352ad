//! `conformance.toml`, and the shorter form of a list: a text file with one entry a line.

use std::ops::Range;
use std::path::{Path, PathBuf};

use serde::Deserialize;
use toml::Spanned;

use super::{ConfigError, ListEntry, Lists, Place};
use crate::report::Level;
use crate::suite::SuiteVersion;

/// What `conformance.toml` says.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Config {
    /// The driver and its arguments; it runs in the file's folder. A program with a `/` is looked
    /// for there.
    pub command: Option<Vec<String>>,
    /// The file's folder.
    pub folder: PathBuf,
    /// The highest level that is run.
    pub level: Option<u8>,
    /// Every limit of a wait is multiplied by it.
    pub slow: Option<f64>,
    /// The suite that the verdict is to be that of.
    pub suite: Option<SuiteVersion>,
    /// What is known to fail.
    pub lists: Lists,
}

#[derive(Deserialize)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
struct File {
    command: Option<Spanned<Vec<String>>>,
    level: Option<Spanned<u8>>,
    slow: Option<Spanned<f64>>,
    suite: Option<SuiteVersion>,
    #[serde(default)]
    known_failing: Vec<FileEntry>,
    #[serde(default)]
    known_flaky: Vec<FileEntry>,
}

#[derive(Deserialize)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
struct FileEntry {
    id: Spanned<String>,
    reason: String,
    /// Where it is followed up; shown behind the reason.
    issue: Option<String>,
}

impl Config {
    /// Reads `conformance.toml`.
    ///
    /// # Errors
    /// If it cannot be read or is not in form; the error names the line.
    pub fn read(path: &Path) -> Result<Config, ConfigError> {
        let text = text(path)?;
        let place = |span: Range<usize>| place(path, &text, span);
        let file: File = toml::from_str(&text).map_err(|error| ConfigError::Form {
            place: place(error.span().unwrap_or(0..0)),
            message: error.message().to_owned(),
        })?;
        let wrong =
            |span, message: &str| Err(ConfigError::Form { place: place(span), message: message.to_owned() });
        if let Some(level) = file.level.as_ref().filter(|level| *level.get_ref() > Level::HIGHEST.0) {
            return wrong(level.span(), "the levels are 0, 1, 2 and 3");
        }
        if let Some(slow) = file.slow.as_ref().filter(|slow| !is_factor(*slow.get_ref())) {
            return wrong(slow.span(), "`slow` multiplies every limit and is above 0");
        }
        if let Some(command) = file.command.as_ref().filter(|command| command.get_ref().is_empty()) {
            return wrong(command.span(), "`command` has no program");
        }
        let entries = |entries: Vec<FileEntry>| -> Vec<ListEntry> {
            entries.into_iter().map(|entry| entry.at(place)).collect()
        };
        let folder = folder(path)?;
        Ok(Config {
            command: file.command.map(|command| in_folder(&folder, command.into_inner())),
            folder,
            level: file.level.map(Spanned::into_inner),
            slow: file.slow.map(Spanned::into_inner),
            suite: file.suite,
            lists: Lists {
                failing: entries(file.known_failing),
                flaky: entries(file.known_flaky),
                ..Lists::default()
            },
        })
    }
}

impl FileEntry {
    fn at(self, place: impl Fn(Range<usize>) -> Place) -> ListEntry {
        let reason = match self.issue {
            Some(issue) => format!("{} ({issue})", self.reason),
            None => self.reason,
        };
        let place = place(self.id.span());
        ListEntry::new(self.id.into_inner(), reason, place)
    }
}

/// Reads a list of entries, one a line; what follows a `#` is the reason.
///
/// # Errors
/// If it cannot be read.
pub fn read_list(path: &Path) -> Result<Vec<ListEntry>, ConfigError> {
    let text = text(path)?;
    let numbered = text.lines().zip(1..);
    let entries = numbered.filter_map(|(line, number)| {
        let (entry, reason) = line.split_once('#').unwrap_or((line, "no reason given"));
        let place = Place { file: path.to_owned(), line: number };
        let entry = entry.trim();
        (!entry.is_empty()).then(|| ListEntry::new(entry, reason.trim(), place))
    });
    Ok(entries.collect())
}

fn text(path: &Path) -> Result<String, ConfigError> {
    std::fs::read_to_string(path).map_err(|source| ConfigError::Read { path: path.to_owned(), source })
}

fn place(path: &Path, text: &str, span: Range<usize>) -> Place {
    let before = &text.as_bytes()[..span.start.min(text.len())];
    let line = before.iter().filter(|&&byte| byte == b'\n').count() + 1;
    Place { file: path.to_owned(), line }
}

fn folder(path: &Path) -> Result<PathBuf, ConfigError> {
    let folder = path.parent().unwrap_or(Path::new(""));
    let absolute = std::path::absolute(Path::new(".").join(folder));
    absolute.map_err(|source| ConfigError::Read { path: path.to_owned(), source })
}

/// The command, its program with the whole path if it is a relative one.
fn in_folder(folder: &Path, mut command: Vec<String>) -> Vec<String> {
    if command[0].contains('/') {
        command[0] = folder.join(&command[0]).display().to_string();
    }
    command
}

/// Whether a number can multiply limits.
#[must_use]
pub fn is_factor(slow: f64) -> bool {
    slow.is_finite() && slow > 0.0
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(text: &str) -> Result<Config, String> {
        let folder = tempfile::tempdir().expect("a folder");
        let path = folder.path().join("conformance.toml");
        std::fs::write(&path, text).expect("a file");
        let root = format!("{}/", folder.path().display());
        Config::read(&path).map_err(|error| error.to_string().replace(&root, ""))
    }

    #[test]
    fn a_file_says_the_command_the_level_and_the_lists() {
        let config = read(
            r#"
            command = ["go", "run", "./driver"]
            level = 2

            [[known-failing]]
            id = "robust/split/*:grant-delivered"
            reason = "lines are read in one piece"
            issue = "https://example.com/1"

            [[known-flaky]]
            id = "core/ping/answered"
            reason = "slow in CI"
            "#,
        )
        .expect("it is in form");
        assert_eq!(config.command, Some(["go", "run", "./driver"].map(str::to_owned).to_vec()));
        assert_eq!((config.level, config.slow), (Some(2), None));
        let entry = &config.lists.failing[0];
        assert_eq!(entry.text, "robust/split/*:grant-delivered");
        assert_eq!((entry.place.line, config.lists.flaky[0].place.line), (6, 11));
        assert_eq!(entry.reason, "lines are read in one piece (https://example.com/1)");
    }

    #[test]
    fn a_program_with_a_slash_is_looked_for_beside_the_file() {
        let found = |program: &str| in_folder(Path::new("/sub"), vec![program.to_owned(), "x/y".to_owned()]);
        assert_eq!(found("./driver"), ["/sub/./driver", "x/y"]);
        assert_eq!(found("/bin/driver"), ["/bin/driver", "x/y"]);
        assert_eq!(found("go"), ["go", "x/y"]);
    }

    #[test]
    fn every_mistake_names_its_line() {
        let messages = [
            "level = 1\nlevle = 2\n",
            "\nlevel = 4",
            "level = \"two\"",
            "command = []",
            "slow = 0.0",
            "[[known-failing]]\nid = \"a\"\n",
            "level = ",
        ]
        .map(|text| read(text).expect_err("it is wrong"));
        let lines = messages.each_ref().map(|message| message.split(' ').next().unwrap_or_default());
        assert_eq!(
            lines,
            [
                "conformance.toml:2:",
                "conformance.toml:2:",
                "conformance.toml:1:",
                "conformance.toml:1:",
                "conformance.toml:1:",
                "conformance.toml:1:",
                "conformance.toml:1:"
            ],
            "{messages:#?}"
        );
        assert!(messages[0].contains("unknown field `levle`"), "{}", messages[0]);
        assert!(messages[5].contains("missing field `reason`"), "{}", messages[5]);
    }

    #[test]
    fn a_list_has_one_entry_a_line_and_its_reason_behind_a_sign() {
        let folder = tempfile::tempdir().expect("a folder");
        let path = folder.path().join("failing.txt");
        std::fs::write(&path, "# ours\n\ncore/ping/answered  # slow\nrobust/*\n").expect("a file");
        let entries = read_list(&path).expect("it can be read");
        let seen: Vec<_> = entries
            .iter()
            .map(|entry| (entry.text.as_str(), entry.reason.as_str(), entry.place.line))
            .collect();
        assert_eq!(seen, [("core/ping/answered", "slow", 3), ("robust/*", "no reason given", 4)]);
    }
}
