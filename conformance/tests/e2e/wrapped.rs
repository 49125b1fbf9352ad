//! A server behind a wrapper, as `npm start` is one: the whole group is swapped.

use serverswap_conformance::world::{Invocation, World, free_address};
use serverswap_protocol::Address;

use crate::Outcome;
use crate::shop::{Shop, configured, nothing_failed};

fn wrapped(world: &World, address: &Address, version: u32) -> Invocation {
    let script = format!("sleep 600 & node {}; true", world.programs().example("node/http.js"));
    configured(world.deploy(["sh".to_owned(), "-c".to_owned(), script]), address, version)
}

#[tokio::test]
async fn a_shell_around_the_server_and_its_other_children_end_with_it() -> Outcome {
    let (world, address) = (World::new()?, free_address());
    let mut serving = wrapped(&world, &address, 1).start()?;
    serving.prints("version 1 serves").await?;
    let mut shop = Shop { world, address, serving };
    let load = shop.load().await?;
    for version in 2..=3 {
        let mut new = wrapped(&shop.world, &shop.address, version).start()?;
        new.prints(&format!("version {version} serves")).await?;
        assert_eq!(shop.serving.exit().await?.status, 0, "{}", shop.serving.stderr());
        shop.serving = new;
    }
    nothing_failed(load).await?;
    assert_eq!(shop.world.remaining().len(), 4, "{:?}", shop.world.remaining());
    Ok(())
}
