//! A server whose supervisor has left, and the time until it is back under a new one.

use std::time::Duration;

use super::figure::{Figure, Value, median};
use super::note::{Note, nanos};
use super::{BenchError, command};
use serverswap_conformance::sandbox::{Sandbox, free_address};

/// How often a new arbiter comes and goes.
const SAMPLES: usize = 21;

/// From the exec of a supervisor to the return of the servers without one.
const RETURN_MAX: Duration = Duration::from_millis(10);

pub(super) async fn returns(sandbox: &Sandbox) -> Result<Vec<Figure>, BenchError> {
    let words = command::server(sandbox, &["--inherit", "--pace", "together"], &[free_address()])?;
    let mut orphan = sandbox.serverswap(words).start()?;
    command::succeeded(&mut orphan).await?;
    let mut samples = Vec::new();
    for _ in 0..SAMPLES {
        let began = nanos();
        let mut passing = sandbox.serverswap(["sleep", "60"]).start()?;
        let line = orphan.prints(r#""returned""#).await?;
        passing.signal(rustix::process::Signal::TERM);
        passing.exit().await?;
        let returned = Note::all_in(&line).first().map_or(began, |note| note.nanos);
        samples.push(Duration::from_nanos(returned.saturating_sub(began)));
    }
    let figure =
        Figure::new("from exec of serverswap to the return of an orphan", Value::Time(median(samples)))
            .at_most(Value::Time(RETURN_MAX))
            .beside(format!(
                "median of {SAMPLES}; to the answer to its hello, start of the program included"
            ));
    Ok(vec![figure])
}
