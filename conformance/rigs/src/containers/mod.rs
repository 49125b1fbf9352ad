//! `containers`: what `packaging/container/compose.yaml` says, done without an engine, under load.
//!
//! The holder runs in a root with nothing in it but the static command, each version of the app in namespaces of its own with
//! a network in which there is nothing. The versions replace each other; once the holder is killed, the version that
//! serves is asked on, and the next holder swaps it.

mod engine;

use std::path::PathBuf;
use std::time::Duration;

use rustix::process::Signal;
use serverswap_conformance::sandbox::{Exit, LIMIT, Sandbox, SandboxError, free_address};
use serverswap_conformance::style::{BAD, BOLD, GOOD, number, paint};
use serverswap_load::{Load, LoadError, Phase, Plan, Slot, Tally, Target};

use engine::{Container, Engine};

/// How many versions follow the first one.
const SWAPS: u32 = 6;

/// Before this one the holder is killed.
const AFTER_THE_KILL: u32 = 4;

/// What is played.
#[derive(Debug, Clone)]
pub struct Containers {
    /// The static command.
    pub program: PathBuf,
    /// How many requests are answered at least.
    pub requests: u64,
}

/// What was seen.
#[derive(Debug)]
pub struct Seen {
    /// How large the command is, in bytes.
    pub size: u64,
    /// Everything about the requests.
    pub tally: Tally,
    /// What is not as it must be, but for the requests.
    pub wrong: Vec<String>,
}

/// Why it could not be played.
#[derive(Debug, thiserror::Error)]
pub enum ContainersError {
    /// A program is missing or does not do what it should.
    #[error(transparent)]
    Sandbox(#[from] SandboxError),
    /// The load could not be run.
    #[error(transparent)]
    Load(#[from] LoadError),
    /// The roots and mounts of containers cannot be made.
    #[error("cannot make a container")]
    Io(#[from] std::io::Error),
}

impl Seen {
    /// Whether no request is lost and everything is as it must be.
    pub fn is_good(&self) -> bool {
        self.tally.failed() == 0 && self.wrong.is_empty()
    }
}

/// Plays it.
///
/// # Errors
/// [`ContainersError`] if it could not be played; a lost request is no error.
pub async fn run(containers: &Containers) -> Result<Seen, ContainersError> {
    let sandbox = Sandbox::new()?;
    let address = free_address();
    let engine = Engine::new(&sandbox, &containers.program, &address)?;
    let mut wrong = Vec::new();
    let mut holder = engine.hold().await?;
    let mut serving = engine.app(1)?;
    serving.command.says("up after").await?;
    let target = Target::try_from(&address).expect("a free address is on the loopback");
    let mut load = Load::start(Plan { request_timeout: LIMIT, ..Plan::new(target, clients()) })?;
    let share = containers.requests / u64::from(SWAPS + 1);
    load.more_answers(share, LIMIT).await?;
    for version in 2..=SWAPS + 1 {
        load.enter(Phase::Swap);
        let mut new = if version == AFTER_THE_KILL {
            holder.command.signal(Signal::KILL);
            holder.command.exit().await?;
            let mut new = engine.app(version)?;
            new.command.says("waiting for an arbiter").await?;
            load.more_answers(share / 4, LIMIT).await?;
            holder = engine.hold().await?;
            new
        } else {
            engine.app(version)?
        };
        new.command.says("up after").await?;
        let old = std::mem::replace(&mut serving, new);
        wrong.extend(ended(&format!("version {}", version - 1), old).await?);
        load.enter(Phase::Between);
        load.more_answers(share, LIMIT).await?;
    }
    let tally = load.stop();
    for (name, container) in [("the last version", serving), ("the holder", holder)] {
        container.stop()?;
        wrong.extend(ended(name, container).await?);
    }
    Ok(Seen { size: containers.program.metadata()?.len(), tally, wrong })
}

/// A container that has ended otherwise than with status 0.
async fn ended(name: &str, mut container: Container) -> Result<Option<String>, SandboxError> {
    let Exit { status, .. } = container.command.exit().await?;
    let said = container.command.stderr();
    Ok((status != 0).then(|| format!("the container of {name} has ended with {status}: {said}")))
}

/// Those of the demo, but for fewer that press.
fn clients() -> Vec<Slot> {
    let mut slots = [[Slot::NEW; 2], [Slot::KEPT; 2]].concat();
    slots.extend([Slot::NEW, Slot::KEPT].map(|slot| slot.pausing(Duration::from_millis(20))));
    slots
}

/// Prints what was seen.
pub fn print(seen: &Seen) {
    let Seen { size, tally, wrong } = seen;
    anstream::println!("{}", paint(BOLD, "serverswap containers"));
    anstream::println!("  command  {} KiB, static, alone in its root", number(size / 1024));
    anstream::println!(
        "  swaps    {SWAPS} between containers without a network; the holder was killed before one"
    );
    for (failure, count) in tally.failed_by_kind() {
        anstream::println!("    {} {failure}", number(count));
    }
    for line in wrong.iter().flat_map(|wrong| wrong.lines()) {
        anstream::println!("    {line}");
    }
    let (mark, style) = if seen.is_good() { ("✓", GOOD) } else { ("✗", BAD) };
    let (total, failed) = (tally.ok() + tally.failed(), tally.failed());
    anstream::println!("{} {} requests, {} failed", paint(style, mark), number(total), number(failed));
}
