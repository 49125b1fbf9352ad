//! Deploys that fail: whatever the new server does, the old one serves on and the operator is
//! told so in two lines.

use serverswap_conformance::sandbox::{Exit, Invocation};

use crate::Outcome;
use crate::shop::{Shop, nothing_failed};

/// Deploys something broken over a good version 1 under load.
async fn deploy_over_a_good_one(
    broken: fn(&Shop) -> Invocation,
) -> Result<(Exit, String), Box<dyn std::error::Error>> {
    let shop = Shop::open().await?;
    let load = shop.load().await?;
    let mut command = broken(&shop).start()?;
    let exit = command.exit().await?;
    nothing_failed(load).await?;
    assert_eq!(shop.ask().await?.1, "1", "the old one serves on");
    let remaining = shop.sandbox.remaining();
    assert_eq!(remaining.len(), 2, "nothing of the broken one is left: {remaining:?}");
    Ok((exit, command.stderr().to_owned()))
}

/// The closing two lines: what happened and what is still true, and what to do next.
fn two_lines(stderr: &str) -> Result<(&str, &str), String> {
    let lines: Vec<&str> = stderr.lines().collect();
    match lines.as_slice() {
        [.., error, hint] if error.contains("error: ") && hint.contains("hint: ") => Ok((error, hint)),
        _ => Err(format!("the output does not end with an error and a hint:\n{stderr}")),
    }
}

async fn fails_with(status: i32, words: &str, broken: fn(&Shop) -> Invocation) -> Outcome {
    let (exit, stderr) = deploy_over_a_good_one(broken).await?;
    let (error, _) = two_lines(&stderr)?;
    assert_eq!(exit.status, status, "{stderr}");
    assert!(error.contains(words), "`{words}` is not in: {error}");
    Ok(())
}

#[tokio::test]
async fn a_server_that_exits_before_it_is_up() -> Outcome {
    fails_with(3, "exited with status 3", |shop| shop.sandbox.deploy(["sh", "-c", "exit 3"])).await
}

#[tokio::test]
async fn the_broken_example() -> Outcome {
    fails_with(1, "exited with status 1", |shop| {
        shop.sandbox.deploy(["node".to_owned(), shop.sandbox.programs().example("node/broken.js")])
    })
    .await
}

#[tokio::test]
async fn a_server_that_ends_well_and_claims_nothing() -> Outcome {
    fails_with(122, "exited with status 0", |shop| shop.sandbox.deploy(["true"])).await
}

#[tokio::test]
async fn a_server_that_is_killed_by_a_signal() -> Outcome {
    fails_with(139, "SIGSEGV", |shop| shop.sandbox.deploy(["sh", "-c", "kill -SEGV $$"])).await
}

#[tokio::test]
async fn a_server_that_is_not_up_in_time_is_ended_with_its_children() -> Outcome {
    fails_with(124, "claimed no address within 300 ms", |shop| {
        shop.sandbox.deploy(["--ready-timeout", "300ms", "sh", "-c", "sleep 600 & wait"])
    })
    .await
}

#[tokio::test]
async fn a_server_that_sends_fail() -> Outcome {
    fails_with(121, "the database is older than this version", |shop| {
        shop.sandbox.deploy(["node".to_owned(), shop.sandbox.programs().fixture("fail.js")])
    })
    .await
}

#[tokio::test]
async fn a_command_that_does_not_exist() -> Outcome {
    fails_with(127, "no-such-command", |shop| shop.sandbox.deploy(["no-such-command"])).await
}

#[tokio::test]
async fn a_command_that_is_not_executable() -> Outcome {
    fails_with(126, "server.conf", |shop| {
        let file = shop.sandbox.path().join("server.conf");
        std::fs::write(&file, "port = 8080\n").expect("the sandbox's folder is writable");
        shop.sandbox.deploy([file.display().to_string()])
    })
    .await
}

#[tokio::test]
async fn serverswap_that_leaves_fails_just_the_same() -> Outcome {
    fails_with(3, "exited with status 3", |shop| shop.sandbox.serverswap(["sh", "-c", "exit 3"])).await
}
