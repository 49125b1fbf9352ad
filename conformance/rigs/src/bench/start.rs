//! What `serverswap` adds between the command and the first instruction of the server.

use std::path::Path;
use std::time::Duration;

use super::figure::{Figure, Value, median};
use super::note::{Note, What, first, nanos};
use super::{BenchError, command};
use serverswap_conformance::sandbox::{Invocation, Sandbox};

/// Starts of each kind.
const SAMPLES: usize = 41;

/// System calls whose time is measured.
const CALLS: u32 = 100_000;

/// What the supervisor may add where it intercepts.
const INTERCEPTED_OVERHEAD_MAX: Duration = Duration::from_millis(10);

/// What the supervisor may add.
const OVERHEAD_MAX: Duration = Duration::from_millis(5);

pub(super) async fn overhead(sandbox: &Sandbox) -> Result<Vec<Figure>, BenchError> {
    let this = command::this();
    let (mut bare, mut supervised, mut intercepted) = (Vec::new(), Vec::new(), Vec::new());
    // One after the other, so that the noise of the machine is the same for all.
    for _ in 0..SAMPLES {
        bare.push(until_it_runs(sandbox.command(Path::new(&this), ["clock"])).await?);
        supervised.push(until_it_runs(sandbox.serverswap([&this, "clock"])).await?);
        intercepted.push(until_it_runs(sandbox.serverswap(["--intercept", &this, "clock"])).await?);
    }
    let calls = |runs: &[Run]| median(runs.iter().map(|run| run.calls).collect());
    let (calls_bare, calls_filtered) = (calls(&bare), calls(&intercepted));
    let filter = calls_filtered.saturating_sub(calls_bare).as_nanos() / u128::from(CALLS);
    let start = |runs: Vec<Run>| median(runs.into_iter().map(|run| run.start).collect());
    let (bare, supervised, intercepted) = (start(bare), start(supervised), start(intercepted));
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
        Figure::new(
            "from exec of serverswap --intercept to exec of the server, more than bare",
            Value::Time(intercepted.saturating_sub(bare)),
        )
        .at_most(Value::Time(INTERCEPTED_OVERHEAD_MAX)),
        Figure::new("100,000 system calls (getppid) of a server", Value::Time(calls_bare)),
        Figure::new("the same of a server that is intercepted", Value::Time(calls_filtered))
            .beside(format!("{filter} ns a call more")),
    ])
}

/// One start.
#[derive(Clone, Copy)]
struct Run {
    start: Duration,
    /// What [`CALLS`] system calls took.
    calls: Duration,
}

async fn until_it_runs(invocation: Invocation) -> Result<Run, BenchError> {
    let began = nanos();
    let mut started = invocation.start()?;
    started.exit().await?;
    let notes = Note::all_in(started.stdout());
    let runs = first(&notes, &What::Runs)
        .ok_or_else(|| BenchError::NothingMeasured(format!("it did not run: {}", started.stderr())))?;
    let over = first(&notes, &What::Over).unwrap_or(runs);
    let calls = Duration::from_nanos(over.saturating_sub(runs));
    Ok(Run { start: Duration::from_nanos(runs.saturating_sub(began)), calls })
}

/// The server of this measurement: says when it runs, and ends.
pub fn clock() {
    let runs = Note::now(What::Runs);
    for _ in 0..CALLS {
        std::hint::black_box(rustix::process::getppid());
    }
    let over = Note::now(What::Over);
    runs.print();
    over.print();
}
