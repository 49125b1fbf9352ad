//! The state file and the directory, spoiled.

use std::path::PathBuf;

use rustix::process::Signal;

use crate::Outcome;
use crate::processes::ended;
use crate::shop::{Shop, nothing_failed};

fn in_the_way(shop: &Shop) -> PathBuf {
    shop.world.runtime_dir().join("state.json.new")
}

#[tokio::test]
async fn while_the_state_cannot_be_written_a_deploy_is_refused_and_afterwards_it_works() -> Outcome {
    let mut shop = Shop::open().await?;
    shop.serving.says("up after").await?;
    let load = shop.load().await?;
    std::fs::create_dir(in_the_way(&shop))?;
    let mut refused = shop.deploy(2).start()?;
    let exit = refused.exit().await?;
    let stderr = refused.stderr();
    assert_eq!(exit.status, 125, "{stderr}");
    assert!(stderr.contains("cannot write its state") && stderr.contains("hint: "), "{stderr}");
    std::fs::remove_dir(in_the_way(&shop))?;
    assert_eq!(shop.replace(3).await?.status, 0);
    nothing_failed(load).await?;
    assert_eq!(shop.world.remaining().len(), 2, "{:?}", shop.world.remaining());
    Ok(())
}

/// The only supervisor is killed and the state spoiled; then a deploy.
async fn with_an_orphan_and_a_state_of(text: &str) -> Outcome {
    let mut shop = Shop::open().await?;
    shop.serving.says("up after").await?;
    let load = shop.load().await?;
    let (old, _) = shop.ask().await?;
    shop.serving.signal(Signal::KILL);
    shop.serving.exit().await?;
    std::fs::write(shop.world.runtime_dir().join("state.json"), text)?;
    let mut new = shop.deploy(2).start()?;
    new.prints("version 2 serves").await?;
    ended(old).await?;
    nothing_failed(load).await?;
    assert_eq!(shop.ask().await?.1, "2");
    assert_eq!(shop.world.remaining().len(), 2, "{:?}", shop.world.remaining());
    Ok(())
}

#[tokio::test]
async fn a_state_file_of_garbage_loses_nobody() -> Outcome {
    with_an_orphan_and_a_state_of("not a state").await
}

#[tokio::test]
async fn a_state_file_of_a_later_version_loses_nobody() -> Outcome {
    with_an_orphan_and_a_state_of(r#"{"format": 99}"#).await
}

#[tokio::test]
async fn after_the_directory_was_deleted_the_next_deploy_works() -> Outcome {
    let mut shop = Shop::open().await?;
    shop.serving.says("up after").await?;
    let load = shop.load().await?;
    let (old, _) = shop.ask().await?;
    shop.serving.signal(Signal::KILL);
    shop.serving.exit().await?;
    std::fs::remove_dir_all(shop.world.runtime_dir())?;
    let mut new = shop.deploy(2).start()?;
    new.prints("version 2 serves").await?;
    ended(old).await?;
    nothing_failed(load).await?;
    assert_eq!(shop.ask().await?.1, "2");
    Ok(())
}

#[tokio::test]
async fn a_directory_deleted_under_a_living_arbiter_is_a_clear_error_and_the_old_server_serves_on() -> Outcome
{
    let shop = Shop::open().await?;
    let load = shop.load().await?;
    std::fs::remove_dir_all(shop.world.runtime_dir())?;
    let mut new = shop.deploy(2).start()?;
    let exit = new.exit().await?;
    let stderr = new.stderr();
    assert_ne!(exit.status, 0, "{stderr}");
    assert!(stderr.contains("a server of this directory") && stderr.contains("hint: "), "{stderr}");
    nothing_failed(load).await?;
    assert_eq!(shop.ask().await?.1, "1");
    assert_eq!(shop.world.remaining().len(), 2, "{:?}", shop.world.remaining());
    Ok(())
}
