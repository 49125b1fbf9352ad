//! What a report amounts to, once the lists of known failures are laid beside it.
//!
//! It deliberately does not look at the lists: [`crate::config`] does, and hands over one
//! [`Standing`] for each case.
//!
//! Rules: a failure of the suite outweighs everything, because nothing can be said then. A run
//! with known failures ends well, but is never called conforming. A selection of the cases is
//! never called conforming either.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::{Level, Report};

/// What the lists make of a case.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Standing {
    /// It passed, and nobody said that it would not.
    Passed,
    /// It failed, and nobody said that it would.
    Failed,
    /// It failed as listed.
    KnownFailing {
        /// Why, in the words of the list.
        reason: String,
    },
    /// It failed this time, which the list allows.
    KnownFlaky {
        /// Why, in the words of the list.
        reason: String,
    },
    /// It failed, and the text only recommends what it proves.
    NotFollowed,
    /// It failed, and the suite that is pinned does not have it.
    Newer {
        /// The suite that has it first.
        since: String,
    },
    /// It is listed as failing and passed: the entry has to go.
    Stale {
        /// The entry, as it is written.
        entry: String,
    },
    /// It was not run: the subject does not claim what it needs.
    Skipped,
    /// The suite itself failed.
    Suite,
}

/// Whether all cases of the level were run.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub enum Scope {
    /// Every case of the level and of those below it.
    Whole,
    /// A selection.
    Part,
}

/// What a run amounts to.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub enum Verdict {
    /// Every case that could be run passed.
    Conforms,
    /// Nothing failed but what was listed as failing or is newer than the suite that is pinned.
    AsListed,
    /// Something failed, or a listed failure is none any more.
    DoesNotConform,
    /// The suite itself failed.
    SuiteFailed,
}

/// One standing for each case of a report, in its order.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Judgement {
    /// Whether all cases were run.
    pub scope: Scope,
    /// In the order of the report's cases.
    pub standings: Vec<Standing>,
}

/// How many cases have which standing.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Counts {
    /// Passed, the stale ones among them.
    pub passed: usize,
    /// Failed without being listed.
    pub failed: usize,
    /// Failed as listed, flaky ones among them.
    pub listed: usize,
    /// Failed, and only recommended. They are not among those that were run.
    pub not_followed: usize,
    /// Failed, and newer than the suite that is pinned.
    pub newer: usize,
    /// Passed although listed as failing.
    pub stale: usize,
    /// Not run.
    pub skipped: usize,
    /// The suite itself failed.
    pub suite: usize,
}

impl Judgement {
    /// What the run amounts to.
    #[must_use]
    pub fn verdict(&self) -> Verdict {
        let counts = self.counts();
        if counts.suite > 0 {
            Verdict::SuiteFailed
        } else if counts.failed + counts.stale > 0 {
            Verdict::DoesNotConform
        } else if counts.listed + counts.newer > 0 {
            Verdict::AsListed
        } else {
            Verdict::Conforms
        }
    }

    /// Of all cases.
    #[must_use]
    pub fn counts(&self) -> Counts {
        Counts::of(self.standings.iter())
    }

    /// Of the cases of one level.
    #[must_use]
    pub fn counts_at(&self, report: &Report, level: Level) -> Counts {
        let at_level = report.cases.iter().zip(&self.standings).filter(|(case, _)| case.level == level.0);
        Counts::of(at_level.map(|(_, standing)| standing))
    }
}

impl Counts {
    fn of<'a>(standings: impl Iterator<Item = &'a Standing>) -> Counts {
        let mut counts = Counts::default();
        for standing in standings {
            match standing {
                Standing::Passed => counts.passed += 1,
                Standing::Failed => counts.failed += 1,
                Standing::KnownFailing { .. } | Standing::KnownFlaky { .. } => counts.listed += 1,
                Standing::NotFollowed => counts.not_followed += 1,
                Standing::Newer { .. } => counts.newer += 1,
                Standing::Stale { .. } => {
                    counts.passed += 1;
                    counts.stale += 1;
                }
                Standing::Skipped => counts.skipped += 1,
                Standing::Suite => counts.suite += 1,
            }
        }
        counts
    }

    /// The cases that were run and count.
    #[must_use]
    pub fn run(&self) -> usize {
        self.passed + self.failed + self.listed + self.newer + self.suite
    }
}
