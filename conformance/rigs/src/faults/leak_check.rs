//! What the processes that stay have open: no more than after an undisturbed handover.
//!
//! What is usual is measured, not listed: in the same scene, by the same processes in the same
//! roles, once nothing changes any more.

use std::collections::BTreeMap;
use std::fmt;
use std::time::Duration;

use rustix::process::Signal;
use tokio::time::{Instant, interval};

use super::FaultsError;
use super::aftermath::Third;
use super::deployment::Deployment;
use super::open_descriptors::Descriptors;
use super::roles::{Mode, Role};
use super::status_check::status;

/// How long it may take until the descriptors for the ended processes and the clients are closed.
const CLOSED_WITHIN: Duration = Duration::from_secs(30);

/// How often it is polled: there is nothing to wait on.
const PACE: Duration = Duration::from_millis(20);

/// How many counts in a row must agree for them to be the usual ones.
const LOOKS: u32 = 20;

/// A process that stays.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Stayer {
    Supervisor,
    Server,
    Neighbour,
    NeighbourServer,
}

/// What each of them has open.
type Open = BTreeMap<Stayer, Descriptors>;

/// What they have open after an undisturbed handover.
pub struct UsualDescriptors {
    undisturbed: Open,
    /// The same, and then the third supervisor was killed: the one of version 3 is the arbiter.
    without_neighbour: Open,
}

impl UsualDescriptors {
    /// Version 3 serves, alone but for the third supervisor, which is killed here.
    pub(super) async fn measure(
        deployment: &mut Deployment,
        third: &Third,
    ) -> Result<UsualDescriptors, FaultsError> {
        let undisturbed = settled(&stayers(deployment, third, None)).await?;
        let Some(neighbour) = &mut deployment.neighbour else {
            return Ok(UsualDescriptors { without_neighbour: undisturbed.clone(), undisturbed });
        };
        neighbour.supervisor.signal(Signal::KILL);
        neighbour.supervisor.exit().await?;
        decides(deployment, third.supervisor()).await?;
        let without_neighbour = settled(&stayers(deployment, third, Some(Role::Neighbour))).await?;
        Ok(UsualDescriptors { undisturbed, without_neighbour })
    }

    fn after(&self, killed: Option<Role>) -> &Open {
        match killed {
            Some(Role::Neighbour) => &self.without_neighbour,
            Some(Role::OldSupervisor | Role::OldServer | Role::NewSupervisor | Role::NewServer) | None => {
                &self.undisturbed
            }
        }
    }
}

/// The load has stopped, and everything but version 3 has ended: only what is usual is open.
pub(super) async fn only_the_usual_is_open(
    deployment: &Deployment,
    third: &Third,
    killed: Option<Role>,
    usual: &UsualDescriptors,
    wrong: &mut Vec<String>,
) {
    let (stayers, usual) = (stayers(deployment, third, killed), usual.after(killed));
    let (give_up_at, mut pace) = (Instant::now() + CLOSED_WITHIN, interval(PACE));
    loop {
        pace.tick().await;
        let too_many = match look(&stayers) {
            Ok(open) => beyond(&open, usual, deployment.mode),
            Err(error) => vec![format!("a process that is to stay cannot be inspected: {error}")],
        };
        if too_many.is_empty() {
            return;
        }
        if Instant::now() > give_up_at {
            return wrong.extend(too_many);
        }
    }
}

/// The processes that stay. A server that serves instead of version 3 was reported already.
fn stayers(deployment: &Deployment, third: &Third, killed: Option<Role>) -> BTreeMap<Stayer, u32> {
    let mut stayers = BTreeMap::from([(Stayer::Supervisor, third.supervisor())]);
    stayers.extend(third.server().map(|pid| (Stayer::Server, pid)));
    if let Some(neighbour) = &deployment.neighbour {
        stayers.insert(Stayer::NeighbourServer, neighbour.server);
        if killed != Some(Role::Neighbour) {
            stayers.insert(Stayer::Neighbour, neighbour.supervisor.pid());
        }
    }
    stayers
}

fn look(stayers: &BTreeMap<Stayer, u32>) -> std::io::Result<Open> {
    stayers.iter().map(|(stayer, pid)| Ok((*stayer, Descriptors::of(*pid)?))).collect()
}

fn beyond(open: &Open, usual: &Open, mode: Mode) -> Vec<String> {
    let none = Descriptors::default();
    let of = |stayer| usual.get(stayer).unwrap_or(&none);
    let too_many = open.iter().flat_map(|(stayer, descriptors)| {
        let connections = stayer.connections(mode);
        descriptors
            .beyond(of(stayer), connections)
            .into_iter()
            .map(move |words| format!("{stayer} has open: {words}"))
    });
    too_many.collect()
}

/// What is open once nothing changes any more.
async fn settled(stayers: &BTreeMap<Stayer, u32>) -> Result<Open, FaultsError> {
    let (give_up_at, mut pace) = (Instant::now() + CLOSED_WITHIN, interval(PACE));
    let (mut last, mut agreeing) = (Open::new(), 0);
    while agreeing < LOOKS {
        pace.tick().await;
        if Instant::now() > give_up_at {
            return Err(FaultsError::Restless);
        }
        let open = look(stayers).map_err(FaultsError::Machine)?;
        agreeing = if open == last { agreeing + 1 } else { 0 };
        last = open;
    }
    Ok(last)
}

/// Waits until this supervisor is the arbiter, as it has written in the state.
async fn decides(deployment: &Deployment, supervisor: u32) -> Result<(), FaultsError> {
    let (give_up_at, mut pace) = (Instant::now() + CLOSED_WITHIN, interval(PACE));
    while status(deployment).await?.arbiter != Some(supervisor) {
        pace.tick().await;
        if Instant::now() > give_up_at {
            return Err(FaultsError::Restless);
        }
    }
    Ok(())
}

impl Stayer {
    /// How many connections to the arbiter it has: a stand-in has one of its own.
    fn connections(self, mode: Mode) -> usize {
        match (self, mode) {
            (Stayer::Supervisor, Mode::Intercept) => 2,
            (Stayer::Supervisor, Mode::Inherit | Mode::Bind) => 1,
            (Stayer::Server | Stayer::Neighbour | Stayer::NeighbourServer, _) => 1,
        }
    }
}

impl fmt::Display for Stayer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Stayer::Supervisor => "the supervisor of version 3",
            Stayer::Server => "version 3",
            Stayer::Neighbour => "the third supervisor",
            Stayer::NeighbourServer => "the server of the third supervisor",
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_process_with_too_many_open_descriptors_is_named() {
        let (nothing, one) = (Descriptors::default(), Descriptors::of(std::process::id()).expect("it lives"));
        let usual = Open::from([(Stayer::Supervisor, one.clone()), (Stayer::Server, nothing)]);
        let open = Open::from([(Stayer::Supervisor, one.clone()), (Stayer::Server, one)]);
        let words = beyond(&open, &usual, Mode::Inherit);
        assert!(!words.is_empty() && words.iter().all(|words| words.starts_with("version 3 has open: ")));
    }
}
