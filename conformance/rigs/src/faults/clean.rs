//! A handover that nothing disturbs: what the cells are made of, and measured by.
//!
//! The rows of the matrix are the points that it passes: they are recorded, not listed, so that a message or a
//! write that is added to serverswap is a row of the matrix the next time. So is what is open in the end.

use super::FaultsError;
use super::after::{next_deploy, nothing_stays, only_it_stays};
use super::cell::{handover, second};
use super::open::Usual;
use super::points::{Point, Points};
use super::stage::Stage;
use super::who::{Mode, Scene};
use serverswap_conformance::sandbox::Sandbox;

/// What was recorded.
pub(super) struct Clean {
    /// Every point from the start of the new supervisor to the end of what it replaced.
    pub(super) points: Vec<Point>,
    /// What is open after the next deploy.
    pub(super) usual: Usual,
}

/// A handover, the next deploy, and the end.
///
/// # Errors
/// It does not work.
pub(super) async fn clean(scene: Scene, mode: Mode) -> Result<Clean, FaultsError> {
    let sandbox = Sandbox::new()?;
    let folder = sandbox.path().to_owned();
    let points = Points::open(&folder, None).map_err(FaultsError::Machine)?;
    let mut stage = Stage::set(sandbox, scene, mode, &points).await?;
    let mut new = second(&stage, &points).start()?;
    handover(&mut stage, &mut new).await?;
    let passed = points.passed();
    let mut wrong = Vec::new();
    let third = next_deploy(&stage, &mut wrong).await?;
    only_it_stays(None, &mut stage, &mut new, &third, &mut wrong).await?;
    let usual = Usual::measure(&mut stage, &third).await?;
    nothing_stays(&stage, third, &mut wrong).await?;
    if wrong.is_empty() {
        Ok(Clean { points: passed, usual })
    } else {
        Err(FaultsError::Undisturbed(wrong.join("\n")))
    }
}
