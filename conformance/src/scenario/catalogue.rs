//! Every scenario of the suite, as built into the program, and the selection that is run.

use std::path::Path;
use std::sync::Arc;

use include_dir::{Dir, DirEntry, include_dir};

use super::{ParseError, Scenario, Values, parse};
use crate::report::Role;

static SCENARIOS: Dir<'static> = include_dir!("$CARGO_MANIFEST_DIR/scenarios");

/// Files in the folder of scenarios that are not scenarios.
const OTHER_FILES: [&str; 1] = ["exclusions"];

/// The highest level.
pub const LEVEL_MAX: u8 = 3;

/// Scenarios in the order of their ids.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Catalogue {
    scenarios: Vec<Scenario>,
}

/// One case: a scenario with one choice of the values of its matrix.
#[derive(Debug, Clone, PartialEq)]
pub struct Instance {
    /// Its name in a report.
    pub id: String,
    /// What is played.
    pub scenario: Arc<Scenario>,
    /// The values of the matrix.
    pub values: Values,
}

/// Which cases are run.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Selection {
    /// Cases above it are not run. `None`: the highest that the subject claims.
    pub level: Option<u8>,
    /// Ids, or beginnings of ids that end before a `/` or `[`; none: every case.
    pub only: Vec<String>,
}

/// Why there is no catalogue.
#[derive(Debug, thiserror::Error)]
pub enum CatalogueError {
    /// A file with a mistake.
    #[error(transparent)]
    Scenario(#[from] ParseError),
    /// A file that cannot be read.
    #[error("cannot read `{file}`")]
    Read {
        /// The file.
        file: String,
        /// Why.
        #[source]
        source: std::io::Error,
    },
}

impl Catalogue {
    /// The scenarios that are built into this program.
    ///
    /// # Errors
    /// A file with a mistake; a test says that there is none.
    pub fn embedded() -> Result<Catalogue, CatalogueError> {
        let mut files = Vec::new();
        collect(&SCENARIOS, &mut files);
        Catalogue::of(files)
    }

    /// Scenarios from files: `(path below the folder, text)`. Errors name `conformance/scenarios/PATH`.
    ///
    /// # Errors
    /// A file with a mistake.
    pub fn of(files: Vec<(String, String)>) -> Result<Catalogue, CatalogueError> {
        let mut scenarios = Vec::new();
        for (path, text) in files {
            let Some(id) = path.strip_suffix(".yaml").filter(|id| !OTHER_FILES.contains(id)) else {
                continue;
            };
            scenarios.push(parse(&format!("conformance/scenarios/{path}"), id, &text)?);
        }
        scenarios.sort_by(|one, other| one.id.cmp(&other.id));
        Ok(Catalogue { scenarios })
    }

    /// One scenario from a file of the user's. Its id is the file's name without `.yaml`.
    ///
    /// # Errors
    /// It cannot be read, or has a mistake.
    pub fn file(path: &Path) -> Result<Catalogue, CatalogueError> {
        let file = path.display().to_string();
        let text = std::fs::read_to_string(path)
            .map_err(|source| CatalogueError::Read { file: file.clone(), source })?;
        let id = path.file_stem().map(|name| name.to_string_lossy().into_owned()).unwrap_or_default();
        let scenario = parse(&file, &id, &text)?;
        Ok(Catalogue { scenarios: vec![Scenario { file: Some(file), ..scenario }] })
    }

    /// The scenarios.
    #[must_use]
    pub fn scenarios(&self) -> &[Scenario] {
        &self.scenarios
    }

    /// The scenario of an id; the `[..]` of a permutation is ignored.
    #[must_use]
    pub fn scenario(&self, id: &str) -> Option<&Scenario> {
        let id = id.split('[').next().unwrap_or(id);
        self.scenarios.iter().find(|scenario| scenario.id == id)
    }

    /// The cases of a role that are selected, in the order of their ids.
    #[must_use]
    pub fn select(&self, role: Role, selection: &Selection) -> Vec<Instance> {
        let of_role = self.scenarios.iter().filter(|scenario| scenario.role == role);
        let instances = of_role.cloned().flat_map(Scenario::instances);
        instances.filter(|instance| selection.includes(&instance.id, instance.scenario.level)).collect()
    }
}

impl Selection {
    /// Everything up to a level.
    #[must_use]
    pub fn level(level: u8) -> Selection {
        Selection { level: Some(level), only: Vec::new() }
    }

    /// One case or folder.
    #[must_use]
    pub fn only(id: impl Into<String>) -> Selection {
        Selection { level: Some(LEVEL_MAX), only: vec![id.into()] }
    }

    /// Whether a case of this id and level is run.
    #[must_use]
    pub fn includes(&self, id: &str, level: u8) -> bool {
        let named = |name: &String| {
            let rest = id.strip_prefix(name.trim_end_matches('/'));
            rest.is_some_and(|rest| rest.is_empty() || rest.starts_with(['/', '[']))
        };
        level <= self.level.unwrap_or(LEVEL_MAX) && (self.only.is_empty() || self.only.iter().any(named))
    }
}

fn collect(folder: &'static Dir<'static>, files: &mut Vec<(String, String)>) {
    for entry in folder.entries() {
        match entry {
            DirEntry::Dir(folder) => collect(folder, files),
            DirEntry::File(file) => {
                let text = String::from_utf8_lossy(file.contents()).into_owned();
                files.push((file.path().display().to_string(), text));
            }
        }
    }
}
