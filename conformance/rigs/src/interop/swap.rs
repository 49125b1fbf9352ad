//! One cell of the table: one driver serves, another one takes over under load.

use std::collections::BTreeMap;
use std::io;
use std::path::Path;
use std::time::Duration;

use serverswap_protocol::Address;

use super::driven_server::{Able, DrivenServer};
use super::drivers::Driver;
use serverswap_conformance::contract::Socket;
use serverswap_conformance::recording;
use serverswap_conformance::sandbox::{LIMIT, Sandbox, SandboxError, free_address};
use serverswap_load::{Failure, Load, LoadError, Phase, Plan, Slot, Target};

/// Good answers before and after the swap.
const ANSWERS: u64 = 200;

/// Lines shown of each standard error when a swap was not made.
const LINES_SHOWN: usize = 8;

/// One cell and its outcome.
#[derive(Debug)]
pub struct Swap {
    /// The driver that served first.
    pub old: String,
    /// The driver that took over.
    pub new: String,
    /// Its outcome.
    pub outcome: SwapOutcome,
}

/// The outcome of a swap.
#[derive(Debug)]
pub enum SwapOutcome {
    /// It was made.
    Swapped {
        /// Whether the address was handed over without a gap.
        handover: Handover,
        /// Requests with a good answer.
        requests: u64,
        /// The others, but for those that the gap of an exclusive address explains.
        failed: BTreeMap<Failure, u64>,
        /// The longest time without an answer.
        longest_gap: Duration,
        /// The exit status of the command that was replaced.
        old_status: i32,
        /// The exit status of the one that replaced it; its server ended by itself at last.
        new_status: i32,
        /// What the recording of the swap has against a side, or against the arbiter's decisions.
        complaints: Vec<String>,
    },
    /// One of the two cannot be a server.
    Unable,
    /// It was not made.
    Failed {
        /// Why.
        why: String,
    },
}

/// How the address of a cell changes hands.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Handover {
    /// Both inherit it: there is no moment without a listener.
    Inherited,
    /// One of the two binds it itself: the old one closes its listener before the new one opens its own, and
    /// a client that connects in between is refused.
    Exclusive,
}

impl Handover {
    fn between(old: Socket, new: Socket) -> Self {
        if (old, new) == (Socket::Inherit, Socket::Inherit) { Self::Inherited } else { Self::Exclusive }
    }

    /// Whether a request during the swap may fail like this. Connections that wait in the backlog of a
    /// listener are reset when it is closed.
    fn explains(self, failure: Failure) -> bool {
        let gap = [Failure::Refused, Failure::ResetOnConnect, Failure::ResetAfterSent];
        self == Self::Exclusive && gap.contains(&failure)
    }
}

/// Why a swap was not made; it is about the drivers or the supervisor.
#[derive(Debug, thiserror::Error)]
pub(super) enum SwapError {
    #[error("the {who} driver said nothing for 20 s; awaited: {awaited}")]
    Silent { who: &'static str, awaited: String },
    #[error("the {who} driver ended; awaited: {awaited}")]
    Ended { who: &'static str, awaited: String },
    #[error("the {who} driver breaks the contract: {why}")]
    Contract { who: &'static str, why: String },
    #[error("the {who} driver refused `{word}`: {why}")]
    Refused { who: &'static str, word: &'static str, why: String },
    #[error("the {who} driver says `{code}`; awaited: {awaited}")]
    Lost { who: &'static str, code: String, awaited: String },
    #[error("the {who} driver was granted the address without a listener")]
    NoListener { who: &'static str },
    #[error("the control socket failed: {0}")]
    Control(#[source] io::Error),
    #[error(transparent)]
    Sandbox(#[from] SandboxError),
    #[error(transparent)]
    Load(#[from] LoadError),
}

impl Swap {
    /// Whether nothing was lost, and both commands ended with 0. A swap that cannot be made by
    /// what the drivers declare is no fault.
    pub fn is_good(&self) -> bool {
        match &self.outcome {
            SwapOutcome::Swapped { requests, failed, old_status, new_status, complaints, .. } => {
                *requests > 0
                    && failed.is_empty()
                    && (*old_status, *new_status) == (0, 0)
                    && complaints.is_empty()
            }
            SwapOutcome::Unable => true,
            SwapOutcome::Failed { .. } => false,
        }
    }

    pub(super) async fn play(relay: &Path, old: &Driver, new: &Driver) -> Result<Swap, SandboxError> {
        let sandbox = Sandbox::new()?;
        let outcome = match play(&sandbox, relay, old, new).await {
            Ok(outcome) => outcome,
            Err(error) => SwapOutcome::Failed { why: format!("{error}{}", last_words(&sandbox)) },
        };
        Ok(Swap { old: old.name.clone(), new: new.name.clone(), outcome })
    }
}

async fn play(sandbox: &Sandbox, relay: &Path, old: &Driver, new: &Driver) -> Result<SwapOutcome, SwapError> {
    let address = free_address();
    let mut first = DrivenServer::start(sandbox, relay, old, "old", &address).await?;
    let Able::By(of_old) = first.connect().await? else { return Ok(SwapOutcome::Unable) };
    first.serve().await?;
    let mut load = press(&address)?;
    load.more_answers(ANSWERS, LIMIT).await?;
    load.enter(Phase::Swap);
    let mut second = DrivenServer::start(sandbox, relay, new, "new", &address).await?;
    let Able::By(of_new) = second.connect().await? else { return Ok(SwapOutcome::Unable) };
    let ((), old_status) = tokio::try_join!(second.serve(), first.let_go())?;
    load.enter(Phase::Between);
    load.more_answers(ANSWERS, LIMIT).await?;
    let mut tally = load.stop();
    let new_status = second.end().await?;
    let handover = Handover::between(of_old, of_new);
    tally.swap.failed.retain(|failure, _| !handover.explains(*failure));
    Ok(SwapOutcome::Swapped {
        handover,
        requests: tally.ok(),
        failed: tally.failed_by_kind(),
        longest_gap: tally.swap.longest_gap.max(tally.between.longest_gap),
        old_status,
        new_status,
        complaints: recording::complaints(&sandbox.recording()),
    })
}

fn press(address: &Address) -> Result<Load, LoadError> {
    let target = Target::try_from(address).expect("a free address is on the loopback");
    let mut slots = vec![Slot::NEW, Slot::NEW, Slot::KEPT];
    slots.push(Slot::NEW.pausing(Duration::from_millis(10)));
    Load::start(Plan::new(target, slots))
}

/// The end of what the commands and the drivers wrote to standard error.
fn last_words(sandbox: &Sandbox) -> String {
    let files = std::fs::read_dir(sandbox.path()).into_iter().flatten().flatten();
    let errors = files.filter(|file| file.path().extension().is_some_and(|ending| ending == "stderr"));
    let texts = errors.filter_map(|file| std::fs::read_to_string(file.path()).ok());
    texts
        .flat_map(|text| {
            text.lines()
                .rev()
                .take(LINES_SHOWN)
                .map(|line| format!("\n    │ {line}"))
                .collect::<Vec<_>>()
                .into_iter()
                .rev()
        })
        .collect()
}
