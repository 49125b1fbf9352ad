//! What a run needs to know.

use std::ffi::OsString;
use std::fmt;
use std::num::NonZeroUsize;
use std::path::PathBuf;
use std::sync::Arc;

use crate::runner::{Budget, Fault, NoFault};

/// The program that wraps the client under test.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct DriverCommand {
    /// A path, or a name that is looked up in `PATH`.
    pub program: OsString,
    /// Its arguments.
    pub arguments: Vec<OsString>,
    /// Where it runs; `None`: where the suite does.
    pub directory: Option<PathBuf>,
}

/// How cases are run.
#[derive(Clone)]
pub struct ClientSettings {
    /// How many cases at once.
    pub jobs: NonZeroUsize,
    /// How long single waits last.
    pub budget: Budget,
    /// Begins the cases in another order; the same seed is the same order.
    pub seed: Option<u64>,
    /// Makes the fault of a case, of its id: none for a run that is no mutant's.
    pub faults: Faults,
}

/// Makes a fault for each case.
pub type Faults = Arc<dyn Fn(&str) -> Box<dyn Fault> + Send + Sync>;

impl Default for ClientSettings {
    fn default() -> Self {
        ClientSettings {
            jobs: std::thread::available_parallelism().unwrap_or(NonZeroUsize::MIN),
            budget: Budget::default(),
            seed: None,
            faults: Arc::new(|_| Box::new(NoFault)),
        }
    }
}

impl fmt::Debug for ClientSettings {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let ClientSettings { jobs, budget, seed, faults: _ } = self;
        f.debug_struct("Settings")
            .field("jobs", jobs)
            .field("budget", budget)
            .field("seed", seed)
            .finish_non_exhaustive()
    }
}

impl DriverCommand {
    /// A command line; `None` if it is empty.
    #[must_use]
    pub fn new<S: Into<OsString>>(words: impl IntoIterator<Item = S>) -> Option<DriverCommand> {
        let mut words = words.into_iter().map(Into::into);
        let program = words.next()?;
        Some(DriverCommand { program, arguments: words.collect(), directory: None })
    }
}

impl fmt::Display for DriverCommand {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.program.to_string_lossy())?;
        self.arguments.iter().try_for_each(|word| write!(f, " {}", word.to_string_lossy()))
    }
}
