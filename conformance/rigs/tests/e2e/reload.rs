//! `serverswap reload` and HUP: the next generation of a command that stays, while its process stays.

use std::path::Path;

use rustix::process::Signal;
use serverswap_conformance::sandbox::{Exit, Invocation, LIMIT, Sandbox, free_address};
use serverswap_load::ask;
use serverswap_protocol::Address;

use crate::Outcome;
use crate::processes::signal;
use crate::shop::{Shop, configured, nothing_failed};

/// A server that exits with 7 for as long as there is a file `broken`.
const SCRIPT: &str = "test -e broken && exit 7; exec node \"$0\"";

fn resident(sandbox: &Sandbox, address: &Address) -> Invocation {
    let words = ["sh", "-c", SCRIPT, &sandbox.programs().example("node/http.js")];
    configured(sandbox.deploy(words), address, 1)
}

async fn open() -> Result<Shop, Box<dyn std::error::Error>> {
    let (sandbox, address) = (Sandbox::new()?, free_address());
    let mut serving = resident(&sandbox, &address).start()?;
    serving.prints("version 1 serves").await?;
    serving.says("up after").await?;
    Ok(Shop { sandbox, address, serving })
}

fn reload(shop: &Shop, address: &Address) -> Invocation {
    shop.sandbox.serverswap(["reload".to_owned(), address.to_string()])
}

async fn reloaded(shop: &Shop) -> Result<(Exit, String), Box<dyn std::error::Error>> {
    let mut command = reload(shop, &shop.address).start()?;
    let exit = command.exit().await?;
    Ok((exit, command.stderr().to_owned()))
}

/// From a process from which the resident does not descend.
async fn hang_up(shop: &Shop) -> Outcome {
    let line = format!("kill -HUP {}", shop.serving.pid());
    let mut sender = shop.sandbox.command(Path::new("sh"), ["-c", &line]).start()?;
    assert_eq!(sender.exit().await?.status, 0);
    Ok(())
}

#[tokio::test]
async fn a_reload_swaps_the_server_and_the_process_of_its_command_stays() -> Outcome {
    let mut shop = open().await?;
    let (first, _) = shop.ask().await?;
    let load = shop.load().await?;
    for _ in 0..2 {
        let (exit, stderr) = reloaded(&shop).await?;
        assert!(exit.status == 0 && stderr.contains("done: "), "{stderr}");
    }
    hang_up(&shop).await?;
    // The one that was started first, and two that were reloaded.
    for _ in 0..3 {
        shop.serving.says("replaced: a newer generation serves").await?;
    }
    nothing_failed(load).await?;
    assert_ne!(shop.ask().await?.0, first);
    shop.serving.signal(Signal::TERM);
    assert_eq!(shop.serving.exit().await?.status, 0, "{}", shop.serving.stderr());
    assert!(shop.sandbox.remaining().is_empty(), "{:?}", shop.sandbox.remaining());
    Ok(())
}

#[tokio::test]
async fn a_reload_that_fails_changes_nothing_and_the_next_one_works() -> Outcome {
    let mut shop = open().await?;
    let (first, _) = shop.ask().await?;
    let broken = shop.sandbox.path().join("broken");
    std::fs::write(&broken, "")?;
    let (exit, stderr) = reloaded(&shop).await?;
    assert!(exit.status == 7 && stderr.contains("still"), "{} {stderr}", exit.status);
    assert_eq!(shop.ask().await?.0, first);
    std::fs::remove_file(&broken)?;
    assert_eq!(reloaded(&shop).await?.0.status, 0);
    let (second, _) = shop.ask().await?;
    assert_ne!(second, first);
    signal(second, Signal::KILL)?;
    assert_eq!(shop.serving.exit().await?.status, 128 + 9, "{}", shop.serving.stderr());
    Ok(())
}

#[tokio::test]
async fn of_several_reloads_at_once_the_newest_serves_also_where_the_arbiter_is_another_command() -> Outcome {
    let shop = open().await?;
    let other = free_address();
    let mut second = resident(&shop.sandbox, &other).start()?;
    second.says("up after").await?;
    let mut commands = Vec::new();
    for _ in 0..3 {
        commands.push(reload(&shop, &other).start()?);
    }
    let mut done = 0;
    for mut command in commands {
        let exit = command.exit().await?;
        assert!([0, 120].contains(&exit.status), "{} {}", exit.status, command.stderr());
        done += u32::from(exit.status == 0);
    }
    assert!(done > 0, "the newest one is done");
    assert_eq!(ask(&(&other).try_into()?, LIMIT).await?.version.as_deref(), Some("1"));
    let nobody = reload(&shop, &free_address()).start()?.exit().await?;
    assert_eq!(nobody.status, 125);
    second.signal(Signal::TERM);
    assert_eq!(second.exit().await?.status, 0, "{}", second.stderr());
    assert_eq!(shop.ask().await?.1, "1");
    Ok(())
}
