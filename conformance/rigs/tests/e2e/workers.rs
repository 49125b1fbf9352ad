//! Servers of several processes, each of which claims, that were left alone: workers that are started when
//! no supervisor is there any more get their listener, too.

use std::path::PathBuf;
use std::pin::pin;

use rustix::process::Signal;
use serde_json::Value;
use serverswap_conformance::sandbox::{Invocation, LIMIT, Remaining, Sandbox, free_address};
use serverswap_load::Target;
use serverswap_protocol::Address;
use tokio::time::timeout;

use crate::Outcome;
use crate::processes::{ended, signal};
use crate::shop::{configured, load_on, nothing_failed};

/// Command lines of a server that forks workers.
fn preforking(sandbox: &Sandbox) -> [[String; 2]; 2] {
    let programs = sandbox.programs();
    [
        ["node".to_owned(), programs.fixture("cluster.js")],
        [programs.python().display().to_string(), programs.fixture("prefork.py")],
    ]
}

fn leaving(sandbox: &Sandbox, address: &Address, command: &[String; 2], version: u32) -> Invocation {
    configured(sandbox.serverswap(command), address, version)
}

/// Who has the listener, by `status`, which asks nobody to be the arbiter. A worker that says `serving` when its
/// supervisor has just left is shown as granted until there is an arbiter again.
async fn serving(sandbox: &Sandbox) -> Result<Vec<u32>, Box<dyn std::error::Error>> {
    let mut status = sandbox.serverswap(["status", "--json"]).start()?;
    status.exit().await?;
    let status: Value = serde_json::from_str(status.stdout())?;
    let holders = status["addresses"].as_array().into_iter().flatten();
    let holders = holders.flat_map(|address| address["holders"].as_array().into_iter().flatten());
    let serving = holders.filter(|holder| holder["state"] == "serving" || holder["state"] == "granted");
    Ok(serving.filter_map(|holder| holder["pid"].as_u64()?.try_into().ok()).collect())
}

async fn are_serving(sandbox: &Sandbox, count: usize) -> Result<Vec<u32>, Box<dyn std::error::Error>> {
    let reached = timeout(LIMIT, async {
        loop {
            let serving = serving(sandbox).await?;
            if serving.len() == count {
                return Ok(serving);
            }
        }
    });
    reached.await.map_err(|_| format!("{count} workers did not come to serve"))?
}

/// The process that forks: it is the only one of its version that leads its group.
fn primary(sandbox: &Sandbox) -> Option<u32> {
    let remaining = sandbox.remaining().into_iter();
    let mut leaders =
        remaining.filter(|one| one.variable("VERSION").is_some() && one.group() == Some(one.pid));
    leaders.next().map(|one| one.pid)
}

#[tokio::test]
async fn workers_that_are_forked_when_no_supervisor_is_left_get_their_listener() -> Outcome {
    let sandbox = Sandbox::new()?;
    for command in preforking(&sandbox) {
        let (sandbox, address) = (Sandbox::new()?, free_address());
        let mut first = leaving(&sandbox, &address, &command, 1).start()?;
        assert_eq!(first.exit().await?.status, 0, "{}", first.stderr());
        are_serving(&sandbox, 2).await?;
        let load = load_on(Target::try_from(&address)?).await?;
        for arbiter in sandbox.temporary_arbiters() {
            ended(arbiter.pid).await?;
        }
        let primary = primary(&sandbox).ok_or("no process forks")?;
        for count in 3..=5 {
            signal(primary, Signal::USR2)?;
            are_serving(&sandbox, count).await?;
        }
        let mut second = leaving(&sandbox, &address, &command, 2).start()?;
        assert_eq!(second.exit().await?.status, 0, "{}", second.stderr());
        nothing_failed(load).await?;
        let old =
            sandbox.remaining().into_iter().filter(|one| one.variable("VERSION").as_deref() == Some("1"));
        assert_eq!(old.map(|one| one.command).collect::<Vec<_>>(), [""; 0]);
        are_serving(&sandbox, 2).await?;
    }
    Ok(())
}

#[tokio::test]
async fn the_arbiter_that_a_worker_started_is_no_part_of_its_generation_and_ends_by_itself() -> Outcome {
    let (sandbox, address) = (Sandbox::new()?, free_address());
    let [cluster, _] = preforking(&sandbox);
    let mut first = leaving(&sandbox, &address, &cluster, 1).start()?;
    assert_eq!(first.exit().await?.status, 0, "{}", first.stderr());
    are_serving(&sandbox, 2).await?;
    for arbiter in sandbox.temporary_arbiters() {
        ended(arbiter.pid).await?;
    }
    let primary = primary(&sandbox).ok_or("no process forks")?;
    let started = async {
        loop {
            signal(primary, Signal::USR2)?;
            let count = serving(&sandbox).await?.len() + 1;
            if let Some(seen) = arbiter_before_serving(&sandbox, count).await? {
                return Ok::<_, Box<dyn std::error::Error>>((seen, count));
            }
        }
    };
    let ((arbiter, stderr), count) = timeout(LIMIT, started).await.map_err(|_| "no arbiter was seen")??;
    assert_eq!(stderr.to_str(), Some("/dev/null"));
    ended(arbiter).await?;
    assert_eq!(serving(&sandbox).await?.len(), count);
    Ok(())
}

/// The temporary arbiter that shows a generation of its own, and its stderr; none if it was not seen before so many
/// workers served.
async fn arbiter_before_serving(
    sandbox: &Sandbox,
    count: usize,
) -> Result<Option<(u32, PathBuf)>, Box<dyn std::error::Error>> {
    let shows_its_own = |one: &Remaining| {
        let shown = one.variable("SERVERSWAP_GENERATION");
        shown.is_some_and(|shown| shown.ends_with(&format!("-{}", one.pid)))
    };
    let mut served = pin!(are_serving(sandbox, count));
    loop {
        for arbiter in sandbox.temporary_arbiters().into_iter().filter(shows_its_own) {
            if let Ok(stderr) = std::fs::read_link(format!("/proc/{}/fd/2", arbiter.pid)) {
                return Ok(Some((arbiter.pid, stderr)));
            }
        }
        tokio::select! {
            biased;
            served = &mut served => return served.map(|_| None),
            () = tokio::task::yield_now() => {}
        }
    }
}
