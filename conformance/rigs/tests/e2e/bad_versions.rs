//! A bad new version: what it did, and who serves, is told truly by its command and by `status`.

use rustix::process::Signal;
use serverswap_conformance::sandbox::Invocation;

use crate::Outcome;
use crate::processes::signal;
use crate::shop::{Shop, configured, nothing_failed};

fn fixture(shop: &Shop, options: &[&str], file: &str) -> Invocation {
    let command = options.iter().map(|option| (*option).to_owned());
    let file = shop.sandbox.programs().fixture(file);
    configured(shop.sandbox.deploy(command.chain(["node".to_owned(), file])), &shop.address, 2)
}

/// Crashes the server that answers, by what `crashes.js` waits for.
async fn crash(shop: &Shop) -> Outcome {
    let (pid, _) = shop.ask().await?;
    signal(pid, Signal::USR2)
}

/// The exit status and the words of `serverswap status ADDRESS`.
async fn status(shop: &Shop) -> Result<(i32, String), Box<dyn std::error::Error>> {
    let mut command = shop.sandbox.serverswap(["status", &shop.address.to_string()]).start()?;
    let exit = command.exit().await?;
    Ok((exit.status, command.stdout().to_owned()))
}

#[tokio::test]
async fn a_server_that_is_granted_its_address_and_never_serves_is_ended_and_the_old_one_serves_on() -> Outcome
{
    let shop = Shop::open().await?;
    let (old, _) = shop.ask().await?;
    let load = shop.load().await?;
    let mut bad = fixture(&shop, &["--ready-timeout", "5s"], "never-serves.js").start()?;
    bad.prints("granted").await?;
    let exit = bad.exit().await?;
    let stderr = bad.stderr();
    assert_eq!(exit.status, 124, "{stderr}");
    assert!(stderr.contains("error: ") && stderr.contains("hint: "), "{stderr}");
    nothing_failed(load).await?;
    assert_eq!(shop.ask().await?, (old, "1".to_owned()));
    let (code, text) = status(&shop).await?;
    assert!(code == 0 && text.contains(&old.to_string()), "{code}: {text}");
    assert_eq!(shop.sandbox.remaining().len(), 2, "{:?}", shop.sandbox.remaining());
    Ok(())
}

#[tokio::test]
async fn a_server_that_crashes_soon_after_it_served_is_reported_as_not_served_and_the_next_deploy_works()
-> Outcome {
    let mut shop = Shop::open().await?;
    let mut bad = fixture(&shop, &[], "crashes.js").start()?;
    bad.says("up after").await?;
    assert_eq!(shop.serving.exit().await?.status, 0, "it was replaced");
    crash(&shop).await?;
    let exit = bad.exit().await?;
    let stderr = bad.stderr();
    assert_eq!(exit.status, 7, "{stderr}");
    assert!(stderr.contains("exited with status 7") && stderr.contains("hint: "), "{stderr}");
    let (code, text) = status(&shop).await?;
    assert!(code == 3 && text.contains("not served"), "{code}: {text}");
    let mut good = shop.deploy(3).start()?;
    good.prints("version 3 serves").await?;
    assert_eq!(shop.ask().await?.1, "3");
    shop.serving = good;
    Ok(())
}

#[tokio::test]
async fn a_server_that_crashes_soon_after_it_served_is_started_again_and_nobody_is_refused() -> Outcome {
    let mut shop = Shop::open().await?;
    let probe = serverswap_load::Probe::start(shop.target(), serverswap_conformance::sandbox::LIMIT)?;
    let mut bad = fixture(&shop, &["--restart", "on-failure"], "crashes.js").start()?;
    bad.prints("version 2 serves").await?;
    assert_eq!(shop.serving.exit().await?.status, 0, "it was replaced");
    crash(&shop).await?;
    bad.prints("version 2 serves").await?;
    let mut good = shop.deploy(3).start()?;
    good.prints("version 3 serves").await?;
    assert_eq!(bad.exit().await?.status, 0, "{}", bad.stderr());
    assert_eq!(probe.stop().first, None);
    assert_eq!(shop.ask().await?.1, "3");
    shop.serving = good;
    Ok(())
}
