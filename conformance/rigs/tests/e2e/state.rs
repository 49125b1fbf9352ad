//! The state file, spoiled.

use std::fs::OpenOptions;
use std::io::Write;
use std::path::PathBuf;

use rustix::fs::{FileType, Mode};
use rustix::process::Signal;
use serverswap_conformance::sandbox::Sandbox;
use serverswap_protocol::SocketMode;
use serverswap_protocol::message::{FromArbiter, Role};

use crate::Outcome;
use crate::hostile::{claim, welcomed};
use crate::processes::{ended, signal};
use crate::shop::{Shop, configured, nothing_failed};

fn in_the_way(shop: &Shop) -> PathBuf {
    shop.sandbox.runtime_dir().join("state.json.new")
}

#[tokio::test]
async fn while_the_state_cannot_be_written_a_deploy_is_refused_and_afterwards_it_works() -> Outcome {
    let mut shop = Shop::open().await?;
    shop.serving.says("up after").await?;
    let load = shop.load().await?;
    std::fs::create_dir(in_the_way(&shop))?;
    let mut refused = shop.deploy(2).start()?;
    let exit = refused.exit().await?;
    let stderr = refused.stderr();
    assert_eq!(exit.status, 125, "{stderr}");
    assert!(stderr.contains("cannot write its state") && stderr.contains("hint: "), "{stderr}");
    std::fs::remove_dir(in_the_way(&shop))?;
    assert_eq!(shop.replace(3).await?.status, 0);
    nothing_failed(load).await?;
    assert_eq!(shop.sandbox.remaining().len(), 2, "{:?}", shop.sandbox.remaining());
    Ok(())
}

#[tokio::test]
async fn a_claim_that_is_refused_because_the_state_cannot_be_written_is_told_so() -> Outcome {
    let mut shop = Shop::open().await?;
    shop.serving.says("up after").await?;
    let gate = shop.sandbox.path().join("gate");
    rustix::fs::mknodat(rustix::fs::CWD, &gate, FileType::Fifo, Mode::RWXU, 0)?;
    let file = shop.sandbox.programs().example("node/http.js");
    let script = format!("echo begun; read _ < '{}'; exec node {file}", gate.display());
    let mut refused = configured(shop.sandbox.serverswap(["sh", "-c", &script]), &shop.address, 2).start()?;
    refused.prints("begun").await?;
    std::fs::create_dir(in_the_way(&shop))?;
    std::fs::write(gate, "go\n")?;
    refused.exit().await?;
    let stderr = refused.stderr();
    assert!(stderr.contains("the arbiter cannot write its state") && stderr.contains("`df`"), "{stderr}");
    assert_eq!(shop.ask().await?.1, "1");
    Ok(())
}

/// The only supervisor is killed and the state spoiled; then a deploy.
async fn with_an_orphan_and_a_state_of(text: &str) -> Outcome {
    let mut shop = Shop::open().await?;
    shop.serving.says("up after").await?;
    let load = shop.load().await?;
    let (old, _) = shop.ask().await?;
    shop.serving.signal(Signal::KILL);
    shop.serving.exit().await?;
    std::fs::write(shop.sandbox.runtime_dir().join("state.json"), text)?;
    let mut status = shop.sandbox.serverswap(["status", "--json", &shop.address.to_string()]).start()?;
    assert_eq!(status.exit().await?.status, 0, "{}", status.stderr());
    assert!(status.stderr().contains("is not used: "), "{}", status.stderr());
    let listens = format!(r#""listens":["{}"]"#, shop.address);
    assert!(status.stdout().contains(&format!(r#"[{{"pid":{old},"#)), "{}", status.stdout());
    assert!(status.stdout().contains(&listens), "{}", status.stdout());
    let mut new = shop.deploy(2).start()?;
    new.prints("version 2 serves").await?;
    ended(old).await?;
    nothing_failed(load).await?;
    assert_eq!(shop.ask().await?.1, "2");
    assert_eq!(shop.sandbox.remaining().len(), 2, "{:?}", shop.sandbox.remaining());
    Ok(())
}

#[tokio::test]
async fn a_state_file_of_garbage_loses_no_server() -> Outcome {
    with_an_orphan_and_a_state_of("not a state").await
}

#[tokio::test]
async fn a_state_file_of_a_later_version_loses_no_server() -> Outcome {
    with_an_orphan_and_a_state_of(r#"{"format": 99}"#).await
}

#[tokio::test]
async fn a_line_that_was_cut_off_by_the_kill_of_its_writer_is_left_out() -> Outcome {
    let mut shop = Shop::open().await?;
    shop.serving.says("up after").await?;
    let (old, _) = shop.ask().await?;
    shop.serving.signal(Signal::KILL);
    shop.serving.exit().await?;
    let mut state = OpenOptions::new().append(true).open(shop.sandbox.runtime_dir().join("state.json"))?;
    state.write_all(br#"{"addresses":{":80"#)?;
    let load = shop.load().await?;
    let mut new = shop.deploy(2).start()?;
    new.prints("version 2 serves").await?;
    ended(old).await?;
    nothing_failed(load).await?;
    assert!(!new.stderr().contains("is not used"), "{}", new.stderr());
    Ok(())
}

#[tokio::test]
async fn what_was_appended_to_the_state_is_known_after_the_arbiter_was_killed() -> Outcome {
    let mut shop = Shop::open().await?;
    shop.serving.says("up after").await?;
    let mut client = welcomed(&shop.sandbox, Role::Server)?;
    for number in 0..200 {
        let claim = claim(&mut client, &format!("name-{number}"), SocketMode::Bind);
        client.send(&claim, &[])?;
        assert!(matches!(client.receive()?.message, FromArbiter::Granted(_)));
    }
    shop.serving.signal(Signal::KILL);
    shop.serving.exit().await?;
    let state = std::fs::read_to_string(shop.sandbox.runtime_dir().join("state.json"))?;
    assert!(state.lines().count() > 1, "nothing was appended to {state}");
    let mut status = shop.sandbox.serverswap(["status", "--json"]).start()?;
    status.exit().await?;
    let holder = format!(r#""pid":{}"#, std::process::id());
    assert_eq!(status.stdout().matches(&holder).count(), 200, "{}", status.stdout());
    Ok(())
}

#[tokio::test]
async fn a_name_has_one_holder_though_the_state_was_lost_and_the_holder_is_stopped() -> Outcome {
    let sandbox = Sandbox::new()?;
    let deploy = |version: u32| {
        let command = sandbox.deploy(["node".to_owned(), sandbox.programs().fixture("mailer.js")]);
        command.env("VERSION", version.to_string())
    };
    let mut first = deploy(1).start()?;
    first.prints("version 1 holds").await?;
    first.signal(Signal::KILL);
    first.exit().await?;
    let holder = sandbox.remaining().first().ok_or("it lives on")?.pid;
    signal(holder, Signal::STOP)?;
    std::fs::write(sandbox.runtime_dir().join("state.json"), "not a state")?;
    let mut refused = deploy(2).start()?;
    let exit = refused.exit().await?;
    let stderr = refused.stderr();
    assert_ne!(exit.status, 0, "{stderr}");
    assert!(stderr.contains(&format!("pid {holder} was started in this directory")), "{stderr}");
    signal(holder, Signal::CONT)?;
    let mut third = deploy(3).start()?;
    third.prints("version 3 holds").await?;
    ended(holder).await?;
    assert_eq!(sandbox.remaining().len(), 2, "{:?}", sandbox.remaining());
    Ok(())
}
