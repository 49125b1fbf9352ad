//! An arbiter, a deploy, and a server that has too few descriptors.

use std::path::Path;
use std::time::Instant;

use serverswap_conformance::sandbox::{LIMIT, Sandbox, free_address};
use serverswap_protocol::message::FromArbiter;
use serverswap_rigs::wire::Wire;

use crate::Outcome;
use crate::processes::ticks;
use crate::shop::{Shop, configured, nothing_failed};

#[tokio::test]
async fn an_arbiter_out_of_descriptors_does_not_spin_and_recovers() -> Outcome {
    let (sandbox, address) = (Sandbox::new()?, free_address());
    let deploy = sandbox.programs().serverswap_deploy.display().to_string();
    let file = sandbox.programs().example("node/http.js");
    let command = ["--nofile=64:64".to_owned(), deploy, "node".to_owned(), file];
    let command = configured(sandbox.command(Path::new("prlimit"), command), &address, 1);
    let mut serving = command.start()?;
    serving.prints("version 1 serves").await?;
    serving.says("up after").await?;
    let mut shop = Shop { sandbox, address, serving };
    let load = shop.load().await?;
    let socket = shop.sandbox.runtime_dir().join("serverswap.sock");
    let crowd = (0..100).map(|_| Wire::connect(&socket)).collect::<Result<Vec<_>, _>>()?;
    let before = ticks(shop.serving.pid())?;
    for _ in 0..5 {
        let mut refused = shop.deploy(2).start()?;
        let exit = refused.exit().await?;
        let stderr = refused.stderr();
        assert_eq!(exit.status, REFUSED, "{stderr}");
        assert!(stderr.contains("no descriptor left") && stderr.contains("hint: "), "{stderr}");
    }
    let used = ticks(shop.serving.pid())? - before;
    assert!(used < 200, "the arbiter has used {used} ticks for five refusals");
    drop(crowd);
    let began = Instant::now();
    while !is_let_in(&socket)? {
        assert!(began.elapsed() < LIMIT, "the crowd has left, and nobody is let in");
    }
    shop.replace(3).await?;
    nothing_failed(load).await?;
    assert_eq!(shop.ask().await?.1, "3");
    Ok(())
}

/// The exit status of a deploy that is refused by the machine or by the arbiter.
const REFUSED: i32 = 125;

/// Deploys, each with fewer descriptors than it needs but the last ones, of a server that exits with 3.
async fn say_what_is_wrong(sandbox: &Sandbox) -> Outcome {
    let deploy = sandbox.programs().serverswap_deploy.display().to_string();
    let mut last = REFUSED;
    for limit in 4..=48 {
        let command = [format!("--nofile={limit}:{limit}"), deploy.clone()].into_iter();
        let server = ["sh", "-c", "exit 3"].map(str::to_owned);
        let mut refused = sandbox.command(Path::new("prlimit"), command.chain(server)).start()?;
        let exit = refused.exit().await?;
        let stderr = refused.stderr();
        let what_to_do = if exit.status == REFUSED { "`ulimit -n`" } else { "hint: " };
        let is_told = stderr.contains("error: ") && stderr.contains("hint: ") && stderr.contains(what_to_do);
        assert!(is_told && [3, REFUSED].contains(&exit.status), "{limit}: {}:\n{stderr}", exit.status);
        last = exit.status;
    }
    assert_eq!(last, 3, "the last one has enough");
    Ok(())
}

#[tokio::test]
async fn a_deploy_with_however_few_descriptors_says_what_is_wrong_and_touches_nobody() -> Outcome {
    let shop = Shop::open().await?;
    let load = shop.load().await?;
    say_what_is_wrong(&shop.sandbox).await?;
    nothing_failed(load).await?;
    assert_eq!(shop.ask().await?.1, "1");
    assert_eq!(shop.sandbox.remaining().len(), 2, "{:?}", shop.sandbox.remaining());
    Ok(())
}

#[tokio::test]
async fn a_first_start_with_however_few_descriptors_says_what_is_wrong() -> Outcome {
    let sandbox = Sandbox::new()?;
    say_what_is_wrong(&sandbox).await?;
    assert!(sandbox.remaining().is_empty(), "{:?}", sandbox.remaining());
    Ok(())
}

#[tokio::test]
async fn a_new_server_with_however_few_descriptors_fails_and_the_old_one_serves_on() -> Outcome {
    let shop = Shop::open().await?;
    let (old, address) = (shop.ask().await?, shop.address.to_string());
    let mut said = String::new();
    for limit in 8.. {
        let server = [format!("--nofile={limit}:{limit}"), shop.sandbox.programs().built("on-tokio")];
        let command = ["prlimit".to_owned()].into_iter().chain(server).chain([address.clone()]);
        let mut deploy = shop.sandbox.serverswap(command).start()?;
        let exit = deploy.exit().await?;
        if exit.status == 0 {
            break;
        }
        let stderr = deploy.stderr();
        assert!(stderr.contains("error: ") && stderr.contains("hint: "), "{limit}: {stderr}");
        assert_eq!(shop.ask().await?, old, "{limit}: {stderr}");
        said += stderr;
    }
    assert!(said.contains("RLIMIT_NOFILE"), "no listener was lost on its way to a server: {said}");
    Ok(())
}

/// Whether the arbiter greets another client: it may not have seen yet that others have left.
fn is_let_in(socket: &Path) -> Result<bool, Box<dyn std::error::Error>> {
    let first = Wire::connect(socket)?.receive();
    Ok(first.is_ok_and(|received| matches!(received.message, FromArbiter::Greeting(_))))
}
