//! `load`: clients of a server until stdin is closed, for a measurement in a shell.

use std::collections::BTreeMap;
use std::io;
use std::time::Duration;

use clap::Args;
use serde::Serialize;
use serverswap_conformance::exit::{Ended, Found};
use serverswap_load::{Load, Phase, Plan, Slot, Tally, Target};
use serverswap_protocol::Address;

/// Of new connections and of kept ones, as many.
const CLIENTS: usize = 6;

/// What a server does is not measured, only whether it answers.
const PACE: Duration = Duration::from_millis(2);

/// A client that waits in a backlog while a server is started again is patient.
const PATIENCE: Duration = Duration::from_secs(60);

/// Where.
#[derive(Debug, Args)]
pub(super) struct LoadArgs {
    /// For example `127.0.0.1:8080`.
    address: Address,
}

/// One line of JSON.
#[derive(Debug, Serialize)]
struct Seen {
    requests: u64,
    /// By kind.
    failed: BTreeMap<String, u64>,
    /// The versions that answered, each with how many answers.
    versions: BTreeMap<String, u64>,
    longest_gap_ms: u128,
}

pub(super) async fn load(load: LoadArgs) -> Ended {
    let slots = [Slot::NEW, Slot::KEPT].map(|slot| slot.paced(PACE)).repeat(CLIENTS);
    let target = Target::try_from(&load.address)?;
    let running = Load::start(Plan { request_timeout: PATIENCE, ..Plan::new(target, slots) })?;
    running.enter(Phase::Swap);
    tokio::task::spawn_blocking(|| io::copy(&mut io::stdin(), &mut io::sink())).await??;
    anstream::println!("{}", serde_json::to_string(&Seen::of(&running.stop()))?);
    Ok(Found::Good)
}

impl Seen {
    fn of(tally: &Tally) -> Self {
        let mut versions = BTreeMap::new();
        for answerer in &tally.answerers {
            *versions.entry(answerer.version.clone().unwrap_or_default()).or_default() += answerer.answers;
        }
        let failed = tally.failed_by_kind().into_iter();
        Seen {
            requests: tally.ok(),
            failed: failed.map(|(failure, count)| (failure.words().to_owned(), count)).collect(),
            versions,
            longest_gap_ms: tally.swap.longest_gap.max(tally.between.longest_gap).as_millis(),
        }
    }
}
