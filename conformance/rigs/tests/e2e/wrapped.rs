//! A server behind a wrapper, as `npm start` is one: the whole group is swapped.

use serverswap_conformance::sandbox::{Invocation, Sandbox, free_address};
use serverswap_protocol::Address;

use crate::Outcome;
use crate::shop::{Shop, configured, nothing_failed};

fn wrapped(sandbox: &Sandbox, address: &Address, version: u32) -> Invocation {
    let script = format!("sleep 600 & node {}; true", sandbox.programs().example("node/http.js"));
    configured(sandbox.deploy(["sh".to_owned(), "-c".to_owned(), script]), address, version)
}

#[tokio::test]
async fn a_shell_around_the_server_and_its_other_children_end_with_it() -> Outcome {
    let (sandbox, address) = (Sandbox::new()?, free_address());
    let mut serving = wrapped(&sandbox, &address, 1).start()?;
    serving.prints("version 1 serves").await?;
    let mut shop = Shop { sandbox, address, serving };
    let load = shop.load().await?;
    for version in 2..=3 {
        let mut new = wrapped(&shop.sandbox, &shop.address, version).start()?;
        new.prints(&format!("version {version} serves")).await?;
        assert_eq!(shop.serving.exit().await?.status, 0, "{}", shop.serving.stderr());
        shop.serving = new;
    }
    nothing_failed(load).await?;
    assert_eq!(shop.sandbox.remaining().len(), 4, "{:?}", shop.sandbox.remaining());
    Ok(())
}
