//! One cell: a handover in which one process is killed or stopped at one point, and its outcome.

use std::collections::BTreeMap;
use std::time::Duration;

use rustix::process::Signal;

use super::FaultsError;
use super::aftermath::{next_deploy, nothing_stays, only_it_stays};
use super::allowed_losses::Allowed;
use super::deployment::{Deployment, UP};
use super::leak_check::{UsualDescriptors, only_the_usual_is_open};
use super::points::{HeldProcess, Point, Points};
use super::processes::{ended, signal};
use super::roles::{Fault, Mode, Role, Scene};
use super::status_check::{Expected, await_agreement};
use serverswap_conformance::sandbox::{Invocation, LIMIT, Sandbox, SandboxError, Started};
use serverswap_load::{Failure, Load, Phase, Plan, Slot};

/// Good answers before version 2 is deployed.
const ANSWERS_BEFORE: u64 = 12;

/// How many good answers a stop of a process lasts, if there are so many.
const ANSWERS_WHILE_STOPPED: u64 = 24;

/// How long it lasts if there are not.
const STOPPED_MAX: Duration = Duration::from_millis(300);

/// How long a request may wait: the backlog holds it while a server is started again.
const REQUEST_TIMEOUT: Duration = Duration::from_secs(15);

/// The clients of one cell.
pub(super) const SLOTS: [Slot; 4] = [
    Slot::NEW.pausing(Duration::from_millis(3)),
    Slot::NEW.pausing(Duration::from_millis(5)),
    Slot::KEPT.pausing(Duration::from_millis(3)),
    Slot::KEPT.pausing(Duration::from_millis(7)),
];

/// One cell of the matrix.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct FaultCase {
    /// Which processes there are.
    pub scene: Scene,
    /// How the address is taken.
    pub mode: Mode,
    /// Which process is hit, and at which point.
    pub point: Point,
    /// What happens to it.
    pub fault: Fault,
}

impl FaultCase {
    /// Which process is dead afterwards.
    pub(super) fn killed(&self) -> Option<Role> {
        self.fault.is_final().then_some(self.point.role)
    }
}

/// The outcome of a cell.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum CellOutcome {
    /// Everything is as it must be.
    Green,
    /// The handover did not pass the point.
    NotReached,
    /// What is not as it must be.
    Red(Vec<String>),
}

/// A cell that was played.
#[derive(Debug, Clone)]
pub struct Played {
    /// Its outcome.
    pub outcome: CellOutcome,
    /// Good answers.
    pub ok: u64,
    /// Requests that were lost, by kind; red unless a killed server had accepted them, or the mode
    /// is `bind`.
    pub failed: BTreeMap<Failure, u64>,
}

impl Played {
    /// Whether something is not as it must be.
    pub fn is_red(&self) -> bool {
        match self.outcome {
            CellOutcome::Red(_) => true,
            CellOutcome::Green | CellOutcome::NotReached => false,
        }
    }
}

/// The outcome of the deploy of version 2.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Second {
    /// It is up.
    Up,
    /// Its command has ended with this status.
    Ended(i32),
    /// Its supervisor is dead.
    Dead,
}

/// Plays a cell; in the end no process has more descriptors open than usual.
///
/// # Errors
/// The cell could not be played because the machine or a program failed; the caller counts that as red, too.
pub async fn play(cell: &FaultCase, usual: &UsualDescriptors) -> Result<Played, FaultsError> {
    let sandbox = Sandbox::new()?;
    let folder = sandbox.path().to_owned();
    let mut points = Points::open(&folder, Some(cell.point.clone())).map_err(FaultsError::Machine)?;
    let mut deployment = Deployment::set(sandbox, cell.scene, cell.mode, &points).await?;
    let mut load = Load::start(Plan {
        request_timeout: REQUEST_TIMEOUT,
        ..Plan::new(deployment.target(), SLOTS.to_vec())
    })?;
    load.more_answers(ANSWERS_BEFORE, LIMIT).await?;
    load.enter(Phase::Swap);
    let mut new = second(&deployment, &points).start()?;
    let held = tokio::select! {
        biased;
        held = points.reached() => Some(held),
        over = handover(&mut deployment, &mut new) => { over?; None }
    };
    let mut wrong = Vec::new();
    let is_reached = held.is_some();
    if let Some(held) = held {
        hit(cell, held, &mut load).await?;
        let second = second_settles(cell, &mut new).await?;
        check(cell, &deployment, second, &mut new, &mut wrong).await?;
    } else {
        points.let_everybody_go();
    }
    let allowed = Allowed::of(cell);
    let third = next_deploy(&deployment, &mut wrong).await?;
    only_it_stays(cell.killed(), &mut deployment, &mut new, &third, &mut wrong).await?;
    let tally = load.stop();
    allowed.check(&tally, &mut wrong);
    only_the_usual_is_open(&deployment, &third, cell.killed(), usual, &mut wrong).await;
    nothing_stays(&deployment, third, &mut wrong).await?;
    wrong.extend(deployment.complaints());
    let outcome = match (is_reached, wrong.is_empty()) {
        (false, true) => CellOutcome::NotReached,
        (true, true) => CellOutcome::Green,
        (_, false) => CellOutcome::Red(wrong),
    };
    Ok(Played { outcome, ok: tally.ok(), failed: tally.failed_by_kind() })
}

