//! An undisturbed handover: its points are the cells, and its open descriptors are the measure for them.
//!
//! The rows of the matrix are the points that it passes: they are recorded, not listed, so that a message or a
//! write that is added to serverswap is a row of the matrix the next time. The descriptors that are open in the end are recorded, too.

use super::FaultsError;
use super::aftermath::{next_deploy, nothing_stays, only_it_stays};
use super::deployment::Deployment;
use super::fault_case::{handover, second};
use super::leak_check::UsualDescriptors;
use super::points::{Point, Points};
use super::roles::{Mode, Scene};
use serverswap_conformance::sandbox::Sandbox;

/// What was recorded.
pub(super) struct Undisturbed {
    /// Every point from the start of the new supervisor to the end of what it replaced.
    pub(super) points: Vec<Point>,
    /// What is open after the next deploy.
    pub(super) usual: UsualDescriptors,
}

/// A handover, the next deploy, and the end.
///
/// # Errors
/// It does not work.
pub(super) async fn undisturbed(scene: Scene, mode: Mode) -> Result<Undisturbed, FaultsError> {
    let sandbox = Sandbox::new()?;
    let folder = sandbox.path().to_owned();
    let points = Points::open(&folder, None).map_err(FaultsError::Machine)?;
    let mut deployment = Deployment::set(sandbox, scene, mode, &points).await?;
    let mut new = second(&deployment, &points).start()?;
    handover(&mut deployment, &mut new).await?;
    let passed = points.passed();
    let mut wrong = Vec::new();
    let third = next_deploy(&deployment, &mut wrong).await?;
    only_it_stays(None, &mut deployment, &mut new, &third, &mut wrong).await?;
    let usual = UsualDescriptors::measure(&mut deployment, &third).await?;
    nothing_stays(&deployment, third, &mut wrong).await?;
    wrong.extend(deployment.complaints());
    if wrong.is_empty() {
        Ok(Undisturbed { points: passed, usual })
    } else {
        Err(FaultsError::Undisturbed(wrong.join("\n")))
    }
}
