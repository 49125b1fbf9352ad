//! From a claim to its grant, as a program of each language sees it.
//!
//! The address is free, so that the arbiter opens it and nobody has to let go: what is measured is both
//! ways over the socket, the state that is written before a grant, and the language's own part.

use std::path::Path;
use std::time::Duration;

use super::BenchError;
use super::figure::{Figure, Value, median};
use serverswap_conformance::sandbox::{Sandbox, free_address};
use serverswap_conformance::style::duration;

/// Claims of one program, one after the other.
const SAMPLES: usize = 200;

/// What a claim may cost.
const CLAIM_MAX: Duration = Duration::from_millis(1);

pub(super) async fn claims(sandbox: &Sandbox) -> Result<Vec<Figure>, BenchError> {
    let programs = sandbox.programs();
    let python = programs.python();
    Ok(vec![
        figure("Node: await readyFor()", times(sandbox, Path::new("node"), "claims.js").await?),
        figure("Python: listen()", times(sandbox, &python, "claims.py").await?),
        figure("Python: await aio.listen()", times(sandbox, &python, "claims_aio.py").await?),
    ])
}

/// How long each claim of a program took; the first one makes the connection.
async fn times(sandbox: &Sandbox, interpreter: &Path, file: &str) -> Result<Vec<Duration>, BenchError> {
    let words = [interpreter.display().to_string(), sandbox.programs().fixture(file)];
    let addresses = (0..SAMPLES).map(|_| free_address().to_string());
    let mut server = sandbox.serverswap(words.into_iter().chain(addresses)).start()?;
    super::command::succeeded(&mut server).await?;
    let line = server.prints("[").await?;
    let nanos: Vec<u64> = serde_json::from_str(&line)
        .map_err(|error| BenchError::NothingMeasured(format!("{file} said `{line}`: {error}")))?;
    sandbox.end();
    Ok(nanos.into_iter().map(Duration::from_nanos).collect())
}

fn figure(what: &str, samples: Vec<Duration>) -> Figure {
    let first = samples[0];
    let mut sorted = samples.clone();
    sorted.sort();
    let tail = sorted[sorted.len() * 99 / 100];
    Figure::new(what, Value::Time(median(samples))).at_most(Value::Time(CLAIM_MAX)).beside(format!(
        "median of {SAMPLES}, p99 {}; the first, which connects, {}",
        duration(tail),
        duration(first)
    ))
}