/// The deploy of version 2, whose processes report their points.
pub(super) fn second(deployment: &Deployment, points: &Points) -> Invocation {
    deployment.version(2, deployment.form(), Some((points, Role::NewSupervisor, Some(Role::NewServer))))
}

/// An undisturbed handover, to its end.
pub(super) async fn handover(deployment: &mut Deployment, new: &mut Started) -> Result<(), FaultsError> {
    if let Some(old) = &mut deployment.old {
        new.says(UP).await?;
        old.exit().await?;
    } else {
        new.exit().await?;
    }
    Ok(())
}

/// What happens to the process that is held.
async fn hit(cell: &FaultCase, held: HeldProcess, load: &mut Load) -> Result<(), FaultsError> {
    let pid = held.pid;
    if cell.fault != Fault::Kill {
        signal(pid, Signal::STOP)?;
        // A stopped server answers nothing: then the time limit ends this.
        let _ = load.more_answers(ANSWERS_WHILE_STOPPED, STOPPED_MAX).await;
    }
    if !cell.fault.is_final() {
        held.release();
        return signal(pid, Signal::CONT);
    }
    signal(pid, Signal::KILL)?;
    if ended(pid, LIMIT).await? { Ok(()) } else { Err(FaultsError::Immortal(pid)) }
}

/// Waits until the outcome of the deploy of version 2 is known.
async fn second_settles(cell: &FaultCase, new: &mut Started) -> Result<Second, FaultsError> {
    if cell.point.role == Role::NewSupervisor && cell.fault.is_final() {
        return Ok(Second::Dead);
    }
    if cell.scene == Scene::Left {
        return Ok(Second::Ended(new.exit().await?.status));
    }
    // It may have printed that before the process was hit.
    if new.stderr().contains(UP) {
        return Ok(Second::Up);
    }
    match new.says(UP).await {
        Ok(_) => Ok(Second::Up),
        Err(SandboxError::Ended { status, .. }) => Ok(Second::Ended(status)),
        Err(error) => Err(error.into()),
    }
}

/// What is wrong: whether the right version serves the address, and `status`, the answers and the commands agree on it.
async fn check(
    cell: &FaultCase,
    deployment: &Deployment,
    second: Second,
    new: &mut Started,
    wrong: &mut Vec<String>,
) -> Result<(), FaultsError> {
    let is_killed = |role| cell.killed() == Some(role);
    let allowed = Allowed::of(cell);
    let has_failed = matches!(second, Second::Ended(status) if status != 0);
    if has_failed && !is_killed(Role::NewServer) {
        wrong.push(format!("version 2 was not deployed ({second:?}):\n{}", new.stderr()));
    }
    if has_failed && !new.stderr().contains("error: ") {
        wrong.push(format!("no message says why version 2 failed ({second:?}):\n{}", new.stderr()));
    }
    let expected = match (second, is_killed(Role::NewServer)) {
        (Second::Up | Second::Ended(0), false) => Expected::Version("2"),
        _ if allowed.nobody => Expected::Anything,
        (Second::Ended(1..), _) => Expected::Version("1"),
        (Second::Dead | Second::Up | Second::Ended(_), _) => Expected::Somebody,
    };
    let served = await_agreement(deployment, expected).await?;
    if !served.is(expected) {
        wrong.push(format!("{expected:?} is to serve: {served:?}; version 2: {second:?}:\n{}", new.stderr()));
    }
    Ok(())
}
