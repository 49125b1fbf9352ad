//! The driver under test and what is said about it: the command line, or `conformance.toml`.

use std::ffi::OsString;
use std::num::NonZeroUsize;
use std::path::{Path, PathBuf};

use clap::Args;
use serverswap_conformance::client::{ClientSettings, DriverCommand};
use serverswap_conformance::config::{Config, ConfigError, FILE_NAME, is_factor};
use serverswap_conformance::runner::Budget;

/// A driver, and how cases are run against it.
#[derive(Debug, Args)]
pub(super) struct DriverArgs {
    /// The configuration of the driver [default: conformance.toml in this folder, if there is one].
    #[arg(long, value_name = "FILE")]
    config: Option<PathBuf>,
    /// Multiply every limit of a wait; the usual one is 5 s.
    #[arg(long, value_name = "N", value_parser = factor)]
    slow: Option<f64>,
    /// How many cases run at once [default: one per core].
    #[arg(long, value_name = "N")]
    jobs: Option<NonZeroUsize>,
    /// The driver and its arguments [default: `command` of conformance.toml].
    #[arg(last = true, value_name = "DRIVER")]
    command: Vec<OsString>,
}

/// Nobody said what is to be tested.
#[derive(Debug, thiserror::Error)]
#[error(
    "no driver is named; write it behind `--`, as in `run -- ./driver` (`run -- DRIVER`), or as `command = [\"./driver\"]` in {FILE_NAME}"
)]
struct NoDriver;

/// A number that limits can be multiplied by.
pub(super) fn factor(text: &str) -> Result<f64, String> {
    let number: f64 = text.parse().map_err(|_| "it is no number".to_owned())?;
    if is_factor(number) { Ok(number) } else { Err("it has to be above 0".to_owned()) }
}

impl DriverArgs {
    /// What the file says; nothing if there is none.
    pub(super) fn config(&self) -> Result<Config, ConfigError> {
        match &self.config {
            Some(file) => Config::read(file),
            None if Path::new(FILE_NAME).exists() => Config::read(Path::new(FILE_NAME)),
            None => Ok(Config::default()),
        }
    }

    /// The driver: what the command line says comes first.
    pub(super) fn command(&self, config: &Config) -> Result<DriverCommand, Box<dyn std::error::Error>> {
        if let Some(command) = DriverCommand::new(self.command.iter().cloned()) {
            return Ok(command);
        }
        let words = config.command.iter().flatten();
        let command = DriverCommand::new(words).ok_or(NoDriver)?;
        Ok(DriverCommand { directory: Some(config.folder.clone()), ..command })
    }

    /// How the cases are run.
    pub(super) fn settings(&self, config: &Config) -> ClientSettings {
        let usual = ClientSettings::default();
        let budget = self.slow.or(config.slow).map_or(usual.budget, Budget::Times);
        ClientSettings { jobs: self.jobs.unwrap_or(usual.jobs), budget, ..usual }
    }
}
