//! Every selected case, several at once.

use std::collections::BTreeMap;

use super::case;
use super::driver::Driver;
use super::error::SuiteError;
use super::order::order;
use super::settings::{ClientSettings, DriverCommand};
use super::vectors;
use crate::connection::warm_up;
use crate::contract::HelloReply;
use crate::report::{Case, Report, Role, Subject, Suite};
use crate::runner::in_parallel;
use crate::scenario::{Catalogue, Selection};

/// The version of the protocol that the suite is about.
pub(super) const PROTOCOL: u32 = 1;

/// Runs the selected cases and the vectors against a driver.
///
/// # Errors
/// The driver cannot be started or does not introduce itself; no case is selected.
pub fn run(
    catalogue: &Catalogue,
    selection: &Selection,
    command: &DriverCommand,
    settings: &ClientSettings,
) -> Result<Report, SuiteError> {
    let introduction = introduce(command, settings)?;
    let level = selection.level.unwrap_or(introduction.level);
    let selection = Selection { level: Some(level), only: selection.only.clone() };
    let instances = catalogue.select(Role::Client, &selection);
    let mut cases = vectors::cases(&selection, command, &introduction, settings)?;
    if cases.is_empty() && instances.is_empty() {
        return Err(SuiteError::NoCase(selection.only.join(" ")));
    }
    warm_up();
    cases.extend(in_parallel(settings.jobs.get(), &order(instances.len(), settings.seed), |index| {
        case::play(&instances[index], command, &introduction, settings)
    }));
    Ok(report(&introduction, level, cases))
}

/// Starts the driver once and asks it who it is.
///
/// # Errors
/// It cannot be started, does not answer, or breaks its contract: each says whose fault it is.
pub fn introduce(command: &DriverCommand, settings: &ClientSettings) -> Result<HelloReply, SuiteError> {
    let (_directory, mut run) = case::bare(settings, "hello")?;
    let driver = Driver::start(command, &BTreeMap::from([("SERVERSWAP_SOCKET".to_owned(), None)]));
    run.subject.driver =
        Some(driver.map_err(|source| SuiteError::Start { command: command.clone(), source })?);
    run.hello().map_err(|failure| {
        let why = failure.to_string();
        let why = why.strip_prefix("the driver broke its contract: ").unwrap_or(&why).to_owned();
        let stderr = run.subject.driver.as_mut().map(Driver::stderr).unwrap_or_default();
        SuiteError::Driver { command: command.clone(), why, stderr }
    })
}

/// A report about the client that has introduced itself.
pub(super) fn report(introduction: &HelloReply, level: u8, cases: Vec<Case>) -> Report {
    let client = &introduction.client;
    let subject = Subject {
        role: Role::Client,
        name: client.name.clone(),
        version: client.version.clone(),
        language: Some(client.language.clone()),
        language_version: client.language_version.clone(),
        homepage: client.homepage.clone(),
    };
    Report { suite: Suite::this(), subject, protocol: PROTOCOL, level, cases }
}
