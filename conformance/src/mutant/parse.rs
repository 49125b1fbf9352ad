//! The mutants of `conformance/mutants/`, as they are built in.

use std::path::Path;

use include_dir::{Dir, include_dir};
use serde::de::DeserializeOwned;

use super::{Mutant, SupervisorMutant};

static MUTANTS: Dir<'static> = include_dir!("$CARGO_MANIFEST_DIR/mutants");

/// Every mutant, in the order of the ids.
#[derive(Debug, Clone, PartialEq)]
pub struct Mutants(pub Vec<Mutant>);

/// A file with a mistake.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("conformance/mutants/{file}:{line}: {message}")]
pub struct MutantError {
    /// Its name.
    pub file: String,
    /// Counted from 1.
    pub line: u64,
    /// What is wrong.
    pub message: String,
}

impl Mutants {
    /// Those that are built into this program.
    ///
    /// # Errors
    /// The first file with a mistake.
    pub fn embedded() -> Result<Mutants, MutantError> {
        let mut mutants: Vec<Mutant> = all(&MUTANTS, |mutant: &Mutant| mutant.id.as_str())?;
        mutants.sort_by(|one, other| one.id.cmp(&other.id));
        Ok(Mutants(mutants))
    }
}

impl SupervisorMutant {
    /// Those that are built into this program.
    ///
    /// # Errors
    /// The first file with a mistake.
    pub fn embedded() -> Result<Vec<SupervisorMutant>, MutantError> {
        MUTANTS
            .get_dir("supervisor")
            .map_or(Ok(Vec::new()), |folder| all(folder, |mutant| mutant.id.as_str()))
    }
}

/// The mutants of one folder.
fn all<M: DeserializeOwned>(folder: &Dir<'_>, id: fn(&M) -> &str) -> Result<Vec<M>, MutantError> {
    let files = folder.files().filter(|file| file.path().extension().is_some_and(|ext| ext == "yaml"));
    files.map(|file| parse(file.path(), &String::from_utf8_lossy(file.contents()), id)).collect()
}

fn parse<M: DeserializeOwned>(file: &Path, text: &str, id: fn(&M) -> &str) -> Result<M, MutantError> {
    let wrong = |line, message| MutantError { file: file.display().to_string(), line, message };
    let options = serde_saphyr::options! { with_snippet: false };
    let mutant: M = serde_saphyr::from_str_with_options(text, options)
        .map_err(|error| wrong(error.location().map_or(1, |location| location.line()), error.to_string()))?;
    if file.file_stem().is_none_or(|stem| stem != id(&mutant)) {
        return Err(wrong(1, format!("the id of this file is not `{}`", id(&mutant))));
    }
    Ok(mutant)
}
