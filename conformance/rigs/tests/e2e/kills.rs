//! `kill -9` of any one process under load: the address stays served, and the next deploy works.

use std::time::Duration;

use rustix::process::Signal;
use serverswap_conformance::sandbox::{Invocation, Sandbox, free_address};
use serverswap_load::Load;

use crate::Outcome;
use crate::deleted::delete_directory;
use crate::processes::{ended, signal};
use crate::shop::{Shop, answered, configured, nothing_failed};

/// Two more deploys under the same load, and one server and its supervisor at the end.
async fn the_next_deploys_lose_nothing(shop: &mut Shop, load: Load) -> Outcome {
    let mut next = shop.deploy(8).start()?;
    next.prints("version 8 serves").await?;
    next.says("up after").await?;
    let (eighth, _) = shop.ask().await?;
    let mut last = shop.deploy(9).start()?;
    last.prints("version 9 serves").await?;
    assert_eq!(next.exit().await?.status, 0, "{}", next.stderr());
    ended(eighth).await?;
    nothing_failed(load).await?;
    assert_eq!(shop.ask().await?.1, "9");
    shop.serving = last;
    Ok(())
}

/// Only the last server and its supervisor live.
fn nothing_is_left(shop: &Shop) {
    assert_eq!(shop.sandbox.remaining().len(), 2, "{:?}", shop.sandbox.remaining());
}

fn leave(shop: &Shop, version: u32) -> Invocation {
    let file = shop.sandbox.programs().example("node/http.js");
    configured(shop.sandbox.serverswap([file]), &shop.address, version)
}

#[tokio::test]
async fn the_arbiter_that_stays() -> Outcome {
    let mut shop = Shop::open().await?;
    let load = shop.load().await?;
    let (server, _) = shop.ask().await?;
    shop.serving.signal(Signal::KILL);
    shop.serving.exit().await?;
    the_next_deploys_lose_nothing(&mut shop, load).await?;
    ended(server).await?;
    nothing_is_left(&shop);
    Ok(())
}

#[tokio::test]
async fn an_arbiter_that_would_leave_before_its_server_is_ready() -> Outcome {
    let mut shop = left_alone().await?;
    let load = shop.load().await?;
    let mut killed = shop.sandbox.serverswap(["sh", "-c", "echo begun; exec sleep 600"]).start()?;
    killed.prints("begun").await?;
    killed.signal(Signal::KILL);
    killed.exit().await?;
    // Nobody is left who could end what it had started: that is said openly.
    // It may not have become `sleep` yet.
    let is_orphan = |command: &str| command.ends_with("sleep 600") && !command.contains("serverswap");
    let orphan = shop.sandbox.remaining().into_iter().find(|one| is_orphan(&one.command));
    signal(orphan.ok_or("it lives on")?.pid, Signal::KILL)?;
    the_next_deploys_lose_nothing(&mut shop, load).await?;
    nothing_is_left(&shop);
    Ok(())
}

/// Version 1 serves and its command has left.
pub async fn left_alone() -> Result<Shop, Box<dyn std::error::Error>> {
    left_alone_in(Sandbox::new()?).await
}

/// The same in a sandbox of one's choice.
pub async fn left_alone_in(sandbox: Sandbox) -> Result<Shop, Box<dyn std::error::Error>> {
    let address = free_address();
    let file = sandbox.programs().example("node/http.js");
    let mut serving = configured(sandbox.serverswap([file]), &address, 1).start()?;
    assert_eq!(serving.exit().await?.status, 0, "{}", serving.stderr());
    Ok(Shop { sandbox, address, serving })
}

#[tokio::test]
async fn an_arbiter_that_would_leave_while_the_old_server_drains() -> Outcome {
    let mut shop = left_alone().await?;
    let (old, _) = shop.ask().await?;
    let silent = silent(&shop).await?;
    let load = shop.load().await?;
    let mut killed = leave(&shop, 2).start()?;
    killed.prints("version 2 serves").await?;
    killed.says("is draining").await?;
    killed.signal(Signal::KILL);
    killed.exit().await?;
    the_next_deploys_lose_nothing(&mut shop, load).await?;
    drop(silent);
    ended(old).await?;
    nothing_is_left(&shop);
    Ok(())
}

/// A connection that says nothing: the server that accepts it waits for its request. A later
/// one was answered, so this one has been accepted by then.
pub async fn silent(shop: &Shop) -> Result<std::net::TcpStream, Box<dyn std::error::Error>> {
    let connection = match shop.target() {
        serverswap_load::Target::Tcp(address) => std::net::TcpStream::connect(address)?,
        other => return Err(format!("{other} is no TCP address").into()),
    };
    shop.ask().await?;
    Ok(connection)
}

#[tokio::test]
async fn a_deploy_that_waits_for_a_drain_when_the_arbiter_and_the_state_are_lost() -> Outcome {
    let sandbox = Sandbox::new()?;
    let mut arbiter = sandbox.deploy(["sleep", "600"]).start()?;
    arbiter.says("started").await?;
    let mut shop = left_alone_in(sandbox).await?;
    let (old, _) = shop.ask().await?;
    let connection = shop.asking(1).await?;
    let mut second = leave(&shop, 2).start()?;
    second.says("is draining").await?;
    arbiter.signal(Signal::KILL);
    delete_directory(&shop)?;
    until_it_drains(&shop, old).await?;
    assert!(!second.stderr().contains("done"), "{}", second.stderr());
    assert!(answered(connection).await?.contains("Version: 1"));
    assert_eq!(second.exit().await?.status, 0, "{}", second.stderr());
    ended(old).await?;
    shop.replace(3).await?;
    Ok(())
}

