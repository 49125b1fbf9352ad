//! No single process is needed to stay alive: the arbiter may be killed at any time.

use rustix::process::Signal;

use crate::Outcome;
use crate::shop::{Shop, nothing_failed};

#[tokio::test]
async fn after_kill_9_of_the_only_supervisor_the_server_serves_on_and_the_next_deploy_works() -> Outcome {
    let mut shop = Shop::open().await?;
    let load = shop.load().await?;
    shop.serving.signal(Signal::KILL);
    shop.serving.exit().await?;
    assert_eq!(shop.ask().await?.1, "1");
    let (old, _) = shop.ask().await?;
    let mut new = shop.deploy(2).start()?;
    new.prints("version 2 serves").await?;
    new.says("has exited").await?;
    nothing_failed(load).await?;
    assert_eq!(shop.ask().await?.1, "2");
    assert!(shop.sandbox.remaining().iter().all(|process| process.pid != old), "the old server has exited");
    Ok(())
}

#[tokio::test]
async fn when_the_arbiter_is_killed_another_supervisor_takes_its_place() -> Outcome {
    let mut shop = Shop::open().await?;
    let mut arbiter = shop.sandbox.deploy(["sleep", "600"]).start()?;
    std::mem::swap(&mut arbiter, &mut shop.serving);
    // `arbiter` is now the command of version 1, which was started first; `serving` is the other.
    let load = shop.load().await?;
    arbiter.signal(Signal::KILL);
    arbiter.exit().await?;
    let mut second = shop.deploy(2).start()?;
    second.prints("version 2 serves").await?;
    second.says("has exited").await?;
    second.signal(Signal::KILL);
    second.exit().await?;
    let mut third = shop.deploy(3).start()?;
    third.prints("version 3 serves").await?;
    third.says("has exited").await?;
    nothing_failed(load).await?;
    assert_eq!(shop.ask().await?.1, "3");
    Ok(())
}
