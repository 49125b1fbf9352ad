//! The supervisor as PID 1, as in a container.

use std::time::Instant;

use rustix::process::Signal;
use serverswap_conformance::sandbox::{LIMIT, Sandbox, free_address};

use crate::Outcome;
use crate::processes::{signal, stat};
use crate::shop::configured;

#[tokio::test]
async fn as_pid_1_it_reaps_what_others_leave_behind_and_exits_right() -> Outcome {
    if !rustix::process::getuid().is_root() {
        println!("skipped: only root can make a pid namespace");
        return Ok(());
    }
    let (sandbox, address) = (Sandbox::new()?, free_address());
    // The subshell ends first: what it started becomes a child of PID 1.
    let script = format!(
        "(sh -c 'sleep 600 & echo the orphan is $!' &); exec node {}",
        sandbox.programs().example("node/http.js")
    );
    let deploy = sandbox.programs().serverswap_deploy.display().to_string();
    let options = ["--pid", "--fork", "--mount-proc", "--kill-child"].map(str::to_owned);
    let command = options.into_iter().chain([deploy, "sh".to_owned(), "-c".to_owned(), script]);
    let mut unshare =
        configured(sandbox.command(std::path::Path::new("unshare"), command), &address, 1).start()?;
    unshare.prints("version 1 serves").await?;
    unshare.says("up after").await?;
    let init = children(unshare.pid())?.into_iter().next().ok_or("unshare has forked")?;
    let began = Instant::now();
    while children(init)?.into_iter().any(is_zombie) {
        assert!(began.elapsed() < LIMIT, "{:?}", children(init)?);
        tokio::task::yield_now().await;
    }
    signal(init, Signal::TERM)?;
    assert_eq!(unshare.exit().await?.status, 0, "{}", unshare.stderr());
    assert!(sandbox.remaining().is_empty(), "{:?}", sandbox.remaining());
    Ok(())
}

fn children(pid: u32) -> Result<Vec<u32>, Box<dyn std::error::Error>> {
    let text = std::fs::read_to_string(format!("/proc/{pid}/task/{pid}/children"))?;
    Ok(text.split_whitespace().map(str::parse).collect::<Result<_, _>>()?)
}

fn is_zombie(pid: u32) -> bool {
    stat(pid).is_ok_and(|fields| fields[0] == "Z")
}
