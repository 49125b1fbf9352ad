//! Deploys that succeed: nothing is lost, and nothing is left behind.

use std::time::Duration;

use serverswap_conformance::sandbox::{LIMIT, Sandbox, free_address};
use serverswap_load::{Probe, Target};
use tokio::task::JoinSet;
use tokio::time::{Instant, interval};

use crate::Outcome;
use crate::processes::descriptors;
use crate::shop::{Shop, configured, load_on, nothing_failed};

/// How long an arbiter may take to close what it had of those that have ended.
const CLOSED_WITHIN: Duration = Duration::from_secs(30);

/// How often it is looked at what is open.
const PACE: Duration = Duration::from_millis(20);

/// The exit status of a deploy that lost to a newer one.
const SUPERSEDED: i32 = 120;

#[tokio::test]
async fn the_first_start_serves() -> Outcome {
    let shop = Shop::open().await?;
    assert_eq!(shop.ask().await?.1, "1");
    Ok(())
}

#[tokio::test]
async fn a_deploy_replaces_the_server_and_its_command_exits_with_0() -> Outcome {
    let mut shop = Shop::open().await?;
    let old = shop.replace(2).await?;
    assert_eq!((old.status, shop.ask().await?.1.as_str()), (0, "2"));
    assert_eq!(
        shop.sandbox.remaining().len(),
        2,
        "one supervisor and one server: {:?}",
        shop.sandbox.remaining()
    );
    Ok(())
}

#[tokio::test]
async fn five_deploys_under_load_lose_no_request_and_refuse_no_connection() -> Outcome {
    let mut shop = Shop::open().await?;
    let probe = Probe::start(shop.target(), 2 * LIMIT)?;
    let load = shop.load().await?;
    for version in 2..=6 {
        assert_eq!(shop.replace(version).await?.status, 0);
    }
    let tally = nothing_failed(load).await?;
    let versions: Vec<_> = tally.answerers.iter().filter_map(|one| one.version.as_deref()).collect();
    assert!(versions.ends_with(&["6"]), "{versions:?}");
    assert_eq!(probe.stop().first, None);
    Ok(())
}

#[tokio::test]
async fn two_addresses_of_one_server_are_swapped_each_on_its_own_and_lose_nothing() -> Outcome {
    let sandbox = Sandbox::new()?;
    let (shop, office) = (free_address(), free_address());
    let deploy = |version| {
        let command = sandbox.deploy(["node".to_owned(), sandbox.programs().example("node/staggered.js")]);
        configured(command, &shop, version).env("ADMIN_ADDRESS", office.to_string())
    };
    let mut first = deploy(1).start()?;
    first.prints(&format!("version 1 serves {office}")).await?;
    let loads = [load_on(Target::try_from(&shop)?).await?, load_on(Target::try_from(&office)?).await?];
    let mut second = deploy(2).start()?;
    second.prints(&format!("version 2 serves {office}")).await?;
    assert_eq!(first.exit().await?.status, 0);
    for load in loads {
        nothing_failed(load).await?;
    }
    Ok(())
}

#[tokio::test]
async fn of_eight_deploys_at_the_same_moment_one_serves_and_every_other_command_ends() -> Outcome {
    let mut shop = Shop::open().await?;
    let load = shop.load().await?;
    let mut deploys = JoinSet::new();
    for version in 2..=9 {
        let mut deploy = shop.deploy(version).start()?;
        deploys.spawn(async move { deploy.exit().await.map(|exit| (version, exit.status)) });
    }
    shop.serving.exit().await?;
    let mut ended = Vec::new();
    while ended.len() < 7 {
        ended.push(deploys.join_next().await.ok_or("eight were started")???);
    }
    nothing_failed(load).await?;
    let (_, serves) = shop.ask().await?;
    assert!(
        ended.iter().all(|(version, _)| version.to_string() != serves),
        "{serves} serves; ended: {ended:?}"
    );
    assert!(ended.iter().all(|(_, status)| [0, SUPERSEDED].contains(status)), "{ended:?}");
    Ok(())
}

/// How many rounds of commands that leave: `SERVERSWAP_ROUNDS`, or a few.
fn rounds() -> u32 {
    std::env::var("SERVERSWAP_ROUNDS").ok().and_then(|rounds| rounds.parse().ok()).unwrap_or(3)
}

#[tokio::test]
async fn of_eight_commands_that_leave_at_the_same_moment_every_one_is_done_replaced_or_superseded() -> Outcome
{
    for probation in ["0", "200ms"] {
        let (sandbox, address) = (Sandbox::new()?, free_address());
        let file = sandbox.programs().example("node/http.js");
        for round in 1..=rounds() {
            let mut deploys = JoinSet::new();
            for version in 1..=8 {
                let words = ["--probation", probation, &file].map(str::to_owned);
                let mut deploy = configured(sandbox.serverswap(words), &address, version).start()?;
                deploys.spawn(async move {
                    deploy.exit().await.map(|exit| (exit.status, deploy.stderr().to_owned()))
                });
            }
            let ended = deploys.join_all().await.into_iter().collect::<Result<Vec<_>, _>>()?;
            let wrong: Vec<_> =
                ended.iter().filter(|(status, _)| ![0, SUPERSEDED].contains(status)).collect();
            assert!(wrong.is_empty(), "round {round}: {wrong:#?}, of {ended:#?}");
            assert!(ended.iter().any(|(status, _)| *status == 0), "round {round}: {ended:#?}");
            let target = (&address).try_into()?;
            serverswap_load::ask(&target, LIMIT).await?;
        }
    }
    Ok(())
}

#[tokio::test]
async fn of_ten_deploys_no_descriptor_is_left_in_an_arbiter_that_stays() -> Outcome {
    let (sandbox, other) = (Sandbox::new()?, free_address());
    let arbiter = sandbox.deploy(["node".to_owned(), sandbox.programs().example("node/http.js")]);
    let mut arbiter = configured(arbiter, &other, 1).start()?;
    arbiter.says("up after").await?;
    let mut shop = Shop::open_at(sandbox, free_address()).await?;
    shop.replace(2).await?;
    let before = descriptors(arbiter.pid())?;
    for version in 3..=10 {
        shop.replace(version).await?;
    }
    // Nothing tells when the arbiter has closed what it had of the last one.
    let (give_up_at, mut pace) = (Instant::now() + CLOSED_WITHIN, interval(PACE));
    while descriptors(arbiter.pid())? > before {
        pace.tick().await;
        assert!(Instant::now() < give_up_at, "{before} before, now {}", descriptors(arbiter.pid())?);
    }
    Ok(())
}
