//! The report as JSON, for other programs: the report itself and what it amounts to.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::{Judgement, Report, Scope, Standing, Verdict};

/// Raised when a reader of an older report would misread a newer one.
const FORMAT: u32 = 1;

/// What `report.json` holds.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct Published {
    /// Of this form: 1.
    pub format: u32,
    /// What the run amounts to.
    pub summary: Summary,
    /// What the run has found out.
    #[serde(flatten)]
    pub report: Report,
}

/// What a run amounts to, and which cases are why.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct Summary {
    /// The exit status in words: 0, 0, 1, 2.
    pub verdict: Verdict,
    /// Whether all cases of the level were run.
    pub scope: Scope,
    /// How many cases passed.
    pub passed: usize,
    /// How many were run.
    pub run: usize,
    /// How many were skipped.
    pub skipped: usize,
    /// The ids of those that failed without being listed.
    pub failed: Vec<String>,
    /// The ids of those that failed as listed.
    pub known_failing: Vec<String>,
    /// The ids of those that are listed as flaky and failed this time.
    pub known_flaky: Vec<String>,
    /// The ids of those that failed and are only recommended.
    #[serde(default)]
    pub not_followed: Vec<String>,
    /// The ids of those that failed and are newer than the suite that is pinned.
    #[serde(default)]
    pub newer: Vec<String>,
    /// The ids of those that are listed as failing and passed.
    pub stale: Vec<String>,
    /// The ids of those in which the suite itself failed.
    pub suite_failed: Vec<String>,
}

impl Published {
    /// A report with its judgement.
    #[must_use]
    pub fn new(report: Report, judgement: &Judgement) -> Published {
        Published { format: FORMAT, summary: Summary::of(&report, judgement), report }
    }

    /// As text, with a line feed at its end.
    #[must_use]
    pub fn to_json(&self) -> String {
        let mut text = serde_json::to_string_pretty(self).expect("a report has only string keys");
        text.push('\n');
        text
    }

    /// Reads what [`to_json`](Published::to_json) has written.
    ///
    /// # Errors
    /// If it is no report, or one of another format.
    pub fn from_json(text: &str) -> Result<Published, serde_json::Error> {
        let published: Published = serde_json::from_str(text)?;
        if published.format == FORMAT {
            return Ok(published);
        }
        let why = format!("a report of format {}; this program reads {FORMAT}", published.format);
        Err(serde::de::Error::custom(why))
    }
}

impl Summary {
    fn of(report: &Report, judgement: &Judgement) -> Summary {
        let counts = judgement.counts();
        let ids = |wanted: fn(&Standing) -> bool| -> Vec<String> {
            let cases = report.cases.iter().zip(&judgement.standings);
            cases.filter(|(_, standing)| wanted(standing)).map(|(case, _)| case.id.clone()).collect()
        };
        Summary {
            verdict: judgement.verdict(),
            scope: judgement.scope,
            passed: counts.passed,
            run: counts.run(),
            skipped: counts.skipped,
            failed: ids(|standing| matches!(standing, Standing::Failed)),
            known_failing: ids(|standing| matches!(standing, Standing::KnownFailing { .. })),
            known_flaky: ids(|standing| matches!(standing, Standing::KnownFlaky { .. })),
            not_followed: ids(|standing| matches!(standing, Standing::NotFollowed)),
            newer: ids(|standing| matches!(standing, Standing::Newer { .. })),
            stale: ids(|standing| matches!(standing, Standing::Stale { .. })),
            suite_failed: ids(|standing| matches!(standing, Standing::Suite)),
        }
    }
}

/// The JSON schema of `report.json`, as it is published in `conformance/report/v1/schema.json`.
#[must_use]
pub fn schema() -> serde_json::Value {
    schemars::schema_for!(Published).to_value()
}
