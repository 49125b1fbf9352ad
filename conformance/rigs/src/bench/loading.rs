//! What it costs a program to load the package of its language.

use std::path::Path;
use std::time::Duration;

use super::BenchError;
use super::figure::{Figure, Value, median};
use serverswap_conformance::sandbox::Sandbox;

/// Fresh processes of each kind.
const SAMPLES: usize = 31;

/// What loading may cost.
const LOADING_MAX: Duration = Duration::from_millis(10);

pub(super) async fn cost(sandbox: &Sandbox) -> Result<Vec<Figure>, BenchError> {
    Ok([node(sandbox).await?, python(sandbox).await?].concat())
}

/// Measured in the program, beside a module that every server loads.
async fn node(sandbox: &Sandbox) -> Result<Vec<Figure>, BenchError> {
    let package = sandbox.programs().repository.join("bindings/node").display().to_string();
    let (mut ours, mut http) = (Vec::new(), Vec::new());
    // One after the other, so that the noise of the machine is the same for both.
    for _ in 0..SAMPLES {
        ours.push(requires(sandbox, &package).await?);
        http.push(requires(sandbox, "node:http").await?);
    }
    let (ours, http) = (median(ours), median(http));
    let ratio = ours.as_secs_f64() / http.as_secs_f64();
    let figure = Figure::new("Node: require('serverswap')", Value::Time(ours))
        .at_most(Value::Time(LOADING_MAX))
        .beside(format!("median of {SAMPLES} processes; {ratio:.1} times require('node:http')"));
    Ok(vec![figure, Figure::new("Node: require('node:http')", Value::Time(http))])
}

async fn requires(sandbox: &Sandbox, module: &str) -> Result<Duration, BenchError> {
    let script = "const t = process.hrtime.bigint(); require(process.argv[1]); \
                  console.log(Number(process.hrtime.bigint() - t))";
    let mut node = sandbox.command(Path::new("node"), ["-e", script, module]).start()?;
    node.exit().await?;
    let nanos = node.stdout().trim().parse().map_err(|_| {
        BenchError::NothingMeasured(format!("node could not load {module}:\n{}", node.stderr()))
    })?;
    Ok(Duration::from_nanos(nanos))
}

/// The whole process, from its start to its end, against one that does nothing.
async fn python(sandbox: &Sandbox) -> Result<Vec<Figure>, BenchError> {
    let (mut ours, mut bare, mut socket) = (Vec::new(), Vec::new(), Vec::new());
    for _ in 0..SAMPLES {
        bare.push(runs(sandbox, "").await?);
        ours.push(runs(sandbox, "import serverswap").await?);
        socket.push(runs(sandbox, "import socket").await?);
    }
    let bare = median(bare);
    let ours = median(ours).saturating_sub(bare);
    let socket = median(socket).saturating_sub(bare);
    let figure = Figure::new("Python: import serverswap, more than bare", Value::Time(ours))
        .at_most(Value::Time(LOADING_MAX))
        .beside(format!(
            "median of {SAMPLES} processes; a bare one {}",
            serverswap_conformance::style::duration(bare)
        ));
    Ok(vec![figure, Figure::new("Python: import socket, more than bare", Value::Time(socket))])
}

async fn runs(sandbox: &Sandbox, source: &str) -> Result<Duration, BenchError> {
    let mut python = sandbox.command(&sandbox.programs().python(), ["-c", source]).start()?;
    let exit = python.exit().await?;
    if exit.status == 0 {
        return Ok(exit.took);
    }
    Err(BenchError::NothingMeasured(format!("python could not do `{source}`:\n{}", python.stderr())))
}
