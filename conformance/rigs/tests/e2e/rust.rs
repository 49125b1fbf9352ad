//! The Rust example on tokio, deployed again and again without a pause.

use serverswap_conformance::sandbox::{Sandbox, free_address};
use serverswap_load::Target;

use crate::Outcome;
use crate::shop::{load_on, nothing_failed};

/// How many; `SERVERSWAP_DEPLOYS` asks for more.
const DEPLOYS: u32 = 40;

#[tokio::test]
async fn forty_deploys_without_a_pause_lose_no_request() -> Outcome {
    let (sandbox, address) = (Sandbox::new()?, free_address());
    let server = sandbox.programs().built("on-tokio");
    let deploy = || sandbox.serverswap([server.clone(), address.to_string()]);
    let mut first = deploy().start()?;
    assert_eq!(first.exit().await?.status, 0, "{}", first.stderr());
    let load = load_on(Target::try_from(&address)?).await?;
    let deploys = std::env::var("SERVERSWAP_DEPLOYS").ok().and_then(|text| text.parse().ok());
    for number in 0..deploys.unwrap_or(DEPLOYS) {
        let mut command = deploy().start()?;
        assert_eq!(command.exit().await?.status, 0, "deploy {number}: {}", command.stderr());
    }
    nothing_failed(load).await?;
    assert_eq!(sandbox.remaining().len(), 1, "{:?}", sandbox.remaining());
    Ok(())
}

#[tokio::test]
async fn kill_9_of_every_second_supervisor_that_stays_loses_no_request() -> Outcome {
    let (sandbox, address) = (Sandbox::new()?, free_address());
    let server = sandbox.programs().built("on-tokio");
    let deploy = || sandbox.deploy([server.clone(), address.to_string()]);
    let mut serving = deploy().start()?;
    serving.says("up after").await?;
    let load = load_on(Target::try_from(&address)?).await?;
    for number in 0..10 {
        if number % 2 == 0 {
            serving.signal(rustix::process::Signal::KILL);
            serving.exit().await?;
        }
        let mut new = deploy().start()?;
        new.says("up after").await?;
        let exit = serving.exit().await?;
        assert!(number % 2 == 0 || exit.status == 0, "deploy {number}: {}", serving.stderr());
        serving = new;
    }
    nothing_failed(load).await?;
    Ok(())
}
