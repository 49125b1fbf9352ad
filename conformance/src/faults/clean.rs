//! The rows of the matrix: every point that a handover passes when nothing disturbs it.
//!
//! They are recorded, not listed, so that a message or a write that is added to serverswap is a
//! row of the matrix the next time.

use super::FaultsError;
use super::cell::{handover, second};
use super::points::{Point, Points};
use super::stage::Stage;
use super::who::{Mode, Scene};
use crate::world::World;

/// A handover from the start of the new supervisor to the end of what it replaced.
///
/// # Errors
/// It does not work.
pub(super) async fn points(scene: Scene, mode: Mode) -> Result<Vec<Point>, FaultsError> {
    let world = World::new()?;
    let folder = world.path().to_owned();
    let points = Points::open(&folder, None).map_err(FaultsError::Machine)?;
    let mut stage = Stage::set(world, scene, mode, &points).await?;
    let mut new = second(&stage, &points).start()?;
    handover(&mut stage, &mut new).await?;
    Ok(points.passed())
}
