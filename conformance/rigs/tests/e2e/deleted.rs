//! The runtime directory, or something in it, is deleted under those who use it.

use std::fs;

use rustix::process::Signal;

use crate::Outcome;
use crate::processes::ended;
use crate::shop::{Shop, nothing_failed};

/// In one step, so that nothing is made anew in it meanwhile.
fn delete_directory(shop: &Shop) -> Outcome {
    let aside = shop.sandbox.path().join("deleted");
    fs::rename(shop.sandbox.runtime_dir(), &aside)?;
    Ok(fs::remove_dir_all(aside)?)
}

/// Two deploys lose nothing, and only the last one is left.
async fn deploys_work(shop: &mut Shop) -> Outcome {
    let load = shop.load().await?;
    for version in 2..=3 {
        assert_eq!(shop.replace(version).await?.status, 0);
    }
    nothing_failed(load).await?;
    assert_eq!(shop.ask().await?.1, "3");
    Ok(())
}

#[tokio::test]
async fn after_the_directory_was_deleted_the_next_deploy_works() -> Outcome {
    let mut shop = Shop::open().await?;
    shop.serving.says("up after").await?;
    let load = shop.load().await?;
    let (old, _) = shop.ask().await?;
    shop.serving.signal(Signal::KILL);
    shop.serving.exit().await?;
    fs::remove_dir_all(shop.sandbox.runtime_dir())?;
    let mut new = shop.deploy(2).start()?;
    new.prints("version 2 serves").await?;
    ended(old).await?;
    nothing_failed(load).await?;
    assert_eq!(shop.ask().await?.1, "2");
    Ok(())
}

#[tokio::test]
async fn a_living_arbiter_makes_its_directory_anew() -> Outcome {
    let mut shop = Shop::open().await?;
    shop.serving.says("up after").await?;
    delete_directory(&shop)?;
    shop.serving.says("it was recreated").await?;
    deploys_work(&mut shop).await?;
    assert_eq!(shop.sandbox.remaining().len(), 2, "{:?}", shop.sandbox.remaining());
    Ok(())
}

#[tokio::test]
async fn whatever_is_deleted_in_the_runtime_directory_is_made_again() -> Outcome {
    let mut shop = Shop::open().await?;
    shop.serving.says("up after").await?;
    for name in ["serverswap.sock", "lock", "state.json"] {
        fs::remove_file(shop.sandbox.runtime_dir().join(name))?;
    }
    shop.serving.says("it was recreated").await?;
    deploys_work(&mut shop).await?;
    assert_eq!(shop.sandbox.remaining().len(), 2, "{:?}", shop.sandbox.remaining());
    Ok(())
}

#[tokio::test]
async fn where_another_arbiter_was_faster_its_decisions_count() -> Outcome {
    let mut shop = Shop::open().await?;
    shop.serving.says("up after").await?;
    shop.serving.signal(Signal::STOP);
    delete_directory(&shop)?;
    let mut faster = shop.sandbox.deploy(["sleep", "600"]).start()?;
    faster.says("started").await?;
    shop.serving.signal(Signal::CONT);
    shop.serving.says("another arbiter owns it now").await?;
    deploys_work(&mut shop).await?;
    assert_eq!(shop.sandbox.remaining().len(), 4, "{:?}", shop.sandbox.remaining());
    Ok(())
}
