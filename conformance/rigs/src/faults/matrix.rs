//! Which cells there are, and how they are played: several at a time, each in a sandbox of its own.

use std::collections::VecDeque;
use std::ops::ControlFlow;
use std::sync::{Arc, Mutex};
use std::thread;

use super::FaultsError;
use super::fault_case::{CellOutcome, FaultCase, Played, play};
use super::leak_check::UsualDescriptors;
use super::points::Point;
use super::roles::{Fault, Mode, Scene};
use super::undisturbed::{Undisturbed, undisturbed};

/// How often a cell whose point was not reached is tried.
const ATTEMPTS: u32 = 3;

/// How much of the matrix is played.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Extent {
    /// Everything.
    Full,
    /// `kill` at every n-th point.
    EveryNth(usize),
}

/// Which cells are played.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Selection {
    /// How much.
    pub extent: Extent,
    /// Only those whose text contains this: to play a red one again.
    pub only: Option<String>,
}

/// A matrix that was played.
#[derive(Debug, Default)]
pub struct Matrix {
    /// Every cell, in the order of the handover.
    pub cells: Vec<(FaultCase, Played)>,
}

impl Matrix {
    /// The cells that are not as they must be.
    pub fn red(&self) -> impl Iterator<Item = (&FaultCase, &[String])> {
        self.cells.iter().filter_map(|(cell, played)| match &played.outcome {
            CellOutcome::Red(wrong) => Some((cell, wrong.as_slice())),
            CellOutcome::Green | CellOutcome::NotReached => None,
        })
    }
}

/// Plays the matrix, `at_once` cells at a time; `report` is called with every cell, and may
/// break off.
///
/// # Errors
/// An undisturbed handover does not work.
pub fn run(
    selection: &Selection,
    at_once: usize,
    report: &(dyn Fn(&FaultCase, &Played) -> ControlFlow<()> + Sync),
) -> Result<Matrix, FaultsError> {
    let mut cells = Vec::new();
    for scene in Scene::ALL {
        for mode in Mode::ALL {
            cells.extend(cells_of(scene, mode, selection)?);
        }
    }
    let queue: Queue = Mutex::new(cells.into_iter().enumerate().collect());
    let played = Mutex::new(Vec::new());
    thread::scope(|scope| {
        for _ in 0..at_once {
            scope.spawn(|| {
                while let Some((number, (cell, usual))) = take(&queue) {
                    let outcome = attempt(&cell, &usual);
                    let goes_on = report(&cell, &outcome).is_continue();
                    played.lock().expect("no other one panics").push((number, cell, outcome));
                    if !goes_on {
                        queue.lock().expect("no other one panics").clear();
                    }
                }
            });
        }
    });
    let mut played = played.into_inner().expect("no other one panics");
    played.sort_by_key(|(number, ..)| *number);
    Ok(Matrix { cells: played.into_iter().map(|(_, cell, played)| (cell, played)).collect() })
}

/// The cells that are still to be played, with their numbers and what is usual in their scene.
type Queue = Mutex<VecDeque<(usize, (FaultCase, Arc<UsualDescriptors>))>>;

fn take(queue: &Queue) -> Option<(usize, (FaultCase, Arc<UsualDescriptors>))> {
    queue.lock().expect("no other one panics").pop_front()
}

fn cells_of(
    scene: Scene,
    mode: Mode,
    selection: &Selection,
) -> Result<Vec<(FaultCase, Arc<UsualDescriptors>)>, FaultsError> {
    let Undisturbed { mut points, usual } = block_on(undisturbed(scene, mode))?;
    if points.is_empty() {
        return Err(FaultsError::NoPoints);
    }
    points.sort_by_key(|point| point.role);
    let cell = |point: &Point, fault| FaultCase { scene, mode, point: point.clone(), fault };
    let cells: Vec<FaultCase> = match selection.extent {
        Extent::Full => points.iter().flat_map(|point| Fault::ALL.map(|fault| cell(point, fault))).collect(),
        Extent::EveryNth(step) => points.iter().step_by(step).map(|point| cell(point, Fault::Kill)).collect(),
    };
    let is_meant =
        |cell: &FaultCase| selection.only.as_ref().is_none_or(|only| cell.to_string().contains(only));
    let usual = Arc::new(usual);
    Ok(cells.into_iter().filter(is_meant).map(|cell| (cell, Arc::clone(&usual))).collect())
}

/// The order of two messages may differ from one handover to the next, so a point that was not
/// reached is tried again.
fn attempt(cell: &FaultCase, usual: &UsualDescriptors) -> Played {
    let mut last = None;
    for _ in 0..ATTEMPTS {
        let played = block_on(play(cell, usual)).unwrap_or_else(|error| Played {
            outcome: CellOutcome::Red(vec![error.to_string()]),
            ok: 0,
            failed: Default::default(),
        });
        match &played.outcome {
            CellOutcome::NotReached => last = Some(played),
            CellOutcome::Green | CellOutcome::Red(_) => return played,
        }
    }
    last.expect("there was an attempt")
}

fn block_on<T>(run: impl Future<Output = Result<T, FaultsError>>) -> Result<T, FaultsError> {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
    runtime.map_err(FaultsError::Machine)?.block_on(run)
}
