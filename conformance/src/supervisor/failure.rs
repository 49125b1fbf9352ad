//! What ends a case, and whose fault it is.

use std::io;

use crate::scenario::Unbound;

#[derive(Debug, thiserror::Error)]
pub(super) enum Failure {
    /// The supervisor under test does not do what is expected.
    #[error("{0}")]
    Subject(String),
    /// The suite, the scenario or the machine failed. It says nothing about the supervisor.
    #[error("the suite failed: {0}")]
    Suite(String),
}

impl Failure {
    pub(super) fn io(what: &str) -> impl FnOnce(io::Error) -> Failure {
        move |error| Failure::Suite(format!("{what}: {error}"))
    }

    /// The scenario names something that is not there.
    pub(super) fn no(what: &str, name: &str) -> Failure {
        Failure::Suite(format!("the scenario is wrong: no {what} is named `{name}`"))
    }
}

impl From<Unbound> for Failure {
    fn from(error: Unbound) -> Self {
        Failure::Suite(format!("the scenario is wrong: {error}"))
    }
}
