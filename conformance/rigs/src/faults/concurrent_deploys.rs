//! Many deploys: all in the same instant, and one after another without a pause.

use std::collections::BTreeMap;
use std::time::Duration;

use serverswap_protocol::message::Form;
use tokio::task::JoinSet;

use super::FaultsError;
use super::deployment::{Deployment, UP};
use super::roles::Mode;
use super::status_check::{Expected, await_agreement};
use serverswap_conformance::sandbox::{LIMIT, Sandbox, Started};
use serverswap_load::{Failure, Load, Phase, Plan, Slot};

/// The exit status of a deploy that lost to a newer one.
const SUPERSEDED: i32 = 120;

/// The clients: new connections and kept ones, some of them idle in between.
const SLOTS: [Slot; 6] = [
    Slot::NEW,
    Slot::NEW,
    Slot::KEPT,
    Slot::KEPT,
    Slot::NEW.pausing(Duration::from_millis(10)),
    Slot::KEPT.pausing(Duration::from_millis(10)),
];

/// Good answers before the first deploy and after the last.
const ANSWERS: u64 = 300;

/// What came of many deploys.
#[derive(Debug, Clone)]
pub struct ManyDeploys {
    /// Good answers.
    pub ok: u64,
    /// Lost requests, by kind: none may be.
    pub failed: BTreeMap<Failure, u64>,
    /// How many commands ended with which status.
    pub statuses: BTreeMap<i32, u32>,
    /// What went wrong.
    pub wrong: Vec<String>,
}

/// `count` deploys in the same instant: one serves in the end.
///
/// # Errors
/// The machine or a program failed in a way that says nothing about deploys.
pub async fn at_once(count: u32) -> Result<ManyDeploys, FaultsError> {
    let (mut deployment, load) = under_load().await?;
    let mut deploys = JoinSet::new();
    for version in 2..count + 2 {
        let mut deploy = deployment.version(version, Form::Stay, None).start()?;
        deploys
            .spawn(async move { deploy.exit().await.map(|exit| (exit.status, deploy.stderr().to_owned())) });
    }
    let mut outcome = ManyDeploys::empty();
    outcome.count(deployment.old.take()).await?;
    while outcome.commands() < count {
        let ended = deploys.join_next().await.ok_or(FaultsError::NobodyServes)?;
        let (status, said) = ended.map_err(|error| FaultsError::Machine(error.into()))??;
        outcome.ended(status, &said);
    }
    outcome.close(&deployment, load, None).await?;
    Ok(outcome)
}

/// `count` deploys, each as soon as the one before is up, and at least so many requests.
///
/// # Errors
/// The machine or a program failed in a way that says nothing about deploys.
pub async fn in_a_row(count: u32, requests_min: u64) -> Result<ManyDeploys, FaultsError> {
    let (mut deployment, mut load) = under_load().await?;
    let mut outcome = ManyDeploys::empty();
    for version in 2..count + 2 {
        let mut new = deployment.version(version, Form::Stay, None).start()?;
        new.says(UP).await?;
        outcome.count(deployment.old.replace(new)).await?;
    }
    while load.ok() < requests_min {
        load.more_answers(ANSWERS, LIMIT).await?;
    }
    outcome.close(&deployment, load, Some(count + 1)).await?;
    Ok(outcome)
}

async fn under_load() -> Result<(Deployment, Load), FaultsError> {
    let deployment = Deployment::undisturbed(Sandbox::new()?, Mode::Inherit).await?;
    let mut load = Load::start(Plan::new(deployment.target(), SLOTS.to_vec()))?;
    load.more_answers(ANSWERS, LIMIT).await?;
    load.enter(Phase::Swap);
    Ok((deployment, load))
}

impl ManyDeploys {
    fn empty() -> ManyDeploys {
        ManyDeploys { ok: 0, failed: BTreeMap::new(), statuses: BTreeMap::new(), wrong: Vec::new() }
    }

    fn commands(&self) -> u32 {
        self.statuses.values().sum()
    }

    async fn count(&mut self, command: Option<Started>) -> Result<(), FaultsError> {
        if let Some(mut command) = command {
            let exit = command.exit().await?;
            self.ended(exit.status, command.stderr());
        }
        Ok(())
    }

    /// 0 for a deploy that was replaced after it had served, `superseded` for one that never served.
    fn ended(&mut self, status: i32, said: &str) {
        *self.statuses.entry(status).or_default() += 1;
        let is_told = match status {
            0 => true,
            SUPERSEDED => said.contains("error: "),
            _ => false,
        };
        if !is_told {
            self.wrong.push(format!("a deploy ended with {status}:\n{said}"));
        }
    }

    /// One server and one supervisor are left, the newest of those that were one after another.
    async fn close(
        &mut self,
        deployment: &Deployment,
        mut load: Load,
        newest: Option<u32>,
    ) -> Result<(), FaultsError> {
        load.more_answers(ANSWERS, LIMIT).await?;
        let newest = newest.map(|version| version.to_string());
        let expected = newest.as_deref().map_or(Expected::Somebody, Expected::Version);
        let served = await_agreement(deployment, expected).await?;
        if !served.is(expected) {
            self.wrong.push(format!("{expected:?} is to serve: {served:?}"));
        }
        let tally = load.stop();
        (self.ok, self.failed) = (tally.ok(), tally.failed_by_kind());
        if tally.failed() > 0 {
            self.wrong.push(format!("{:?}; first: {:?}", self.failed, tally.first_failed));
        }
        let remaining = deployment.sandbox.remaining();
        if remaining.len() != 2 {
            self.wrong.push(format!("one server and one supervisor are to be left: {remaining:?}"));
        }
        self.wrong.extend(deployment.complaints());
        Ok(())
    }
}
