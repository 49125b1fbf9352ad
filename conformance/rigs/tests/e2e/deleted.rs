//! The runtime directory, or something in it, is deleted under those who use it.

use std::fs;

use rustix::process::Signal;

use crate::Outcome;
use crate::kills::{left_alone, until_it_drains};
use crate::processes::ended;
use crate::shop::{Shop, answered, nothing_failed};

/// In one step, so that nothing is made anew in it meanwhile.
pub fn delete_directory(shop: &Shop) -> Outcome {
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
async fn a_server_that_drains_when_the_directory_is_deleted_answers_what_it_has_accepted() -> Outcome {
    let shop = left_alone().await?;
    let (old, _) = shop.ask().await?;
    let connection = shop.asking(1).await?;
    let mut killed = shop.deploy(2).start()?;
    killed.says("is draining").await?;
    killed.signal(Signal::KILL);
    killed.exit().await?;
    fs::remove_dir_all(shop.sandbox.runtime_dir())?;
    let mut next = shop.sandbox.deploy(["sleep", "600"]).start()?;
    next.says("started").await?;
    until_it_drains(&shop, old).await?;
    assert!(answered(connection).await?.contains("Version: 1"));
    ended(old).await?;
    Ok(())
}

#[tokio::test]
async fn after_the_directory_was_deleted_status_and_a_failed_deploy_name_the_server() -> Outcome {
    let shop = left_alone().await?;
    let (old, _) = shop.ask().await?;
    fs::remove_dir_all(shop.sandbox.runtime_dir())?;
    let mut status = shop.sandbox.serverswap(["status", &shop.address.to_string()]).start()?;
    assert_eq!(status.exit().await?.status, 0, "{}", status.stdout());
    assert!(status.stdout().contains(&old.to_string()), "{}", status.stdout());
    assert!(!shop.sandbox.runtime_dir().exists());
    let mut failed = shop.sandbox.serverswap(["sh", "-c", "exit 3"]).start()?;
    assert_eq!(failed.exit().await?.status, 3, "{}", failed.stderr());
    let serves = format!("pid {old} still serves {}", shop.address);
    assert!(failed.stderr().contains(&serves), "{}", failed.stderr());
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