/// Asks until the state says that a server drains.
pub async fn until_it_drains(shop: &Shop, pid: u32) -> Outcome {
    loop {
        let mut status = shop.sandbox.serverswap(["status", "--json"]).start()?;
        status.exit().await?;
        if status.stdout().contains(&format!(r#""draining":[{{"pid":{pid}"#)) {
            return Ok(());
        }
    }
}

#[tokio::test]
async fn a_supervisor_that_is_not_the_arbiter() -> Outcome {
    let sandbox = Sandbox::new()?;
    let mut arbiter = sandbox.deploy(["sleep", "600"]).start()?;
    arbiter.says("started").await?;
    let mut shop = Shop::open_at(sandbox, free_address()).await?;
    let load = shop.load().await?;
    shop.serving.signal(Signal::KILL);
    shop.serving.exit().await?;
    the_next_deploys_lose_nothing(&mut shop, load).await?;
    arbiter.signal(Signal::TERM);
    arbiter.exit().await?;
    nothing_is_left(&shop);
    Ok(())
}

#[tokio::test]
async fn an_old_server_in_mid_drain() -> Outcome {
    let mut shop = Shop::open().await?;
    let (old, _) = shop.ask().await?;
    let _silent = silent(&shop).await?;
    // Accepted before the next one, which is answered.
    shop.ask().await?;
    let mut second = shop.deploy(2).start()?;
    second.prints("version 2 serves").await?;
    shop.serving.says("newer generation").await?;
    let load = shop.load().await?;
    signal(old, Signal::KILL)?;
    // It was replaced, whatever became of it afterwards.
    assert_eq!(shop.serving.exit().await?.status, 0, "{}", shop.serving.stderr());
    the_next_deploys_lose_nothing(&mut shop, load).await?;
    assert_eq!(second.exit().await?.status, 0);
    nothing_is_left(&shop);
    Ok(())
}

/// A new server that prints its pid and hangs; its supervisor is killed, and another one is the arbiter.
async fn abandoned(shop: &Shop, ready_timeout: &str) -> Result<u32, Box<dyn std::error::Error>> {
    let hangs = ["--ready-timeout", ready_timeout, "sh", "-c", "echo hangs as $$; exec sleep 600"];
    let mut killed = shop.sandbox.serverswap(hangs).start()?;
    let line = killed.prints("hangs as").await?;
    killed.signal(Signal::KILL);
    killed.exit().await?;
    Ok(line.rsplit(' ').next().unwrap_or_default().parse()?)
}

#[tokio::test]
async fn a_new_server_whose_supervisor_is_killed_is_shown_and_ended_at_its_ready_timeout() -> Outcome {
    let mut shop = Shop::open().await?;
    shop.serving.says("up after").await?;
    let pid = abandoned(&shop, "1h").await?;
    let mut status = shop.sandbox.serverswap(["status"]).start()?;
    status.exit().await?;
    assert!(status.stdout().contains(&pid.to_string()), "{}", status.stdout());
    ended(abandoned(&shop, "1s").await?).await?;
    assert!(shop.sandbox.remaining().iter().any(|one| one.pid == pid), "it may take an hour");
    shop.replace(2).await?;
    Ok(())
}

#[tokio::test]
async fn a_new_server_before_it_is_ready() -> Outcome {
    let mut shop = Shop::open().await?;
    let load = shop.load().await?;
    let mut killed = shop.sandbox.deploy(["sh", "-c", "echo begun; kill -9 $$"]).start()?;
    assert_eq!(killed.exit().await?.status, 128 + 9, "{}", killed.stderr());
    the_next_deploys_lose_nothing(&mut shop, load).await?;
    nothing_is_left(&shop);
    Ok(())
}

#[tokio::test]
async fn a_new_server_once_it_serves_loses_nothing_that_it_had_not_accepted() -> Outcome {
    let (sandbox, address) = (Sandbox::new()?, free_address());
    let deploy = |version| {
        let file = sandbox.programs().example("node/http.js");
        let command =
            sandbox.deploy(["--restart".to_owned(), "on-failure".to_owned(), "node".to_owned(), file]);
        configured(command, &address, version)
    };
    let mut first = deploy(1).start()?;
    first.prints("version 1 serves").await?;
    let mut second = deploy(2).start()?;
    second.prints("version 2 serves").await?;
    assert_eq!(first.exit().await?.status, 0, "{}", first.stderr());
    let target = (&address).try_into()?;
    let probe = serverswap_load::Probe::start(target, Duration::from_secs(60))?;
    second.says("up after").await?;
    let shop = Shop { sandbox: Sandbox::new()?, address: address.clone(), serving: first };
    signal(shop.ask().await?.0, Signal::KILL)?;
    second.prints("version 2 serves").await?;
    assert_eq!(shop.ask().await?.1, "2");
    assert_eq!(probe.stop().first, None, "connections waited in the backlog");
    assert_eq!(sandbox.remaining().len(), 2, "{:?}", sandbox.remaining());
    Ok(())
}
