//! What a command says while it waits, and of what it takes over.

use std::time::{Duration, Instant};

use serverswap_conformance::sandbox::{Sandbox, free_address};
use serverswap_protocol::Address;

use crate::Outcome;
use crate::shop::{Shop, configured};

#[tokio::test]
async fn both_commands_say_every_five_seconds_that_a_server_has_drained_and_does_not_end() -> Outcome {
    let (sandbox, address) = (Sandbox::new()?, free_address());
    let deploy = |stay: &[&str], version| {
        let arguments = ["--probation", "0", "--drain-timeout", "12s"].iter().chain(stay);
        let timer = ["node".to_owned(), sandbox.programs().fixture("timer.js")];
        let command = arguments.map(|argument| (*argument).to_owned()).chain(timer);
        configured(sandbox.serverswap(command.collect::<Vec<_>>()), &address, version)
    };
    let mut first = deploy(&["--stay"], 1).start()?;
    first.says("up after").await?;
    let mut second = deploy(&[], 2).start()?;
    for command in [&mut first, &mut second] {
        for _ in 0..2 {
            let line = command.says("still waiting for").await?;
            assert!(line.contains("to exit (0 connections left, the process has not ended, "), "{line}");
        }
    }
    assert_eq!(second.exit().await?.status, 0, "{}", second.stderr());
    assert_eq!(first.exit().await?.status, 0, "{}", first.stderr());
    Ok(())
}

#[tokio::test]
async fn a_server_that_listens_and_claims_nothing_is_told_so_after_a_second() -> Outcome {
    let (sandbox, address) = (Sandbox::new()?, free_address());
    let Address::Tcp(endpoint) = &address else { return Err("a free address is TCP".into()) };
    let (port, host) = (endpoint.port().to_string(), "127.0.0.1".to_owned());
    let server =
        ["python3", "-m", "http.server", "--bind"].map(str::to_owned).into_iter().chain([host, port]);
    let mut deploy = sandbox.serverswap(server).start()?;
    let began = Instant::now();
    let line = deploy.says("listens on").await?;
    assert!(line.contains(&format!("has not called `readyFor('{address}')`")), "{line}");
    // A busy machine starts Python late; what is said without a look is said every five seconds.
    assert!(began.elapsed() < Duration::from_secs(15), "{:?}: {line}", began.elapsed());
    let line = deploy.says("still waiting for").await?;
    assert!(line.contains(&format!("to call `readyFor('{address}')`: it listens there")), "{line}");
    Ok(())
}

#[tokio::test]
async fn a_deploy_over_another_program_is_warned_of_and_one_over_an_older_version_is_not() -> Outcome {
    let mut shop = Shop::open().await?;
    shop.replace(2).await?;
    // What it is cannot be seen of one that has exited.
    let _request = shop.asking(2).await?;
    let other = shop.sandbox.programs().fixture("minimal.py");
    let other =
        shop.sandbox.serverswap(["--probation".to_owned(), "0".to_owned(), "python3".to_owned(), other]);
    let mut other = configured(other, &shop.address, 3).start()?;
    let line = other.says("another program").await?;
    assert!(line.contains("`node http.js`") && line.contains(" minimal.py`"), "{line}");
    assert!(!shop.serving.stderr().contains("another program"), "{}", shop.serving.stderr());
    Ok(())
}
