//! `supervisor`: the cases of the role supervisor against a command, and the hidden `fake-server` that
//! the command starts, and `silent-server`, which that one starts.

use std::path::PathBuf;

use clap::Args;
use serverswap_conformance::config::Config;
use serverswap_conformance::report::Role;
use serverswap_conformance::runner;
use serverswap_conformance::runner::Budget;
use serverswap_conformance::supervisor::{self, SupervisorCommand, SupervisorSettings};

use super::cases::{Cases, Chosen, known};
use super::output::{Output, remember};
use serverswap_conformance::exit::{Ended, Found};

/// What is run.
#[derive(Debug, Args)]
pub(super) struct SupervisorArgs {
    #[command(flatten)]
    cases: Cases,
    /// Multiply every limit of a wait; the usual one is 5 s.
    #[arg(long, value_name = "N", value_parser = super::subject::factor)]
    slow: Option<f64>,
    #[command(flatten)]
    output: Output,
    /// The supervisor's command; the command of the server is appended.
    #[arg(last = true, required = true, value_name = "COMMAND")]
    command: Vec<String>,
}

/// A server that hands its connection to the suite.
#[derive(Debug, Args)]
pub(super) struct FakeServerArgs {
    control: PathBuf,
}

pub(super) fn supervisor(run: SupervisorArgs) -> Ended {
    let catalogue = run.cases.catalogue()?;
    let known = known(&catalogue, Role::Supervisor, &[runner::WIRE_VALID]);
    let Chosen { selection, lists, scope, pinned } =
        run.cases.choose(&catalogue, &Config::default(), &known)?;
    let command = SupervisorCommand { words: run.command, fake_server: std::env::current_exe()? };
    let settings = SupervisorSettings { budget: run.slow.map_or_else(Budget::default, Budget::Times) };
    let report = run.cases.repeat(pinned, |_| supervisor::run(&catalogue, &selection, &command, settings))?;
    let judgement = lists.judge(&report, scope);
    remember(&report, &judgement);
    run.output.put(&report, &judgement)
}

pub(super) fn silent_server() -> Ended {
    supervisor::silent_server()?;
    Ok(Found::Good)
}

pub(super) fn fake_server(server: &FakeServerArgs) -> Ended {
    supervisor::fake_server(&server.control)?;
    Ok(Found::Good)
}
