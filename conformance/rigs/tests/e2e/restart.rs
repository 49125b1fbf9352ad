//! `--restart`: a server that crashes is started again, and nobody is refused meanwhile.

use std::time::Duration;

use rustix::process::Signal;
use serverswap_conformance::sandbox::{LIMIT, Sandbox, free_address};
use serverswap_load::{Probe, Target, ask};

use crate::Outcome;
use crate::processes::signal;
use crate::shop::{Shop, configured};

#[tokio::test]
async fn a_crashed_server_is_started_again_while_its_clients_wait() -> Outcome {
    let (sandbox, address) = (Sandbox::new()?, free_address());
    let target = Target::try_from(&address)?;
    let file = sandbox.programs().example("node/http.js");
    let command = sandbox.deploy(["--restart".to_owned(), "on-failure".to_owned(), "node".to_owned(), file]);
    let mut command = configured(command, &address, 1).start()?;
    command.says("up after").await?;
    let first = ask(&target, LIMIT).await?.pid.ok_or("no pid")?;
    let probe = Probe::start(target.clone(), Duration::from_secs(60))?;
    signal(first, Signal::KILL)?;
    command.prints("version 1 serves").await?;
    let second = ask(&target, LIMIT).await?.pid.ok_or("no pid")?;
    assert_ne!(first, second);
    assert_eq!(probe.stop().first, None, "connections waited in the backlog");
    Ok(())
}

#[tokio::test]
async fn without_restart_a_crash_is_the_exit_status_of_the_supervisor() -> Outcome {
    let mut shop = Shop::open().await?;
    signal(shop.ask().await?.0, Signal::KILL)?;
    assert_eq!(shop.serving.exit().await?.status, 128 + 9, "{}", shop.serving.stderr());
    Ok(())
}
