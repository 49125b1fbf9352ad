//! A container: a pid namespace whose PID 1 is `serverswap-deploy`, and deploys by what `docker exec` does.

use std::path::Path;

use rustix::process::Signal;
use serverswap_conformance::sandbox::{Invocation, Sandbox, Started, free_address};
use serverswap_load::Target;

use crate::Outcome;
use crate::processes::{ended, signal};
use crate::shop::{Shop, configured, load_on, nothing_failed};
use crate::users::is_root;

/// A shop whose first supervisor is PID 1, and the pid of that one outside.
struct Container {
    shop: Shop,
    init: u32,
}

fn run(sandbox: &Sandbox, command: &[String]) -> Invocation {
    isolated(sandbox, &[], command)
}

/// What an engine does for each container, with these options of unshare(1) besides.
pub fn isolated(sandbox: &Sandbox, options: &[&str], command: &[String]) -> Invocation {
    let usual = ["--pid", "--fork", "--kill-child", "--mount-proc"];
    let options = usual.iter().chain(options).map(|option| (*option).to_owned());
    sandbox.command(Path::new("unshare"), options.chain(command.iter().cloned()))
}

fn server(sandbox: &Sandbox, program: &Path) -> [String; 3] {
    [program.display().to_string(), "node".to_owned(), sandbox.programs().example("node/http.js")]
}

impl Container {
    async fn start() -> Result<Container, Box<dyn std::error::Error>> {
        let (sandbox, address) = (Sandbox::new()?, free_address());
        let command = server(&sandbox, &sandbox.programs().serverswap_deploy);
        let mut serving = configured(run(&sandbox, &command), &address, 1).start()?;
        serving.prints("version 1 serves").await?;
        serving.says("up after").await?;
        let is_init = |command: &str| command.contains("serverswap-deploy") && !command.contains("--fork");
        let init = sandbox.remaining().into_iter().find(|one| is_init(&one.command)).ok_or("no PID 1")?.pid;
        Ok(Container { shop: Shop { sandbox, address, serving }, init })
    }

    /// `docker exec`
    fn exec(&self, program: &Path, version: u32) -> Invocation {
        let target = ["--target", &self.init.to_string(), "--pid", "--mount"].map(str::to_owned);
        let words = target.into_iter().chain(server(&self.shop.sandbox, program));
        configured(self.shop.sandbox.command(Path::new("nsenter"), words), &self.shop.address, version)
    }

    async fn deployed(&self, version: u32) -> Result<Started, Box<dyn std::error::Error>> {
        let deploy = self.shop.sandbox.programs().serverswap_deploy.clone();
        let mut new = self.exec(&deploy, version).start()?;
        new.prints(&format!("version {version} serves")).await?;
        new.says("up after").await?;
        Ok(new)
    }
}

#[tokio::test]
async fn a_command_that_leaves_is_no_pid_1() -> Outcome {
    if !is_root() {
        return Ok(());
    }
    let sandbox = Sandbox::new()?;
    let command = server(&sandbox, &sandbox.programs().serverswap);
    let mut container = run(&sandbox, &command).start()?;
    assert_eq!(container.exit().await?.status, 2);
    let stderr = container.stderr();
    assert!(stderr.contains("hint: run `serverswap-deploy node "), "{stderr}");
    Ok(())
}

#[tokio::test]
async fn a_container_lives_on_with_what_was_deployed_in_it_and_stops_it_when_it_is_stopped() -> Outcome {
    if !is_root() {
        return Ok(());
    }
    let mut container = Container::start().await?;
    let load = container.shop.load().await?;
    let mut second = container.deployed(2).await?;
    container.shop.serving.says("goes on").await?;
    let so_far = container.shop.serving.stderr();
    assert!(so_far.contains("replaced: a newer generation serves"), "{so_far}");
    let leaving = container.shop.sandbox.programs().serverswap.clone();
    let mut third = container.exec(&leaving, 3).start()?;
    assert_eq!(third.exit().await?.status, 0, "{}", third.stderr());
    assert_eq!(second.exit().await?.status, 0, "{}", second.stderr());
    nothing_failed(load).await?;
    assert_eq!(container.shop.ask().await?.1, "3");
    signal(container.init, Signal::TERM)?;
    assert_eq!(container.shop.serving.exit().await?.status, 0, "{}", container.shop.serving.stderr());
    assert!(container.shop.sandbox.remaining().is_empty(), "{:?}", container.shop.sandbox.remaining());
    Ok(())
}

#[tokio::test]
async fn a_container_that_is_stopped_lets_the_supervisor_in_it_take_its_server_down() -> Outcome {
    if !is_root() {
        return Ok(());
    }
    let mut container = Container::start().await?;
    let mut second = container.deployed(2).await?;
    container.shop.serving.says("goes on").await?;
    let deploy = container.shop.sandbox.programs().serverswap_deploy.display().to_string();
    // As systemd does: to every process.
    let supervisor = |one: &serverswap_conformance::sandbox::Remaining| {
        one.variable("VERSION").as_deref() == Some("2") && one.command.starts_with(&deploy)
    };
    let remaining = container.shop.sandbox.remaining();
    let supervisor = remaining.iter().find(|one| supervisor(one)).ok_or("no supervisor")?;
    signal(supervisor.pid, Signal::TERM)?;
    signal(container.init, Signal::TERM)?;
    assert_eq!(container.shop.serving.exit().await?.status, 0, "{}", container.shop.serving.stderr());
    assert_eq!(second.exit().await?.status, 0, "{}", second.stderr());
    let (received, at_once) = (second.stderr().matches("received TERM").count(), "sent TERM");
    assert!(received == 1 && !second.stderr().contains(at_once), "{}", second.stderr());
    Ok(())
}

/// As in a sandbox: the arbiter outside sees them, by other numbers than they do.
#[tokio::test]
async fn servers_in_pid_namespaces_of_their_own_are_swapped_by_an_arbiter_outside() -> Outcome {
    if !is_root() {
        return Ok(());
    }
    let (sandbox, address) = (Sandbox::new()?, free_address());
    let server = sandbox.programs().example("node/http.js");
    let deploy = |version| {
        let words = ["unshare", "--pid", "--fork", "--kill-child", "--mount-proc", "node", &server];
        configured(sandbox.deploy(words.map(str::to_owned)), &address, version)
    };
    let mut first = deploy(1).start()?;
    first.prints("version 1 serves").await?;
    let load = load_on(Target::try_from(&address)?).await?;
    let mut second = deploy(2).start()?;
    second.prints("version 2 serves").await?;
    assert_eq!(first.exit().await?.status, 0, "{}", first.stderr());
    assert!(!first.stderr().contains("sent TERM"), "{}", first.stderr());
    nothing_failed(load).await?;
    Ok(())
}

#[tokio::test]
async fn a_container_fails_when_the_last_server_in_it_does() -> Outcome {
    if !is_root() {
        return Ok(());
    }
    let mut container = Container::start().await?;
    let leaving = container.shop.sandbox.programs().serverswap.clone();
    let mut second = container.exec(&leaving, 2).start()?;
    assert_eq!(second.exit().await?.status, 0, "{}", second.stderr());
    container.shop.serving.says("goes on").await?;
    let server = container.shop.sandbox.remaining().into_iter();
    let server = server.filter(|one| one.command.starts_with("node ")).map(|one| one.pid);
    for pid in server {
        signal(pid, Signal::KILL)?;
        ended(pid).await?;
    }
    assert_eq!(container.shop.serving.exit().await?.status, 1, "{}", container.shop.serving.stderr());
    Ok(())
}
