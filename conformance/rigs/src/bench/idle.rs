//! What a supervisor costs while its server serves and nothing happens.

use std::collections::HashMap;
use std::path::Path;
use std::time::Duration;

use super::figure::{Figure, Value};
use super::{BenchError, command};
use serverswap_conformance::sandbox::{Sandbox, SandboxError, free_address};

/// How long it is watched.
const WATCHED: Duration = Duration::from_secs(5);

/// Of its own: how much of the program and of the C library is mapped is the kernel's choice.
const MEMORY_KIB_MAX: u64 = 1024;
const BINARY_KIB_MAX: u64 = 4_608;

pub(super) async fn cost(sandbox: &Sandbox) -> Result<Vec<Figure>, BenchError> {
    let words = command::server(sandbox, &["--inherit", "--pace", "together"], &[free_address()])?;
    let mut supervisor = sandbox.deploy(words).start()?;
    supervisor.prints(r#""up""#).await?;
    // What follows from the deploy itself is over when the supervisor was idle once.
    settle(supervisor.pid()).await?;
    let before = status(supervisor.pid())?;
    match supervisor.exit_within(WATCHED).await {
        Err(SandboxError::TooLate { .. }) => {}
        Err(error) => return Err(error.into()),
        Ok(exit) => {
            return Err(BenchError::NothingMeasured(format!("the supervisor ended with {}", exit.status)));
        }
    }
    let after = status(supervisor.pid())?;
    let binary = std::fs::metadata(&sandbox.programs().serverswap).map_or(0, |file| file.len());
    Ok(vec![
        Figure::new(
            format!("wake-ups in {} s", WATCHED.as_secs()),
            Value::Count(switches(&after) - switches(&before)),
        )
        .at_most(Value::Count(0))
        .beside("context switches in /proc/PID/status"),
        Figure::new("memory of its own", Value::Kibibytes(field(&after, "RssAnon")))
            .at_most(Value::Kibibytes(MEMORY_KIB_MAX))
            .beside(format!("{} KiB with the resident pages of its files", field(&after, "VmRSS"))),
        Figure::new("threads", Value::Count(field(&after, "Threads"))).at_most(Value::Count(1)),
        Figure::new("binary", Value::Kibibytes(binary / 1024)).at_most(Value::Kibibytes(BINARY_KIB_MAX)),
    ])
}

/// Waits until one interval passes without a context switch, at most ten of them.
async fn settle(pid: u32) -> Result<(), BenchError> {
    let mut interval = tokio::time::interval(Duration::from_millis(200));
    let mut last = 0;
    for _ in 0..10 {
        interval.tick().await;
        let now = switches(&status(pid)?);
        if now == last {
            break;
        }
        last = now;
    }
    Ok(())
}

pub(super) type ProcStatus = HashMap<String, u64>;

/// The numbers of `/proc/PID/status`.
pub(super) fn status(pid: u32) -> Result<ProcStatus, BenchError> {
    let path = format!("/proc/{pid}/status");
    let text = std::fs::read_to_string(Path::new(&path))
        .map_err(|error| BenchError::NothingMeasured(format!("{path}: {error}")))?;
    let lines = text.lines().filter_map(|line| line.split_once(':'));
    let numbers = lines.filter_map(|(name, value)| {
        let number = value.split_whitespace().next()?.parse().ok()?;
        Some((name.to_owned(), number))
    });
    Ok(numbers.collect())
}

pub(super) fn field(status: &ProcStatus, name: &str) -> u64 {
    status.get(name).copied().unwrap_or_default()
}

fn switches(status: &ProcStatus) -> u64 {
    field(status, "voluntary_ctxt_switches") + field(status, "nonvoluntary_ctxt_switches")
}
