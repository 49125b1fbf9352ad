//! `init`: the beginning of a driver in one of six languages, with its `conformance.toml` and a workflow for CI.
//!
//! The driver speaks the contract already (it introduces itself, is a barrier, ends with its standard input, and says of
//! everything else that it is not written yet), so that `smoke` passes; comments mark where the calls of the client go. The
//! files are in `templates/`, one folder a language.
//!
//! It deliberately does not look at what the folder belongs to, and never overwrites: if one of the files is there,
//! nothing is written.

mod language;

use std::fs::{self, OpenOptions};
use std::io::{self, Write as _};
use std::os::unix::fs::OpenOptionsExt as _;
use std::path::{Component, Path, PathBuf};

use include_dir::{Dir, include_dir};

use crate::suite::SUITE;

pub use language::{Language, LanguageError};

static TEMPLATES: Dir<'_> = include_dir!("$CARGO_MANIFEST_DIR/templates");

/// Where the folder stands in a template.
const FOLDER: &str = "DIRECTORY";

/// Where the version of the suite stands in a template.
const VERSION: &str = "SUITE";

/// Why nothing was begun.
#[derive(Debug, thiserror::Error)]
pub enum InitError {
    /// Nothing was written.
    #[error("`{}` exists already; nothing was written", .0.display())]
    Exists(PathBuf),
    /// What was written before it is there.
    #[error("cannot write `{}`", path.display())]
    Write {
        /// The file or folder.
        path: PathBuf,
        /// Why.
        source: io::Error,
    },
}

/// Writes the files of a language into a folder, which is made if it is not there; returns them.
///
/// # Errors
/// One of the files exists, or cannot be written.
pub fn init(language: Language, folder: &Path) -> Result<Vec<PathBuf>, InitError> {
    let files = files(language, folder);
    if let Some((path, _)) = files.iter().find(|(path, _)| path.symlink_metadata().is_ok()) {
        return Err(InitError::Exists(path.clone()));
    }
    for (path, content) in &files {
        write(path, content).map_err(|source| InitError::Write { path: path.clone(), source })?;
    }
    Ok(files.into_iter().map(|(path, _)| path).collect())
}

/// The files with their content, in the order of their names.
fn files(language: Language, folder: &Path) -> Vec<(PathBuf, String)> {
    let template = TEMPLATES.get_dir(language.name()).expect("each language has a template");
    let mut files = Vec::new();
    collect(template, &mut files);
    files.sort();
    let placed = |(path, text): (PathBuf, &str)| {
        let inside = path.strip_prefix(language.name()).expect("a template is below its folder");
        // A manifest under its own name would make a package of the template.
        let inside = if inside.extension().is_some_and(|end| end == "in") {
            inside.with_extension("")
        } else {
            inside.to_owned()
        };
        (folder.join(inside), text.replace(FOLDER, &named(folder)).replace(VERSION, &SUITE.to_string()))
    };
    files.into_iter().map(placed).collect()
}

fn collect<'a>(dir: &'a Dir<'_>, files: &mut Vec<(PathBuf, &'a str)>) {
    for file in dir.files() {
        files.push((file.path().to_owned(), file.contents_utf8().expect("templates are text")));
    }
    dir.dirs().for_each(|inner| collect(inner, files));
}

/// How a workflow at the head of a repository calls the folder, as far as that can be known here.
fn named(folder: &Path) -> String {
    let inside = folder.components().all(|part| matches!(part, Component::Normal(_) | Component::CurDir));
    if inside { folder.display().to_string() } else { FOLDER.to_owned() }
}

/// A text that begins with `#!` becomes a program.
fn write(path: &Path, text: &str) -> io::Result<()> {
    if let Some(folder) = path.parent() {
        fs::create_dir_all(folder)?;
    }
    let mode = if text.starts_with("#!") { 0o777 } else { 0o666 };
    OpenOptions::new().write(true).create_new(true).mode(mode).open(path)?.write_all(text.as_bytes())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_language_has_a_driver_a_configuration_and_a_workflow() {
        for language in Language::ALL {
            let folder = tempfile::tempdir().expect("a folder");
            let written = init(language, &folder.path().join("driver")).expect("it is empty");
            let named = |name: &str| written.iter().any(|path| path.ends_with(name) && path.is_file());
            assert!(
                named("conformance.toml") && named("conformance.yml"),
                "{}: {written:?}",
                language.name()
            );
            assert!(written.len() >= 3, "{}: {written:?}", language.name());
        }
    }

    #[test]
    fn the_configuration_is_one_that_the_suite_reads() {
        for language in Language::ALL {
            let folder = tempfile::tempdir().expect("a folder");
            init(language, folder.path()).expect("it is empty");
            let config =
                crate::config::Config::read(&folder.path().join("conformance.toml")).expect("in form");
            assert!(config.command.is_some(), "{}", language.name());
            assert_eq!(config.suite, Some(SUITE), "{}", language.name());
        }
    }

    #[test]
    fn nothing_is_written_over() {
        let folder = tempfile::tempdir().expect("a folder");
        fs::write(folder.path().join("driver.py"), "mine").expect("writable");
        let refused = init(Language::Python, folder.path()).expect_err("it exists");
        assert!(refused.to_string().ends_with("driver.py` exists already; nothing was written"), "{refused}");
        assert_eq!(fs::read_to_string(folder.path().join("driver.py")).expect("readable"), "mine");
        assert_eq!(fs::read_dir(folder.path()).expect("readable").count(), 1);
    }

    #[test]
    fn the_workflow_names_a_folder_of_the_repository_and_leaves_a_gap_for_any_other() {
        let workflow = |folder: &str| {
            let files = files(Language::Ruby, Path::new(folder));
            files.into_iter().find(|(path, _)| path.ends_with("conformance.yml")).expect("it is there").1
        };
        assert!(workflow("test/conformance").contains("working-directory: test/conformance\n"));
        assert!(workflow("/tmp/x").contains("working-directory: DIRECTORY\n"));
    }
}
