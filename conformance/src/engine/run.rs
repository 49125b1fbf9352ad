//! Every selected case, several at once.

use std::collections::BTreeMap;
use std::sync::Mutex;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::thread;

use super::case;
use super::driver::Driver;
use super::failure::SuiteError;
use super::order::order;
use super::settings::{DriverCommand, Settings};
use super::vectors;
use crate::contract::HelloReply;
use crate::peer::warm_up;
use crate::report::{Case, Report, Role, Subject, Suite};
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
    settings: &Settings,
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
    cases.extend(in_parallel(instances.len(), settings, |index| {
        case::play(&instances[index], command, &introduction, settings)
    }));
    Ok(report(&introduction, level, cases))
}

/// Starts the driver once and asks it who it is.
///
/// # Errors
/// It cannot be started, does not answer, or breaks its contract: each says whose fault it is.
pub fn introduce(command: &DriverCommand, settings: &Settings) -> Result<HelloReply, SuiteError> {
    let (_directory, mut stage) = case::bare(settings, "hello")?;
    let driver = Driver::start(command, &BTreeMap::from([("SERVERSWAP_SOCKET".to_owned(), None)]));
    stage.driver = Some(driver.map_err(|source| SuiteError::Start { command: command.clone(), source })?);
    stage.hello().map_err(|failure| {
        let why = failure.to_string();
        let why = why.strip_prefix("the driver broke its contract: ").unwrap_or(&why).to_owned();
        let stderr = stage.driver.as_mut().map(Driver::stderr).unwrap_or_default();
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

/// What `work` makes of each index, in order, in whatever order it was begun.
fn in_parallel<T: Send>(count: usize, settings: &Settings, work: impl Fn(usize) -> T + Sync) -> Vec<T> {
    let order = order(count, settings.seed);
    let next = AtomicUsize::new(0);
    let done = Mutex::new(Vec::with_capacity(count));
    thread::scope(|scope| {
        for _ in 0..settings.jobs.get().min(count) {
            scope.spawn(|| {
                loop {
                    let Some(&index) = order.get(next.fetch_add(1, Ordering::Relaxed)) else { return };
                    let result = work(index);
                    done.lock().expect("no worker panics while it adds its result").push((index, result));
                }
            });
        }
    });
    let mut done = done.into_inner().expect("no worker panics while it adds its result");
    done.sort_by_key(|(index, _)| *index);
    done.into_iter().map(|(_, result)| result).collect()
}
