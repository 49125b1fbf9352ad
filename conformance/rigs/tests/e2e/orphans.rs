//! Orphans that do not come back when their connection has ended: those of a foreign client never, a busy
//! one late.

use rustix::process::Signal;
use serverswap_conformance::sandbox::{Invocation, Sandbox, free_address};
use tokio::io::AsyncWriteExt;

use crate::Outcome;
use crate::processes::ended;
use crate::shop::{Shop, answered, configured, nothing_failed};

fn minimal(sandbox: &Sandbox, address: &serverswap_protocol::Address) -> Invocation {
    let file = sandbox.programs().fixture("minimal.py");
    configured(sandbox.deploy(["python3".to_owned(), file]), address, 1)
}

/// Version 1 is the minimal client, and its supervisor is killed.
pub async fn orphaned(sandbox: Sandbox) -> Result<(Shop, u32), Box<dyn std::error::Error>> {
    let address = free_address();
    let mut serving = minimal(&sandbox, &address).start()?;
    serving.prints("version 1 serves").await?;
    serving.says("up after").await?;
    serving.signal(Signal::KILL);
    serving.exit().await?;
    let shop = Shop { sandbox, address, serving };
    let (pid, version) = shop.ask().await?;
    assert_eq!(version, "1", "it serves on");
    Ok((shop, pid))
}

/// A deploy over the orphan: its listener is taken with `pidfd_getfd`, and nothing is lost.
pub async fn is_replaced(mut shop: Shop, orphan: u32, stay: usize) -> Outcome {
    let load = shop.load().await?;
    let mut new = shop.deploy(2).start()?;
    new.prints("version 2 serves").await?;
    new.says("up after").await?;
    ended(orphan).await?;
    nothing_failed(load).await?;
    assert_eq!(shop.ask().await?.1, "2");
    assert_eq!(shop.sandbox.remaining().len(), stay, "{:?}", shop.sandbox.remaining());
    shop.serving = new;
    Ok(())
}

#[tokio::test]
async fn a_server_that_does_not_come_back_is_replaced_without_a_gap() -> Outcome {
    let (shop, orphan) = orphaned(Sandbox::new()?).await?;
    is_replaced(shop, orphan, 2).await
}

#[tokio::test]
async fn a_server_that_does_not_come_back_is_known_to_the_arbiter_that_takes_over() -> Outcome {
    let sandbox = Sandbox::new()?;
    let address = free_address();
    let mut first = minimal(&sandbox, &address).start()?;
    first.says("up after").await?;
    let mut next = sandbox.deploy(["sleep", "600"]).start()?;
    next.says("started").await?;
    first.signal(Signal::KILL);
    first.exit().await?;
    let shop = Shop { sandbox, address, serving: first };
    let (orphan, _) = shop.ask().await?;
    is_replaced(shop, orphan, 4).await
}

#[tokio::test]
async fn a_server_that_is_busy_when_it_is_replaced_drains_once_it_is_back() -> Outcome {
    let (sandbox, address) = (Sandbox::new()?, free_address());
    let command = sandbox.serverswap(["node".to_owned(), sandbox.programs().fixture("blocks.js")]);
    let mut serving = configured(command, &address, 1).start()?;
    assert_eq!(serving.exit().await?.status, 0, "{}", serving.stderr());
    let shop = Shop { sandbox, address, serving };
    let (old, _) = shop.ask().await?;
    let connection = shop.asking(1).await?;
    let mut blocking = shop.asking(1).await?;
    blocking.write_all(b"Connection: close\r\nBlock: 6000\r\n").await?;
    answered(blocking).await?;
    let mut new = shop.deploy(2).start()?;
    new.prints("version 2 serves").await?;
    assert!(answered(connection).await?.contains("Version: 1"));
    ended(old).await?;
    assert!(!new.stderr().contains("TERM"), "{}", new.stderr());
    Ok(())
}
