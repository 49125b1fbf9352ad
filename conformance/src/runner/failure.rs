//! What ends a case, and whose fault it is.

use std::io;

use crate::contract::{ContractError, ReplyBodyError};
use crate::scenario::Unbound;

/// What ends a case.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Failure {
    /// The client or the supervisor under test does not do what is expected.
    #[error("{0}")]
    Subject(String),
    /// The driver breaks its contract. It says nothing about the client.
    #[error("the driver broke its contract: {0}")]
    Driver(String),
    /// The suite, the scenario or the machine failed. It says nothing about the subject.
    #[error("the suite failed: {0}")]
    Suite(String),
}

impl Failure {
    /// Something of this machine failed.
    pub(crate) fn io(what: &str) -> impl FnOnce(io::Error) -> Failure {
        move |error| Failure::Suite(format!("{what}: {error}"))
    }

    /// The scenario asks for something that makes no sense.
    pub(crate) fn scenario(what: &str) -> Failure {
        Failure::Suite(format!("the scenario is wrong: {what}"))
    }

    /// The scenario names something that is not there.
    pub(crate) fn unknown(what: &str, name: &str) -> Failure {
        Failure::scenario(&format!("no {what} is named `{name}`"))
    }
}

impl From<ContractError> for Failure {
    fn from(error: ContractError) -> Self {
        Failure::Driver(error.to_string())
    }
}

impl From<ReplyBodyError> for Failure {
    fn from(error: ReplyBodyError) -> Self {
        Failure::Driver(error.to_string())
    }
}

impl From<Unbound> for Failure {
    fn from(error: Unbound) -> Self {
        Failure::scenario(&error.to_string())
    }
}
