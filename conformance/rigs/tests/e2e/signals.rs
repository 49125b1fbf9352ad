//! Signals to the supervisor and to its server.

use rustix::process::Signal;
use serverswap_conformance::sandbox::{LIMIT, Sandbox, free_address};
use serverswap_load::ask;

use crate::Outcome;
use crate::shop::{Shop, configured};

#[tokio::test]
async fn term_to_the_supervisor_takes_the_server_down_in_order() -> Outcome {
    let mut shop = Shop::open().await?;
    shop.serving.signal(Signal::TERM);
    let exit = shop.serving.exit().await?;
    assert_eq!(exit.status, 0, "{}", shop.serving.stderr());
    assert!(shop.sandbox.remaining().is_empty(), "{:?}", shop.sandbox.remaining());
    Ok(())
}

#[tokio::test]
async fn hup_changes_nothing() -> Outcome {
    let mut shop = Shop::open().await?;
    shop.serving.signal(Signal::HUP);
    shop.serving.says("HUP").await?;
    assert_eq!(shop.ask().await?.1, "1");
    Ok(())
}

#[tokio::test]
async fn a_second_term_ends_a_server_that_drains_for_too_long() -> Outcome {
    let (sandbox, address) = (Sandbox::new()?, free_address());
    let command = sandbox.deploy(["node".to_owned(), sandbox.programs().fixture("never-done.js")]);
    let mut command = configured(command, &address, 1).start()?;
    command.prints("version 1 serves").await?;
    command.signal(Signal::TERM);
    command.prints("version 1 was told to let go").await?;
    command.signal(Signal::TERM);
    assert_eq!(command.exit().await?.status, 0, "{}", command.stderr());
    assert!(sandbox.remaining().is_empty());
    Ok(())
}

#[tokio::test]
async fn a_server_without_a_takedown_handler_is_ended_when_its_address_is_taken() -> Outcome {
    let (sandbox, address) = (Sandbox::new()?, free_address());
    let deploy = |version| {
        let command = sandbox.deploy(["node".to_owned(), sandbox.programs().fixture("no-handler.js")]);
        configured(command, &address, version)
    };
    let mut first = deploy(1).start()?;
    first.prints("version 1 serves").await?;
    let mut second = deploy(2).start()?;
    second.prints("version 2 serves").await?;
    assert_eq!(first.exit().await?.status, 0, "{}", first.stderr());
    let target = (&address).try_into()?;
    assert_eq!(ask(&target, LIMIT).await?.version.as_deref(), Some("2"));
    Ok(())
}

#[tokio::test]
async fn term_to_a_leaving_serverswap_before_the_server_is_up_ends_the_new_server_only() -> Outcome {
    let shop = Shop::open().await?;
    let mut deploy = shop.sandbox.serverswap(["sh", "-c", "echo begun; sleep 600"]).start()?;
    deploy.prints("begun").await?;
    deploy.signal(Signal::TERM);
    assert_eq!(deploy.exit().await?.status, 128 + 15, "{}", deploy.stderr());
    assert_eq!(shop.ask().await?.1, "1");
    assert_eq!(shop.sandbox.remaining().len(), 2, "{:?}", shop.sandbox.remaining());
    Ok(())
}
