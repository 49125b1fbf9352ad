//! The folder that a report is written into, all forms of it at once.
//!
//! `report.json` is put in its place in one piece, so that who reads it never sees half of it.

use std::fs;
use std::io::{self, Write as _};
use std::path::{Path, PathBuf};

use super::{Case, Judgement, Published, Report, badge, junit, markdown};

/// Where a report is written and read.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Folder {
    path: PathBuf,
}

/// Why a report could not be written or read.
#[derive(Debug, thiserror::Error)]
pub enum FolderError {
    /// The file system said no.
    #[error("cannot write the report to `{}`", path.display())]
    Write {
        /// The file.
        path: PathBuf,
        /// Why.
        source: io::Error,
    },
    /// There is no report, or it cannot be opened.
    #[error("there is no report at `{}`", path.display())]
    Read {
        /// The file.
        path: PathBuf,
        /// Why.
        source: io::Error,
    },
    /// It is no report.
    #[error("`{}` is not a report of this suite", path.display())]
    Content {
        /// The file.
        path: PathBuf,
        /// What is wrong with it.
        source: serde_json::Error,
    },
    /// The library for JUnit failed.
    #[error("the report cannot be told as JUnit XML")]
    Junit(#[from] quick_junit::SerializeError),
}

impl Folder {
    /// A folder; it is made when something is written.
    #[must_use]
    pub fn new(path: impl Into<PathBuf>) -> Folder {
        Folder { path: path.into() }
    }

    /// Where `explain` finds the last run of this user: below `XDG_CACHE_HOME`, or `~/.cache`.
    #[must_use]
    pub fn last() -> Option<Folder> {
        let set = |name| std::env::var_os(name).filter(|value| !value.is_empty()).map(PathBuf::from);
        let cache = set("XDG_CACHE_HOME").or_else(|| set("HOME").map(|home| home.join(".cache")))?;
        Some(Folder::new(cache.join("serverswap-conformance/last")))
    }

    /// The folder itself.
    #[must_use]
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// Writes `report.json` alone.
    ///
    /// # Errors
    /// If the file system says no.
    pub fn write_json(&self, published: &Published) -> Result<(), FolderError> {
        self.file(Path::new("report.json"), &published.to_json())
    }

    /// Writes every form of a report, and each trace into a file of its own.
    ///
    /// # Errors
    /// If the file system says no.
    pub fn write(&self, report: &Report, judgement: &Judgement) -> Result<(), FolderError> {
        self.file(Path::new("junit.xml"), &junit(report, judgement)?)?;
        self.file(Path::new("report.md"), &markdown(report, judgement))?;
        self.file(Path::new("badge.json"), &badge(report, judgement))?;
        for case in report.cases.iter().filter(|case| !case.trace.is_empty()) {
            self.file(&trace_path(&case.id), &recording(case))?;
        }
        self.write_json(&Published::new(report.clone(), judgement))
    }

    /// Reads `report.json`.
    ///
    /// # Errors
    /// If there is none, or it is no report.
    pub fn read(&self) -> Result<Published, FolderError> {
        read_json(&self.path.join("report.json"))
    }

    fn file(&self, name: &Path, text: &str) -> Result<(), FolderError> {
        let path = self.path.join(name);
        put(&path, text).map_err(|source| FolderError::Write { path, source })
    }
}

/// Reads a report, wherever it was put.
///
/// # Errors
/// If there is none, or it is no report.
pub fn read_json(path: &Path) -> Result<Published, FolderError> {
    let path = path.to_owned();
    match fs::read_to_string(&path) {
        Ok(text) => Published::from_json(&text).map_err(|source| FolderError::Content { path, source }),
        Err(source) => Err(FolderError::Read { path, source }),
    }
}

fn put(path: &Path, text: &str) -> io::Result<()> {
    let folder = path.parent().unwrap_or(Path::new("."));
    fs::create_dir_all(folder)?;
    let mut file = tempfile::NamedTempFile::new_in(folder)?;
    file.write_all(text.as_bytes())?;
    file.as_file().set_permissions(std::os::unix::fs::PermissionsExt::from_mode(0o644))?;
    file.persist(path)?;
    Ok(())
}

/// `traces/robust/split/granted[at=7].ndjson`; what stands in brackets is no folder.
fn trace_path(id: &str) -> PathBuf {
    let (path, permutation) = id
        .split_once('[')
        .map_or((id, String::new()), |(path, rest)| (path, format!("[{}", rest.replace('/', "_"))));
    PathBuf::from(format!("traces/{path}{permutation}.ndjson"))
}

/// One line of the trace is one line of the file, as `check-trace` reads it.
fn recording(case: &Case) -> String {
    let lines = case.trace.iter().map(|line| serde_json::to_string(line).expect("a line is JSON"));
    lines.map(|line| line + "\n").collect()
}
