//! A command whose own output takes nothing: a full pipe that nobody reads, a stopped terminal.

use std::fs::File;
use std::os::fd::OwnedFd;
use std::path::{Path, PathBuf};

use rustix::fs::{Mode, OFlags};
use rustix::pipe::{fcntl_getpipe_size, fcntl_setpipe_size};
use rustix::termios::{Action, tcflow};
use serverswap_conformance::sandbox::{Invocation, Sandbox, free_address};
use serverswap_protocol::Address;

use crate::Outcome;
use crate::pty::Pty;
use crate::shop::{Shop, configured, nothing_failed};

/// A FIFO that has no room, and the descriptor that reads it.
fn full_pipe(sandbox: &Sandbox) -> Result<(PathBuf, OwnedFd), Box<dyn std::error::Error>> {
    let path = sandbox.path().join("full");
    rustix::fs::mkfifoat(rustix::fs::CWD, &path, Mode::RUSR | Mode::WUSR)?;
    // Opened for both, the FIFO has a reader and a writer at once.
    let pipe = rustix::fs::open(&path, OFlags::RDWR | OFlags::CLOEXEC, Mode::empty())?;
    fcntl_setpipe_size(&pipe, 4096)?;
    rustix::io::write(&pipe, &vec![b'\n'; fcntl_getpipe_size(&pipe)?])?;
    Ok((path, pipe))
}

/// A terminal whose output is stopped, as by Ctrl-S, and its slave.
fn stopped_terminal() -> Result<(Pty, OwnedFd), Box<dyn std::error::Error>> {
    let pty = Pty::open()?;
    let slave = pty.slave()?;
    tcflow(&slave, Action::OOff)?;
    Ok((pty, slave))
}

/// `serverswap-deploy -v` of version 1, whose own stderr is `stderr`.
fn deploy_to(sandbox: &Sandbox, address: &Address, stderr: &Path) -> Invocation {
    let deploy = sandbox.programs().serverswap_deploy.display().to_string();
    let file = sandbox.programs().example("node/http.js");
    let script = format!("exec '{deploy}' --probation 0 -v node '{file}' 2>'{}'", stderr.display());
    configured(sandbox.command(Path::new("sh"), ["-c", &script]), address, 1)
}

/// Deploys, of which the first is the arbiter and cannot write a line.
async fn deploys_go_on(sandbox: Sandbox, stderr: &Path) -> Outcome {
    let address = free_address();
    let mut serving = deploy_to(&sandbox, &address, stderr).start()?;
    serving.prints("version 1 serves").await?;
    let mut shop = Shop { sandbox, address, serving };
    let load = shop.load().await?;
    let mut failed = shop.sandbox.deploy(["sh", "-c", "exit 3"]).start()?;
    assert_eq!(failed.exit().await?.status, 3, "{}", failed.stderr());
    assert_eq!(shop.replace(2).await?.status, 0, "the old command ends, although nobody reads what it wrote");
    assert_eq!(shop.replace(3).await?.status, 0);
    nothing_failed(load).await?;
    assert_eq!(shop.sandbox.remaining().len(), 2, "{:?}", shop.sandbox.remaining());
    Ok(())
}

#[tokio::test]
async fn deploys_go_on_while_nobody_reads_the_stderr_of_the_arbiter() -> Outcome {
    let sandbox = Sandbox::new()?;
    let (path, _pipe) = full_pipe(&sandbox)?;
    deploys_go_on(sandbox, &path).await
}

#[tokio::test]
async fn deploys_go_on_while_the_terminal_of_the_arbiter_is_stopped() -> Outcome {
    let (pty, _slave) = stopped_terminal()?;
    deploys_go_on(Sandbox::new()?, &pty.path).await
}

#[tokio::test]
async fn a_terminal_that_goes_on_shows_what_was_written_while_it_was_stopped() -> Outcome {
    let (sandbox, address) = (Sandbox::new()?, free_address());
    let (Pty { master, path }, slave) = stopped_terminal()?;
    let mut serving = deploy_to(&sandbox, &address, &path).start()?;
    serving.prints("version 1 serves").await?;
    tcflow(&slave, Action::OOn)?;
    let shown = tokio::task::spawn_blocking(move || {
        use std::io::BufRead;
        std::io::BufReader::new(File::from(master))
            .lines()
            .map_while(Result::ok)
            .find(|line| line.contains("up after"))
    });
    let limit = serverswap_conformance::sandbox::LIMIT;
    assert!(tokio::time::timeout(limit, shown).await??.is_some(), "the terminal is open");
    Ok(())
}
