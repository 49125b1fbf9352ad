//! What a draining server that reports progress makes the arbiter write.

use std::path::Path;

use serverswap_protocol::Address;

use super::figure::{Figure, Value};
use super::note::{Note, What};
use super::{BenchError, command};
use serverswap_conformance::sandbox::{Sandbox, free_address};
use serverswap_conformance::style::number;

/// How many addresses others hold meanwhile: what is not changed has not to be written.
const HELD: usize = 500;

/// How long the server drains, with a report each millisecond.
const DRAIN_MILLIS: &str = "2500";

pub(super) async fn writes(sandbox: &Sandbox) -> Result<Vec<Figure>, BenchError> {
    let held: Vec<Address> =
        (0..HELD).map(|number| format!("name-{number}").parse().expect("a plain name")).collect();
    let words = command::server(sandbox, &["--pace", "together"], &held)?;
    let mut arbiter = sandbox.deploy(words).start()?;
    arbiter.prints(r#""up""#).await?;
    let address = [free_address()];
    let options = ["--inherit", "--pace", "together", "--drain", DRAIN_MILLIS];
    let words = command::server(sandbox, &options, &address)?;
    let mut old = sandbox.serverswap(words.clone()).start()?;
    command::succeeded(&mut old).await?;
    let mut new = sandbox.serverswap(words).start()?;
    old.prints(r#""drains""#).await?;
    let before = written(arbiter.pid())?;
    let line = old.prints(r#""drained""#).await?;
    let bytes = written(arbiter.pid())? - before;
    command::succeeded(&mut new).await?;
    sandbox.end();
    let reports = Note::all_in(&line).into_iter().find_map(|note| match note.what {
        What::Drained { progress } => Some(progress),
        What::Runs
        | What::Claims(_)
        | What::Granted(_)
        | What::Drains
        | What::Releases(_)
        | What::Up
        | What::Returned
        | What::Over => None,
    });
    let what =
        format!("written by the arbiter in {DRAIN_MILLIS} ms of drain, {HELD} addresses held by others");
    let figure = Figure::new(what, Value::Kibibytes(bytes / 1024)).beside(format!(
        "{} bytes for {} reports of progress",
        number(bytes),
        number(reports.unwrap_or_default())
    ));
    Ok(vec![figure])
}

/// What a process has written to files so far: `wchar` of `/proc/PID/io`. Messages are not among it.
fn written(pid: u32) -> Result<u64, BenchError> {
    let path = format!("/proc/{pid}/io");
    let failed = |error: String| BenchError::NothingMeasured(format!("{path}: {error}"));
    let text = std::fs::read_to_string(Path::new(&path)).map_err(|error| failed(error.to_string()))?;
    let line = text.lines().find_map(|line| line.strip_prefix("wchar: "));
    line.and_then(|count| count.trim().parse().ok()).ok_or_else(|| failed("no `wchar`".to_owned()))
}
