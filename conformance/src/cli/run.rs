//! `run`: the cases up to a level against a driver.

use std::hash::{BuildHasher, Hasher, RandomState};

use clap::Args;
use serverswap_conformance::client::{self, ClientSettings, SuiteError};
use serverswap_conformance::config::Known;
use serverswap_conformance::report::Role;
use serverswap_conformance::runner;
use serverswap_conformance::scenario::Catalogue;

use super::cases::{Cases, Chosen, known, with_checks_of_every_case};
use super::output::{Output, remember};
use super::subject::DriverArgs;
use serverswap_conformance::exit::Ended;

/// The checks that every case has beside its own.
const CHECKS_OF_EVERY_CASE: [&str; 2] = [runner::WIRE_VALID, client::CLEAN_EXIT];

/// What is run.
#[derive(Debug, Args)]
pub(super) struct Run {
    #[command(flatten)]
    cases: Cases,
    /// Begin the cases in a different order each time.
    #[arg(long)]
    shuffle: bool,
    /// The seed of the order: the same seed gives the same order.
    #[arg(long, value_name = "S")]
    seed: Option<u64>,
    #[command(flatten)]
    output: Output,
    #[command(flatten)]
    subject: DriverArgs,
}

/// Nothing of what is selected is within the level.
#[derive(Debug, thiserror::Error)]
#[error("every selected case is above the level that is claimed; `--level 3` runs it all the same")]
struct AboveLevel;

pub(super) fn run(run: Run) -> Ended {
    let config = run.subject.config()?;
    let catalogue = run.cases.catalogue()?;
    let Chosen { selection, lists, scope, pinned } =
        run.cases.choose(&catalogue, &config, &run.known(&catalogue))?;
    let command = run.subject.command(&config)?;
    let settings = run.subject.settings(&config);
    let seed = run.seed();
    let report = run.cases.repeat(pinned, |number| {
        let seed = seed.map(|seed| seed.wrapping_add(u64::from(number)));
        client::run(&catalogue, &selection, &command, &ClientSettings { seed, ..settings.clone() })
    });
    let report = report.map_err(in_words)?;
    let judgement = lists.judge(&report, scope);
    remember(&report, &judgement);
    run.output.put(&report, &judgement)
}

impl Run {
    fn known(&self, catalogue: &Catalogue) -> Vec<Known> {
        let vectors = if self.cases.with_vectors() { client::known_vectors() } else { Vec::new() };
        let vectors = with_checks_of_every_case(vectors, &CHECKS_OF_EVERY_CASE);
        [vectors, known(catalogue, Role::Client, &CHECKS_OF_EVERY_CASE)].concat()
    }

    fn seed(&self) -> Option<u64> {
        let random = || RandomState::new().build_hasher().finish() % 1_000_000;
        let seed = self.seed.or_else(|| self.shuffle.then(random))?;
        anstream::eprintln!("order: --seed {seed}");
        Some(seed)
    }
}

fn in_words(error: SuiteError) -> Box<dyn std::error::Error> {
    if matches!(error, SuiteError::NoCase(_)) { AboveLevel.into() } else { error.into() }
}
