//! `faults`: every process of a handover killed and stopped at every point of it, under load.

use std::ops::ControlFlow;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use clap::Args;
use serverswap_rigs::faults::{self, Extent, FaultCase, ManyDeploys, Matrix, Played, Selection};

use serverswap_conformance::exit::{Ended, Found};

/// Every so manieth point of the reduced matrix.
const REDUCED_STEP: usize = 8;

/// How many deploys are started in the same instant.
const AT_ONCE: u32 = 64;

/// How many are started one after another, and what is asked for meanwhile.
const IN_A_ROW: u32 = 200;
const REQUESTS_MIN: u64 = 100_000;

/// How much is played.
#[derive(Debug, Args)]
pub(super) struct FaultsArgs {
    /// All points, all faults, `bind` too, then 64 deploys at once and 200 in a row.
    #[arg(long)]
    full: bool,
    /// How many cases run at once.
    #[arg(long, value_name = "N", default_value_t = 4, value_parser = clap::value_parser!(u8).range(1..))]
    jobs: u8,
    /// Only the cases whose name contains this text; a red case is printed with its name.
    #[arg(long, value_name = "TEXT")]
    only: Option<String>,
}

pub(super) async fn faults(faults: FaultsArgs) -> Ended {
    let extent = if faults.full { Extent::Full } else { Extent::EveryNth(REDUCED_STEP) };
    let is_whole = faults.full && faults.only.is_none();
    let matrix = play(Selection { extent, only: faults.only }, usize::from(faults.jobs)).await?;
    anstream::print!("{}", matrix.render());
    let mut is_good = matrix.red().next().is_none();
    if is_whole {
        is_good &= show("deploys in the same instant", AT_ONCE, &faults::at_once(AT_ONCE).await?);
        is_good &= show("deploys in a row", IN_A_ROW, &faults::in_a_row(IN_A_ROW, REQUESTS_MIN).await?);
    }
    Ok(Found::good_if(is_good))
}

/// Plays on threads of its own. When this is dropped, the cells that are being played are the last.
async fn play(selection: Selection, jobs: usize) -> Result<Matrix, Box<dyn std::error::Error>> {
    let over = BreakOff(Arc::new(AtomicBool::new(false)));
    let theirs = Arc::clone(&over.0);
    let report = move |cell: &FaultCase, played: &Played| {
        if played.is_red() {
            anstream::eprintln!("red: {cell}");
        }
        if theirs.load(Ordering::Relaxed) { ControlFlow::Break(()) } else { ControlFlow::Continue(()) }
    };
    Ok(tokio::task::spawn_blocking(move || faults::run(&selection, jobs, &report)).await??)
}

/// Whether everything is as it must be.
fn show(what: &str, count: u32, outcome: &ManyDeploys) -> bool {
    anstream::println!("{count} {what}: {}", outcome.render());
    outcome.wrong.is_empty()
}

struct BreakOff(Arc<AtomicBool>);

impl Drop for BreakOff {
    fn drop(&mut self) {
        self.0.store(true, Ordering::Relaxed);
    }
}
