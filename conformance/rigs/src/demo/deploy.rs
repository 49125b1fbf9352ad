//! One deploy of the demo, as a person would do it.

use std::time::Duration;

use rustix::process::Signal;
use serverswap_protocol::Address;

use super::DemoError;
use super::servers::ServerCommand;
use serverswap_conformance::sandbox::{Exit, LIMIT, Sandbox, SandboxError, Started};
use serverswap_conformance::style::{BAD, BOLD, DIM, GOOD, duration, paint};
use serverswap_load::Load;

/// A version that was started, with its supervisor.
pub(super) struct Version {
    number: u32,
    started: Started,
}

/// What became of one deploy.
#[derive(Debug)]
pub(super) struct Deploy {
    /// The version.
    pub(super) number: u32,
    /// How it went.
    pub(super) outcome: DeployOutcome,
}

/// How a deploy went.
#[derive(Debug)]
pub(super) enum DeployOutcome {
    /// The new version took over.
    Swapped {
        /// From the command to the first answer of the new version.
        answers: Duration,
        /// From the command to the end of the old version and of its command.
        old_gone: Duration,
        /// The exit status of the old version's command.
        old_status: i32,
    },
    /// The new version failed, as was meant.
    Refused(Exit),
}

impl Deploy {
    pub(super) fn as_it_should_be(&self) -> bool {
        match &self.outcome {
            DeployOutcome::Swapped { old_status, .. } => *old_status == 0,
            DeployOutcome::Refused(exit) => exit.status != 0,
        }
    }

    /// Says in one line what became of it; `old` is the version that served before.
    fn show(&self, old: u32) {
        let number = self.number;
        let text = match &self.outcome {
            DeployOutcome::Swapped { answers, old_gone, old_status } => format!(
                "version {number} answers after {}; version {old} has exited after {}, its command with status {old_status}",
                duration(*answers),
                duration(*old_gone)
            ),
            DeployOutcome::Refused(exit) => {
                format!("exit status {} after {}; version {old} serves on", exit.status, duration(exit.took))
            }
        };
        let mark = if self.as_it_should_be() { paint(GOOD, "✓") } else { paint(BAD, "✗") };
        anstream::println!("  {mark} {text}");
    }
}

impl Version {
    pub(super) fn start(
        sandbox: &Sandbox,
        address: &Address,
        number: u32,
        server: &ServerCommand,
    ) -> Result<Version, SandboxError> {
        anstream::println!(
            "\n{} {}",
            paint(DIM, format!("VERSION={number}")),
            paint(BOLD, format!("serverswap-deploy {}", server.typed))
        );
        let recorded = ["--trace".to_owned(), sandbox.recording().display().to_string()];
        let command = sandbox.deploy(recorded.into_iter().chain(server.words.iter().cloned()));
        let command = command.env("VERSION", number.to_string()).env("ADDRESS", address.to_string());
        Ok(Version { number, started: command.start()? })
    }

    /// Waits until its command says so.
    pub(super) async fn is_up(&mut self) -> Result<(), SandboxError> {
        self.started.says("up after").await.map(drop)
    }

    /// Prints what its command has said since the last time.
    pub(super) fn show(&mut self) {
        for line in self.started.new_lines() {
            anstream::println!("  {}", paint(DIM, format!("{} │ {line}", self.number)));
        }
    }

    /// Asks it to stop, as a service manager would.
    pub(super) async fn stop(mut self) -> Result<Exit, SandboxError> {
        self.started.signal(Signal::TERM);
        let exit = self.started.exit().await?;
        anstream::println!("\n{}", paint(BOLD, "kill -TERM (the last command)"));
        self.show();
        Ok(exit)
    }
}

/// A good version takes over from the one that serves.
pub(super) async fn good(
    mut new: Version,
    mut old: Version,
    load: &mut Load,
) -> Result<(Deploy, Version), DemoError> {
    let number = new.number;
    let began = new.started.began();
    let first = load.answered_by(&number.to_string(), LIMIT).await?;
    let exit = old.started.exit().await?;
    let (answers, old_gone) = (first - began, began.elapsed());
    let deploy =
        Deploy { number, outcome: DeployOutcome::Swapped { answers, old_gone, old_status: exit.status } };
    new.show();
    old.show();
    deploy.show(old.number);
    Ok((deploy, new))
}

/// A broken version does not; the one that serves goes on.
pub(super) async fn broken(
    sandbox: &Sandbox,
    address: &Address,
    number: u32,
    server: &ServerCommand,
    serving: &mut Version,
) -> Result<Deploy, DemoError> {
    let mut new = Version::start(sandbox, address, number, server)?;
    let deploy = Deploy { number, outcome: DeployOutcome::Refused(new.started.exit().await?) };
    new.show();
    serving.show();
    deploy.show(serving.number);
    Ok(deploy)
}
