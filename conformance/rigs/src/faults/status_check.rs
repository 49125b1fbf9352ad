//! What `serverswap status` prints, and whether it is true.

use std::time::Duration;

use serde::Deserialize;
use tokio::time::{Instant, interval};

use super::FaultsError;
use super::deployment::Deployment;
use serverswap_load::Failure;

/// How long status and the answers may differ: from one moment of a handover to the next.
const DIFFER_MAX: Duration = Duration::from_secs(20);

/// How often both are polled: there is nothing to wait on.
const PACE: Duration = Duration::from_millis(20);

/// What `serverswap status --json` says.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
pub(super) struct Status {
    pub(super) arbiter: Option<u32>,
    pub(super) addresses: Vec<AddressStatus>,
}

/// What it says of an address.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
pub(super) struct AddressStatus {
    address: String,
    served: bool,
    pub(super) holders: Vec<Holder>,
    pub(super) draining: Vec<Process>,
    pub(super) owners: Vec<Process>,
}

/// A server that holds the address.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
pub(super) struct Holder {
    pub(super) pid: u32,
    pub(super) state: String,
}

/// A process.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
pub(super) struct Process {
    pub(super) pid: u32,
}

/// What must be true in the end.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Expected<'a> {
    /// This version serves.
    Version(&'a str),
    /// Some version serves.
    Somebody,
    /// Perhaps no version serves.
    Anything,
}

/// What is true.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Served {
    /// By this process of this version.
    By { pid: u32, version: String },
    /// Nothing answers.
    ByNobody,
}

/// Runs the command.
pub(super) async fn status(deployment: &Deployment) -> Result<Status, FaultsError> {
    let mut command = deployment.sandbox.serverswap(["status", "--json"]).start()?;
    command.exit().await?;
    serde_json::from_str(command.stdout()).map_err(|_| FaultsError::Status(command.stderr().to_owned()))
}

impl Status {
    /// What it says of the address of the deployment.
    pub(super) fn of(&self, deployment: &Deployment) -> Option<&AddressStatus> {
        let wanted = deployment.address.to_string();
        self.addresses.iter().find(|address| address.address == wanted)
    }

    /// Whether it is true.
    fn agrees_with(&self, deployment: &Deployment, served: &Served) -> bool {
        let said = self.of(deployment).filter(|said| said.served);
        match served {
            Served::By { pid, .. } => said.is_some_and(|said| said.is_served_by(*pid)),
            Served::ByNobody => said.is_none(),
        }
    }
}

/// Which version serves, once status and the answers agree and it is the expected one, or after a while: in a
/// handover two versions serve for a moment, and with `bind` none.
///
/// # Errors
/// Status and the answers do not agree in time.
pub(super) async fn await_agreement(
    deployment: &Deployment,
    expected: Expected<'_>,
) -> Result<Served, FaultsError> {
    let (give_up_at, mut pace) = (Instant::now() + DIFFER_MAX, interval(PACE));
    loop {
        pace.tick().await;
        let (status, served) = (status(deployment).await?, served(deployment).await);
        let is_late = Instant::now() > give_up_at;
        match served {
            Ok(served) if status.agrees_with(deployment, &served) && (is_late || served.is(expected)) => {
                return Ok(served);
            }
            Ok(_) | Err(_) if !is_late => {}
            Ok(served) => return Err(FaultsError::Untrue(format!("{served:?}, and it says {status:?}"))),
            Err(failure) => return Err(failure.into()),
        }
    }
}

impl AddressStatus {
    fn is_served_by(&self, pid: u32) -> bool {
        self.holders.iter().any(|holder| holder.pid == pid && holder.state == "serving")
    }
}

impl Served {
    pub(super) fn is(&self, expected: Expected<'_>) -> bool {
        match (self, expected) {
            (Served::By { version, .. }, Expected::Version(expected)) => version == expected,
            (Served::By { .. }, Expected::Somebody | Expected::Anything) => true,
            (Served::ByNobody, Expected::Anything) => true,
            (Served::ByNobody, Expected::Version(_) | Expected::Somebody) => false,
        }
    }
}

async fn served(deployment: &Deployment) -> Result<Served, Failure> {
    match deployment.ask().await {
        Ok(answer) => Ok(Served::By {
            pid: answer.pid.unwrap_or_default(),
            version: answer.version.unwrap_or_default(),
        }),
        Err(Failure::Refused) => Ok(Served::ByNobody),
        Err(failure) => Err(failure),
    }
}
