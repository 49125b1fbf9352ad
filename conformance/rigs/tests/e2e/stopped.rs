//! Processes that are stopped (SIGSTOP): they live, and do nothing.

use rustix::process::Signal;
use serverswap_conformance::sandbox::{Sandbox, free_address};

use crate::Outcome;
use crate::processes::{ended, signal};
use crate::shop::{Shop, configured, nothing_failed};

#[tokio::test]
async fn a_stopped_arbiter_is_named_and_nothing_is_touched_until_it_goes_on() -> Outcome {
    let mut shop = Shop::open().await?;
    let load = shop.load().await?;
    shop.serving.signal(Signal::STOP);
    let mut refused = shop.deploy(2).start()?;
    let exit = refused.exit().await?;
    let stderr = refused.stderr();
    assert_eq!(exit.status, 125, "{stderr}");
    assert!(stderr.contains(&format!("pid {}", shop.serving.pid())) && stderr.contains("hint: "), "{stderr}");
    assert_eq!(shop.sandbox.remaining().len(), 2, "{:?}", shop.sandbox.remaining());
    shop.serving.signal(Signal::CONT);
    assert_eq!(shop.replace(3).await?.status, 0);
    nothing_failed(load).await?;
    assert_eq!(shop.ask().await?.1, "3");
    Ok(())
}

#[tokio::test]
async fn a_stopped_old_server_is_replaced_and_killed_at_its_deadlines() -> Outcome {
    let (sandbox, address) = (Sandbox::new()?, free_address());
    let deploy = |version| {
        let options = ["--drain-timeout", "300ms", "--kill-timeout", "300ms", "node"].map(str::to_owned);
        let file = sandbox.programs().example("node/http.js");
        configured(sandbox.deploy(options.into_iter().chain([file])), &address, version)
    };
    let mut old = deploy(1).start()?;
    old.prints("version 1 serves").await?;
    let target = (&address).try_into()?;
    let limit = serverswap_conformance::sandbox::LIMIT;
    let pid = serverswap_load::ask(&target, limit).await?.pid.ok_or("no pid")?;
    signal(pid, Signal::STOP)?;
    let mut new = deploy(2).start()?;
    new.prints("version 2 serves").await?;
    ended(pid).await?;
    assert_eq!(old.exit().await?.status, 0, "{}", old.stderr());
    let answer = serverswap_load::ask(&target, limit).await?;
    assert_eq!(answer.version.as_deref(), Some("2"));
    assert_eq!(sandbox.remaining().len(), 2, "{:?}", sandbox.remaining());
    Ok(())
}

#[tokio::test]
async fn a_stopped_new_server_is_ended_at_its_deadlines_and_the_old_one_serves_on() -> Outcome {
    let shop = Shop::open().await?;
    let load = shop.load().await?;
    let options = ["--ready-timeout", "300ms", "--kill-timeout", "300ms"];
    let server = ["sh", "-c", "kill -STOP $$"];
    let mut stopped = shop.sandbox.deploy(options.into_iter().chain(server)).start()?;
    let exit = stopped.exit().await?;
    assert_eq!(exit.status, 124, "{}", stopped.stderr());
    nothing_failed(load).await?;
    assert_eq!(shop.ask().await?.1, "1");
    assert_eq!(shop.sandbox.remaining().len(), 2, "{:?}", shop.sandbox.remaining());
    Ok(())
}

#[tokio::test]
async fn a_stopped_supervisor_that_is_not_the_arbiter_blocks_nobody() -> Outcome {
    let sandbox = Sandbox::new()?;
    let mut arbiter = sandbox.deploy(["sleep", "600"]).start()?;
    arbiter.says("started").await?;
    let mut shop = Shop::open_at(sandbox, free_address()).await?;
    shop.serving.says("up after").await?;
    let load = shop.load().await?;
    let (old, _) = shop.ask().await?;
    shop.serving.signal(Signal::STOP);
    let mut new = shop.deploy(2).start()?;
    new.says("up after").await?;
    ended(old).await?;
    assert_eq!(shop.ask().await?.1, "2");
    shop.serving.signal(Signal::CONT);
    assert_eq!(shop.serving.exit().await?.status, 0, "{}", shop.serving.stderr());
    nothing_failed(load).await?;
    assert_eq!(shop.sandbox.remaining().len(), 4, "{:?}", shop.sandbox.remaining());
    Ok(())
}

#[tokio::test]
async fn while_a_new_supervisor_is_stopped_its_server_takes_over_and_it_reports_that_later() -> Outcome {
    let mut shop = Shop::open().await?;
    shop.serving.says("up after").await?;
    let load = shop.load().await?;
    let gate = shop.sandbox.path().join("gate");
    rustix::fs::mkfifoat(rustix::fs::CWD, &gate, rustix::fs::Mode::RUSR | rustix::fs::Mode::WUSR)?;
    let file = shop.sandbox.programs().example("node/http.js");
    let script = format!("echo begun; read line < '{}'; exec node '{file}'", gate.display());
    let mut new = configured(shop.sandbox.deploy(["sh", "-c", &script]), &shop.address, 2).start()?;
    new.prints("begun").await?;
    new.signal(Signal::STOP);
    std::fs::write(&gate, "go on\n")?;
    new.prints("version 2 serves").await?;
    assert_eq!(shop.serving.exit().await?.status, 0, "{}", shop.serving.stderr());
    new.signal(Signal::CONT);
    new.says("up after").await?;
    nothing_failed(load).await?;
    shop.serving = new;
    assert_eq!(shop.replace(3).await?.status, 0, "the next deploy works");
    assert_eq!(shop.sandbox.remaining().len(), 2, "{:?}", shop.sandbox.remaining());
    Ok(())
}
