//! What `serverswap` adds between the command and the first instruction of the server.

use std::path::Path;
use std::time::Duration;

use super::figure::{Figure, Value, median};
use super::note::{Note, What, first, nanos};
use super::{BenchError, command};
use serverswap_conformance::sandbox::{Invocation, Sandbox};

/// Starts of each kind.
const SAMPLES: usize = 41;

/// What the supervisor may add.
const OVERHEAD_MAX: Duration = Duration::from_millis(5);

pub(super) async fn overhead(sandbox: &Sandbox) -> Result<Vec<Figure>, BenchError> {
    let this = command::this();
    let (mut bare, mut supervised) = (Vec::new(), Vec::new());
    // One after the other, so that the noise of the machine is the same for both.
    for _ in 0..SAMPLES {
        bare.push(until_it_runs(sandbox.command(Path::new(&this), ["clock"])).await?);
        supervised.push(until_it_runs(sandbox.serverswap([&this, "clock"])).await?);
    }
    let (bare, supervised) = (median(bare), median(supervised));
    let ratio = supervised.as_secs_f64() / bare.as_secs_f64();
    let added = Figure::new(
        "from exec of serverswap to exec of the server, more than bare",
        Value::Time(supervised.saturating_sub(bare)),
    )
    .at_most(Value::Time(OVERHEAD_MAX))
    .beside(format!("median of {SAMPLES}; {ratio:.1} times the bare start"));
    Ok(vec![
        Figure::new("a bare start, to the first line of main", Value::Time(bare)),
        Figure::new("the same under serverswap", Value::Time(supervised)),
        added,
    ])
}

async fn until_it_runs(invocation: Invocation) -> Result<Duration, BenchError> {
    let began = nanos();
    let mut started = invocation.start()?;
    started.exit().await?;
    let notes = Note::all_in(started.stdout());
    let runs = first(&notes, &What::Runs)
        .ok_or_else(|| BenchError::NothingMeasured(format!("it did not run: {}", started.stderr())))?;
    Ok(Duration::from_nanos(runs.saturating_sub(began)))
}

/// The server of this measurement: says when it runs, and ends.
pub fn clock() {
    Note::now(What::Runs).print();
}
