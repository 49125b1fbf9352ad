//! What is left of an old generation: wrappers, sidecars, helpers, a pool whose main process was killed.

use rustix::process::Signal;
use serverswap_conformance::sandbox::{Invocation, LIMIT, Sandbox, Started, free_address};
use serverswap_load::ask;
use serverswap_protocol::Address;

use crate::Outcome;
use crate::processes::signal;
use crate::shop::{Shop, configured, nothing_failed};

/// A start script that does not end when its server does, with a sidecar in a session of its own.
const WITH_SIDECAR: &str = "setsid sleep 600 & node $FILE; sleep 600";

/// The same, and the sidecar ignores TERM.
const WITH_STUBBORN_SIDECAR: &str = "(trap '' TERM; exec setsid sleep 600) & node $FILE; wait";

fn leaving(sandbox: &Sandbox, address: &Address, script: &str, version: u32) -> Invocation {
    scripted(sandbox.serverswap(timeouts("1s", script)), address, version)
}

fn timeouts(drain: &str, script: &str) -> Vec<String> {
    let options = ["--drain-timeout", drain, "--kill-timeout", "1s", "sh", "-c", script];
    options.map(str::to_owned).to_vec()
}

fn scripted(command: Invocation, address: &Address, version: u32) -> Invocation {
    let file = serverswap_conformance::sandbox::Programs::find().example("node/http.js");
    configured(command, address, version).env("FILE", file)
}

/// Of a version.
fn remaining(sandbox: &Sandbox, version: u32) -> Vec<String> {
    let remaining = sandbox.remaining().into_iter();
    let of = remaining.filter(|one| one.variable("VERSION") == Some(version.to_string()));
    of.map(|one| one.command).collect()
}

async fn left_alone(mut command: Started) -> Outcome {
    assert_eq!(command.exit().await?.status, 0, "{}", command.stderr());
    Ok(())
}

#[tokio::test]
async fn a_deploy_ends_the_whole_old_generation_before_its_command_returns() -> Outcome {
    for script in [WITH_SIDECAR, WITH_STUBBORN_SIDECAR] {
        let (sandbox, address) = (Sandbox::new()?, free_address());
        left_alone(leaving(&sandbox, &address, script, 1).start()?).await?;
        let load = crate::shop::load_on((&address).try_into()?).await?;
        left_alone(leaving(&sandbox, &address, script, 2).start()?).await?;
        assert_eq!(remaining(&sandbox, 1), [""; 0]);
        assert!(remaining(&sandbox, 2).len() >= 3, "{:?}", remaining(&sandbox, 2));
        nothing_failed(load).await?;
    }
    Ok(())
}

#[tokio::test]
async fn a_supervisor_whose_start_script_does_not_end_is_replaced_all_the_same() -> Outcome {
    let (sandbox, address) = (Sandbox::new()?, free_address());
    let mut first = scripted(sandbox.deploy(timeouts("1s", WITH_SIDECAR)), &address, 1).start()?;
    first.prints("version 1 serves").await?;
    let mut second = scripted(sandbox.deploy(timeouts("1s", WITH_SIDECAR)), &address, 2).start()?;
    second.prints("version 2 serves").await?;
    assert_eq!(first.exit().await?.status, 0, "{}", first.stderr());
    assert_eq!(remaining(&sandbox, 1), [""; 0]);
    Ok(())
}

#[tokio::test]
async fn status_shows_a_sidecar_that_has_not_ended_and_the_deploy_waits_for_it() -> Outcome {
    let (sandbox, address) = (Sandbox::new()?, free_address());
    let script = "setsid sleep 600 & node $FILE";
    left_alone(scripted(sandbox.serverswap(timeouts("10m", script)), &address, 1).start()?).await?;
    let sidecar =
        sandbox.remaining().into_iter().find(|one| one.command == "sleep 600").ok_or("no sidecar")?;
    let mut second = leaving(&sandbox, &address, script, 2).start()?;
    second.says(&format!("pid {} ", sidecar.pid)).await?;
    let mut status = sandbox.serverswap(["status"]).start()?;
    status.exit().await?;
    let shown = status.stdout().lines().find(|line| line.contains(&format!(" {} ", sidecar.pid)));
    assert!(shown.is_some_and(|line| line.contains("draining")), "{}", status.stdout());
    signal(sidecar.pid, Signal::TERM)?;
    left_alone(second).await?;
    assert_eq!(remaining(&sandbox, 1), [""; 0]);
    Ok(())
}

/// Version 1 has a pool, and its main process is killed.
async fn killed_pool() -> Result<Shop, Box<dyn std::error::Error>> {
    let (sandbox, address) = (Sandbox::new()?, free_address());
    let file = sandbox.programs().fixture("minimal.py");
    let command = configured(sandbox.serverswap(["python3".to_owned(), file]), &address, 1);
    let mut serving = command.env("POOL", "1").start()?;
    assert_eq!(serving.exit().await?.status, 0, "{}", serving.stderr());
    let shop = Shop { sandbox, address, serving };
    let (main, _) = shop.ask().await?;
    signal(main, Signal::KILL)?;
    crate::processes::ended(main).await?;
    Ok(shop)
}

#[tokio::test]
async fn a_pool_whose_main_process_was_killed_is_replaced_and_who_waits_is_answered() -> Outcome {
    let shop = killed_pool().await?;
    let target = shop.target();
    let waiting = tokio::spawn(async move { ask(&target, LIMIT).await.map(|answer| answer.version) });
    let mut new = shop.deploy(2).start()?;
    new.prints("version 2 serves").await?;
    new.says("up after").await?;
    assert_eq!(waiting.await??.as_deref(), Some("2"));
    new.says("has exited").await?;
    assert_eq!(shop.sandbox.remaining().len(), 2, "{:?}", shop.sandbox.remaining());
    Ok(())
}
