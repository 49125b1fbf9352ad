//! `servers`: servers that have never heard of us, as their own documentation starts them, under load.
//!
//! Deliberately nothing is tuned: what a server does to its own connections when it is asked to stop is shown as it is.
//!
//! Rules:
//! - A server that is not on this machine is a row that says how it can be had. It is no fault.
//! - What is refused after a server was asked to stop is not counted: nobody is there.

mod alone;
mod exclusive;
mod installed;
mod known_servers;
mod servers_text;
mod started_server;
mod swapped;

use std::path::Path;

use serverswap_conformance::sandbox::SandboxError;
use serverswap_load::LoadError;

pub use alone::Alone;
pub use exclusive::Refused;
pub use known_servers::Server;
pub use servers_text::print;
pub use swapped::{Swapped, Way};

use installed::Installed;
use known_servers::SERVERS;

/// What was seen of every server.
#[derive(Debug)]
pub struct Table {
    /// One for each server, in the order of the list.
    pub rows: Vec<Row>,
}

/// What was seen of one server.
#[derive(Debug)]
pub struct Row {
    /// Which one.
    pub server: &'static Server,
    /// What it did.
    pub outcome: Outcome,
}

/// What was seen of a server.
#[derive(Debug)]
pub enum Outcome {
    /// It is not on this machine.
    NotInstalled,
    /// It did not do what it must to be measured.
    Failed {
        /// What, as a clause.
        why: String,
    },
    /// It was measured.
    Measured {
        /// By itself, once for each of its stop signals.
        alone: Vec<Alone>,
        /// Swapped, once for each way that it understands.
        swapped: Vec<Swapped>,
    },
    /// Two of it cannot run at the same time.
    Exclusive(Refused),
}

/// Why nothing could be measured. Nothing is said about a server.
#[derive(Debug, thiserror::Error)]
pub enum ServersError {
    /// There is no such server.
    #[error("there is no server `{name}`; there are: {}", names().join(", "))]
    Unknown {
        /// What was asked for.
        name: String,
    },
    /// A program is missing or cannot be run.
    #[error(transparent)]
    Sandbox(#[from] SandboxError),
    /// The load could not be run.
    #[error(transparent)]
    Load(#[from] LoadError),
}

impl Table {
    /// Whether every server that is on this machine could be measured, no connection was refused in a swap, and what cannot be
    /// swapped was refused.
    pub fn is_good(&self) -> bool {
        self.rows.iter().all(|row| match &row.outcome {
            Outcome::NotInstalled => true,
            Outcome::Failed { .. } => false,
            Outcome::Measured { swapped, .. } => swapped.iter().all(Swapped::is_good),
            Outcome::Exclusive(refused) => refused.is_good(),
        })
    }
}

/// The servers of these names; all, if none is named.
///
/// # Errors
/// [`ServersError::Unknown`].
pub fn selected(names: &[String]) -> Result<Vec<&'static Server>, ServersError> {
    if names.is_empty() {
        return Ok(SERVERS.iter().collect());
    }
    let find = |name: &String| {
        SERVERS
            .iter()
            .find(|server| server.name == name)
            .ok_or_else(|| ServersError::Unknown { name: name.clone() })
    };
    names.iter().map(find).collect()
}

/// Measures these servers, one after the other.
///
/// # Errors
/// [`ServersError`] if this machine could not do it; a server that fails is no error.
pub async fn run(folder: &Path, servers: &[&'static Server]) -> Result<Table, ServersError> {
    let installed = Installed::within(folder);
    let mut rows = Vec::new();
    for server in servers {
        anstream::eprintln!("{}", server.name);
        let outcome = match installed.program(server.program) {
            None => Outcome::NotInstalled,
            Some(program) => measure(server, &program, &installed).await?,
        };
        rows.push(Row { server, outcome });
    }
    Ok(Table { rows })
}

async fn measure(
    server: &'static Server,
    program: &Path,
    installed: &Installed,
) -> Result<Outcome, ServersError> {
    let Some(kind) = server.asked.kind() else {
        return match exclusive::measure(server, program, installed).await {
            Ok(refused) => Ok(Outcome::Exclusive(refused)),
            Err(alone::AloneError::Server(why)) => Ok(Outcome::Failed { why }),
            Err(alone::AloneError::Machine(error)) => Err(error),
        };
    };
    let (mut alone, mut swapped) = (Vec::new(), Vec::new());
    for stop in server.stops {
        match alone::measure(server, program, installed, *stop, &kind).await {
            Ok(seen) => alone.push(seen),
            Err(alone::AloneError::Server(why)) => return Ok(Outcome::Failed { why }),
            Err(alone::AloneError::Machine(error)) => return Err(error),
        }
    }
    let graceful = *server.stops.last().expect("every server has one, says a test");
    for way in Way::of(server) {
        match swapped::measure(server, program, installed, way, graceful, &kind).await {
            Ok(seen) => swapped.push(seen),
            Err(alone::AloneError::Server(why)) => swapped.push(Swapped::not_started(way, graceful, why)),
            Err(alone::AloneError::Machine(error)) => return Err(error),
        }
    }
    Ok(Outcome::Measured { alone, swapped })
}

fn names() -> Vec<&'static str> {
    SERVERS.iter().map(|server| server.name).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_server_has_a_name_of_its_own_and_a_signal_that_stops_it() {
        let mut names = names();
        names.sort_unstable();
        names.dedup();
        assert_eq!(names.len(), SERVERS.len());
        assert!(SERVERS.iter().all(|server| !server.stops.is_empty()));
    }

    #[test]
    fn a_name_that_no_server_has_is_refused_with_those_that_there_are() {
        let error = selected(&["ngnix".to_owned()]).expect_err("there is none").to_string();
        assert!(error.contains("`ngnix`") && error.contains("nginx, haproxy"), "{error}");
    }
}
