//! How the deploy of a generation went, for `serverswap reload`, which runs in another process.

use serde::{Deserialize, Serialize};

use super::json::{outcome_json, setup_error_json};
use super::outcome::{RunOutcome, UNABLE};
use super::setup_error::{SetupError, StillTrue};
use super::still_serving::StillServing;
use super::summary::Summary;
use crate::output::OutputTail;

/// One line of JSON.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct DeployResult {
    /// The exit status of a deploy that ends so.
    pub status: u8,
    /// For people.
    pub summary: Summary,
    /// The object of `--json`, with its line feed.
    pub object: String,
}

impl DeployResult {
    /// That of a run which has come so far.
    pub fn of(outcome: &RunOutcome, still_serving: &StillServing, output: &OutputTail) -> DeployResult {
        let summary = Summary::of(outcome, still_serving);
        let object = outcome_json(outcome, still_serving, output, &summary);
        DeployResult { status: outcome.status(), summary, object }
    }

    /// serverswap could not do its part.
    pub fn unable(error: &SetupError, still: StillTrue) -> DeployResult {
        let summary = error.summary(still);
        let object = setup_error_json(error, &summary);
        DeployResult { status: UNABLE, summary, object }
    }

    /// The line, with its line feed.
    pub fn line(&self) -> Vec<u8> {
        let mut line = serde_json::to_vec(self).unwrap_or_default();
        line.push(b'\n');
        line
    }

    /// Reads the line again; `None` if it is not whole.
    pub fn parse(line: &[u8]) -> Option<DeployResult> {
        serde_json::from_slice(line.strip_suffix(b"\n")?).ok()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_line_is_read_as_it_was_written_and_half_a_line_is_none() {
        let result = DeployResult::unable(&SetupError::Stopping { pid: 7 }, StillTrue::NothingStarted);
        let line = result.line();
        assert_eq!(DeployResult::parse(&line), Some(result));
        assert_eq!(DeployResult::parse(&line[..line.len() - 1]), None);
    }
}
