//! What it costs a Node program to load the package.

use std::path::Path;
use std::time::Duration;

use super::BenchError;
use super::figure::{Figure, Value, median};
use crate::world::World;

/// Fresh processes of each kind.
const SAMPLES: usize = 15;

/// "A few milliseconds."
const REQUIRE_MAX: Duration = Duration::from_millis(10);

pub(super) async fn cost(world: &World) -> Result<Vec<Figure>, BenchError> {
    let package = world.programs().repository.join("bindings/node").display().to_string();
    let ours = loads(world, &package).await?;
    let http = loads(world, "node:http").await?;
    let ratio = ours.as_secs_f64() / http.as_secs_f64();
    let figure = Figure::new("require('serverswap')", Value::Time(ours))
        .at_most(Value::Time(REQUIRE_MAX))
        .beside(format!("median of {SAMPLES} processes; {ratio:.1} times require('node:http')"));
    Ok(vec![figure, Figure::new("require('node:http')", Value::Time(http))])
}

async fn loads(world: &World, module: &str) -> Result<Duration, BenchError> {
    let script = "const t = process.hrtime.bigint(); require(process.argv[1]); \
                  console.log(Number(process.hrtime.bigint() - t))";
    let mut samples = Vec::new();
    for _ in 0..SAMPLES {
        let mut node = world.command(Path::new("node"), ["-e", script, module]).start()?;
        node.exit().await?;
        let nanos = node.stdout().trim().parse().map_err(|_| {
            BenchError::NothingMeasured(format!("node could not load {module}:\n{}", node.stderr()))
        })?;
        samples.push(Duration::from_nanos(nanos));
    }
    Ok(median(samples))
}
