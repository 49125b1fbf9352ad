//! After the fault: the next deploy works, everything before it ends, and nothing is left.

use std::fs;
use std::path::Path;
use std::time::Duration;

use rustix::process::Signal;
use serverswap_protocol::message::Form;
use tokio::time::{Instant, interval};

use super::FaultsError;
use super::deployment::{Deployment, UP};
use super::processes::ended;
use super::roles::Role;
use super::status_check::{Expected, Served, await_agreement, status};
use serverswap_conformance::sandbox::Started;

/// How long everything that was replaced may take to end: a drain, a TERM and a KILL.
const ENDS_WITHIN: Duration = Duration::from_secs(20);

/// How often it is polled, where there is nothing to wait on.
const PACE: Duration = Duration::from_millis(20);

/// Everything in a runtime directory in good order, beside a socket of each resident.
const FILES: [&str; 3] = ["lock", "serverswap.sock", "state.json"];

/// The deploy after the fault.
pub(super) struct Third {
    command: Started,
    /// The process that answers, if it is version 3.
    server: Option<u32>,
}

impl Third {
    pub(super) fn supervisor(&self) -> u32 {
        self.command.pid()
    }

    pub(super) fn server(&self) -> Option<u32> {
        self.server
    }
}

/// Deploys version 3, which stays: it must serve, and `status`, the answers and the commands must agree on that.
pub(super) async fn next_deploy(
    deployment: &Deployment,
    wrong: &mut Vec<String>,
) -> Result<Third, FaultsError> {
    let mut command = deployment.version(3, Form::Stay, None).start()?;
    command.says(UP).await?;
    let expected = Expected::Version("3");
    let served = await_agreement(deployment, expected).await?;
    match served {
        Served::By { pid, .. } if served.is(expected) => Ok(Third { command, server: Some(pid) }),
        other @ (Served::By { .. } | Served::ByNobody) => {
            wrong.push(format!("version 3 was deployed, but instead: {other:?}"));
            Ok(Third { command, server: None })
        }
    }
}

/// Only version 3 and its supervisor are left, whichever process was killed.
pub(super) async fn only_it_stays(
    killed: Option<Role>,
    deployment: &mut Deployment,
    new: &mut Started,
    third: &Third,
    wrong: &mut Vec<String>,
) -> Result<(), FaultsError> {
    commands_end(killed, deployment, new, wrong).await?;
    let (supervisor, server) = (third.supervisor(), third.server.unwrap_or_default());
    let stay = [vec![supervisor, server], deployment.neighbours()].concat();
    others_end(deployment, &stay, wrong).await?;
    only_it_is_named(deployment, supervisor, server, wrong).await?;
    if let Some(neighbour) = &deployment.neighbour
        && !neighbour.is_untouched().await
    {
        wrong.push("the server of the third supervisor was touched".to_owned());
    }
    Ok(())
}

/// Version 3 is asked to stop, and nothing is left.
pub(super) async fn nothing_stays(
    deployment: &Deployment,
    third: Third,
    wrong: &mut Vec<String>,
) -> Result<(), FaultsError> {
    let mut command = third.command;
    command.signal(Signal::TERM);
    let exit = command.exit().await?;
    if exit.status != 0 {
        wrong.push(format!(
            "version 3 was asked to stop and ended with {}:\n{}",
            exit.status,
            command.stderr()
        ));
    }
    others_end(deployment, &deployment.neighbours(), wrong).await?;
    if status(deployment).await?.of(deployment).is_some() {
        wrong.push("the address is still in the state".to_owned());
    }
    Ok(())
}

/// The commands of versions 1 and 2 have been replaced: that is no failure of theirs.
async fn commands_end(
    killed: Option<Role>,
    deployment: &mut Deployment,
    new: &mut Started,
    wrong: &mut Vec<String>,
) -> Result<(), FaultsError> {
    let new_failed = matches!(killed, Some(Role::NewServer | Role::NewSupervisor));
    let old_failed = killed == Some(Role::OldSupervisor);
    for (command, may_fail) in [(Some(new), new_failed), (deployment.old.as_mut(), old_failed)] {
        if let Some(command) = command {
            let exit = command.exit().await?;
            if exit.status != 0 && !may_fail {
                wrong.push(format!("a replaced command ended with {}:\n{}", exit.status, command.stderr()));
            }
        }
    }
    Ok(())
}

/// Waits until only the processes that are to stay are left.
async fn others_end(
    deployment: &Deployment,
    stay: &[u32],
    wrong: &mut Vec<String>,
) -> Result<(), FaultsError> {
    let give_up_at = Instant::now() + ENDS_WITHIN;
    loop {
        let remaining = deployment.sandbox.remaining();
        let Some(other) = remaining.iter().find(|one| !stay.contains(&one.pid)) else {
            return Ok(());
        };
        let left = give_up_at.saturating_duration_since(Instant::now());
        if left.is_zero() || !ended(other.pid, left).await? {
            wrong.push(format!("left behind: {remaining:?}"));
            return Ok(());
        }
    }
}

/// One server and one supervisor, once the arbiter has noticed that the others ended, and no superfluous file.
async fn only_it_is_named(
    deployment: &Deployment,
    supervisor: u32,
    server: u32,
    wrong: &mut Vec<String>,
) -> Result<(), FaultsError> {
    let (give_up_at, mut pace) = (Instant::now() + ENDS_WITHIN, interval(PACE));
    loop {
        pace.tick().await;
        let status = status(deployment).await?;
        let is_so = status.of(deployment).is_some_and(|said| {
            let holders: Vec<u32> = said.holders.iter().map(|one| one.pid).collect();
            let owners: Vec<u32> = said.owners.iter().map(|one| one.pid).collect();
            holders == [server] && owners == [supervisor] && said.draining.is_empty()
        });
        // A state that is being written has a second file for a moment.
        let files = files(deployment, supervisor);
        if is_so && status.arbiter.is_some() && files == FILES {
            return Ok(());
        }
        if Instant::now() > give_up_at {
            let so = format!("only {server} serves, under {supervisor}");
            wrong.push(format!("{so}; status: {status:?}; in the runtime directory: {files:?}"));
            return Ok(());
        }
    }
}

/// But for the sockets of the residents that are to stay.
fn files(deployment: &Deployment, supervisor: u32) -> Vec<String> {
    let entries = fs::read_dir(deployment.sandbox.runtime_dir()).into_iter().flatten().flatten();
    let mut names: Vec<String> =
        entries.map(|entry| entry.file_name().to_string_lossy().into_owned()).collect();
    let neighbour = deployment.neighbour.as_ref().map(|one| one.supervisor.pid());
    let residents = neighbour.filter(|pid| Path::new(&format!("/proc/{pid}")).exists());
    let ends: Vec<String> =
        residents.into_iter().chain([supervisor]).map(|pid| format!("-{pid}.sock")).collect();
    names.retain(|name| !(name.starts_with("reload-") && ends.iter().any(|end| name.ends_with(end))));
    names.sort();
    names
}
