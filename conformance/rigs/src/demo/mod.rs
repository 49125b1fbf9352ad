//! `serverswap-rigs demo`: a server under load, five deploys, one of them broken.
//!
//! It deliberately uses nothing but what a user types: the two commands and a server, an example of this
//! repository if no other is given.
//! Every wait is for an event, and everything that was started is ended with it.

mod deploy;
mod report;
mod servers;

use std::time::{Duration, Instant};

use serverswap_protocol::Address;

use serverswap_conformance::sandbox::{LIMIT, Sandbox, SandboxError, free_address};
use serverswap_conformance::style::{BOLD, DIM, paint};
use serverswap_conformance::swap_report::{self, Model, ReportFileError, Zero, read_lifecycles};
use serverswap_load::{Load, LoadError, Phase, Plan, Slot, Tally, Target};

use deploy::{Deploy, Version};
use servers::{ServerCommand, Servers};

/// Deploys after the first start, and which of them is broken.
const DEPLOYS: u32 = 5;
const BROKEN: u32 = 4;

/// Good answers between two deploys.
const ANSWERS_BETWEEN: u64 = 3_000;

/// The name of the page in the folder of `--report`.
const PAGE: &str = "demo.html";

/// Why a demo could not be given to its end.
#[derive(Debug, thiserror::Error)]
pub enum DemoError {
    /// A program did not do what it should.
    #[error(transparent)]
    Sandbox(#[from] SandboxError),
    /// The server did not answer as it should.
    #[error(transparent)]
    Load(#[from] LoadError),
    /// There is no place for the page.
    #[error(transparent)]
    Report(#[from] ReportFileError),
}

/// What a demo shows.
#[derive(Debug, Clone, Default, clap::Args)]
pub struct Demo {
    #[command(flatten)]
    servers: Servers,
    #[command(flatten)]
    shown: swap_report::Shown,
}

/// What a demo has shown.
#[derive(Debug)]
pub(crate) struct Shown {
    deploys: Vec<Deploy>,
    tally: Tally,
    /// The command lines of processes that were left behind.
    remaining: Vec<String>,
    /// What happened when.
    model: Option<Model>,
}

/// Gives the demo and prints it.
///
/// # Errors
/// If it cannot go on; everything that it started is ended then, too.
pub async fn run(demo: &Demo) -> Result<Verdict, DemoError> {
    let Demo { servers, shown: showing } = demo;
    let file = showing.prepare(PAGE)?;
    let sandbox = Sandbox::new()?;
    let (good, broken) = (servers.good(sandbox.programs()), servers.broken(sandbox.programs()));
    let address = free_address();
    introduce(&good, &address);
    let mut deploys = Vec::new();
    let began = Instant::now();
    let mut serving = Version::start(&sandbox, &address, 1, &good)?;
    serving.is_up().await?;
    serving.show();
    let zero = Zero::now();
    let plan = Plan { timeline_since: Some(zero.at), ..Plan::new(target(&address), clients()) };
    let mut load = Load::start(plan)?;
    load.more_answers(ANSWERS_BETWEEN, LIMIT).await?;
    for number in 2..=DEPLOYS + 1 {
        load.enter(Phase::Swap);
        let deploy = if number == BROKEN {
            deploy::broken(&sandbox, &address, number, &broken, &mut serving).await?
        } else {
            let new = Version::start(&sandbox, &address, number, &good)?;
            let (deploy, new) = deploy::good(new, serving, &mut load).await?;
            serving = new;
            deploy
        };
        load.enter(Phase::Between);
        deploys.push(deploy);
        load.more_answers(ANSWERS_BETWEEN, LIMIT).await?;
    }
    let tally = load.stop();
    serving.stop().await?;
    let remaining = sandbox.remaining().into_iter().map(|process| process.command).collect();
    let generations = read_lifecycles(&sandbox.recording(), zero, zero.at - began);
    let model = tally.timeline.as_ref().map(|timeline| Model::new(timeline, &generations));
    let shown = Shown { deploys, tally, remaining, model };
    let overview = report::overview(&shown, &good, &address);
    showing.blocks(&overview);
    report::print(&shown);
    if let Some(file) = file {
        file.put(&overview);
    }
    Ok(shown.verdict())
}

/// Whether all went as it should.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Verdict {
    /// Nothing failed.
    Good,
    /// Something did; the report says what.
    Bad,
}

impl Shown {
    fn verdict(&self) -> Verdict {
        let deploys = self.deploys.iter().all(|deploy| deploy.as_it_should_be());
        let good = deploys && self.tally.failed() == 0 && self.remaining.is_empty();
        if good { Verdict::Good } else { Verdict::Bad }
    }
}

/// Clients that press, one that connects and is slow to speak, one that often is idle.
fn clients() -> Vec<Slot> {
    let mut slots = [[Slot::NEW; 4], [Slot::KEPT; 4]].concat();
    slots.push(Slot::NEW.pausing(Duration::from_millis(20)));
    slots.push(Slot::KEPT.pausing(Duration::from_millis(20)));
    slots
}

fn target(address: &Address) -> Target {
    Target::try_from(address).expect("a free address is on the loopback")
}

fn introduce(server: &ServerCommand, address: &Address) {
    anstream::println!("{}", paint(BOLD, "serverswap demo"));
    anstream::println!("  server   {} at {address}", server.typed);
    anstream::println!(
        "  load     10 clients, no pause: 4 open a connection for every request, 4 keep theirs,"
    );
    anstream::println!("           1 opens one and is slow to speak, 1 keeps one and is often idle");
    anstream::println!(
        "  deploys  {DEPLOYS}, and number {} is broken on purpose {}",
        BROKEN - 1,
        paint(DIM, "(it exits before it is ready)")
    );
}
