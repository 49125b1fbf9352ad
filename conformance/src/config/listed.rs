//! The lists of what is known to fail, laid beside a report.
//!
//! A case that is listed as failing has to fail, at the check that is listed if one is; a flaky
//! one may. What fails beside the listed checks is a failure like any other.

use std::collections::{BTreeMap, BTreeSet};

use super::{ConfigError, Known, ListEntry};
use crate::report::{Case, Judgement, Outcome, Report, Scope, Standing};
use crate::suite::SuiteVersion;

/// What is known to fail.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Lists {
    /// These fail: one that passes fails the run.
    pub failing: Vec<ListEntry>,
    /// These may fail.
    pub flaky: Vec<ListEntry>,
    /// These came after the suite that is pinned and may fail: the id of each scenario, and the suite that has it first.
    pub newer: BTreeMap<String, SuiteVersion>,
    /// These prove what the text only recommends, and may fail: the id of each scenario.
    pub recommended: BTreeSet<String>,
}

impl Lists {
    /// Checks that every entry names something.
    ///
    /// # Errors
    /// With all the entries that do not.
    pub fn check(&self, catalogue: &[Known]) -> Result<(), ConfigError> {
        let entries = self.failing.iter().chain(&self.flaky);
        let unknown: Vec<_> = entries.filter_map(|entry| entry.unknown(catalogue)).collect();
        if unknown.is_empty() { Ok(()) } else { Err(ConfigError::Unknown(unknown)) }
    }

    /// What the lists make of a report.
    #[must_use]
    pub fn judge(&self, report: &Report, scope: Scope) -> Judgement {
        let standings = report.cases.iter().map(|case| self.standing(case)).collect();
        Judgement { scope, standings }
    }

    fn standing(&self, case: &Case) -> Standing {
        match &case.outcome {
            Outcome::Skipped { .. } => Standing::Skipped,
            Outcome::Suite { .. } => Standing::Suite,
            Outcome::Passed => self.stale(case).unwrap_or(Standing::Passed),
            Outcome::Failed => self.uncounted(case).unwrap_or_else(|| self.failure(case)),
        }
    }

    /// What a failure is that nobody has listed and that does not count all the same.
    fn uncounted(&self, case: &Case) -> Option<Standing> {
        let id = scenario(&case.id);
        if self.failure(case) != Standing::Failed {
            return None;
        }
        let newer = self.newer.get(id).map(|since| Standing::Newer { since: since.to_string() });
        self.recommended.contains(id).then_some(Standing::NotFollowed).or(newer)
    }

    fn failure(&self, case: &Case) -> Standing {
        let failing: Vec<&ListEntry> = about(&self.failing, case).collect();
        let flaky: Vec<&ListEntry> = about(&self.flaky, case).collect();
        let any = |entries: &[&ListEntry], check: &str| entries.iter().any(|entry| entry.allows(check));
        let whole = |entry: &&ListEntry| entry.is_about_all_checks();
        let named = case.failed_checks().next().is_some();
        let all_listed =
            case.failed_checks().all(|check| any(&failing, &check.name) || any(&flaky, &check.name));
        if !all_listed || (!named && !failing.iter().chain(&flaky).any(whole)) {
            return Standing::Failed;
        }
        if let Some(stale) = self.stale(case) {
            return stale;
        }
        match (failing.first(), flaky.first()) {
            (Some(entry), _) => Standing::KnownFailing { reason: entry.reason.clone() },
            (None, Some(entry)) => Standing::KnownFlaky { reason: entry.reason.clone() },
            (None, None) => Standing::Failed,
        }
    }

    /// An entry of the failing ones of which nothing failed.
    fn stale(&self, case: &Case) -> Option<Standing> {
        let passed = case.outcome == Outcome::Passed;
        let stale = about(&self.failing, case).find(|entry| {
            let mut reached = case.checks.iter().filter(|check| entry.allows(&check.name)).peekable();
            let all_passed = reached.peek().is_some() && reached.all(|check| check.passed);
            passed || (!entry.is_about_all_checks() && all_passed)
        })?;
        Some(Standing::Stale { entry: stale.text.clone() })
    }
}

/// The id without the brackets of a permutation.
fn scenario(id: &str) -> &str {
    id.split('[').next().unwrap_or(id)
}

fn about<'a>(entries: &'a [ListEntry], case: &Case) -> impl Iterator<Item = &'a ListEntry> {
    entries.iter().filter(|entry| entry.is_about(&case.id))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::Place;
    use crate::report::Check;

    fn entry(text: &str) -> ListEntry {
        ListEntry::new(text, "because", Place { file: "list".into(), line: 1 })
    }

    fn failing(texts: &[&str]) -> Lists {
        Lists { failing: texts.iter().map(|text| entry(text)).collect(), ..Lists::default() }
    }

    fn flaky(text: &str) -> Lists {
        Lists { flaky: vec![entry(text)], ..Lists::default() }
    }

    /// A case `core/a` with these checks; it passes when all of them do.
    fn case(checks: &[(&str, bool)]) -> Case {
        let checks: Vec<Check> = checks
            .iter()
            .map(|&(name, passed)| Check { name: name.to_owned(), spec: Vec::new(), passed, message: None })
            .collect();
        let passed = checks.iter().all(|check| check.passed);
        Case {
            id: "core/a".to_owned(),
            title: String::new(),
            level: 1,
            spec: Vec::new(),
            outcome: if passed { Outcome::Passed } else { Outcome::Failed },
            checks,
            millis: 0,
            trace: Vec::new(),
            stderr: String::new(),
        }
    }

    fn known() -> Standing {
        Standing::KnownFailing { reason: "because".to_owned() }
    }

    fn stale(entry: &str) -> Standing {
        Standing::Stale { entry: entry.to_owned() }
    }

    #[test]
    fn a_listed_case_that_fails_is_known_to_fail() {
        let broken = case(&[("one", true), ("two", false)]);
        assert_eq!(failing(&["core/a"]).standing(&broken), known());
        assert_eq!(failing(&["core/*:two"]).standing(&broken), known());
        assert_eq!(failing(&["core/b"]).standing(&broken), Standing::Failed);
    }

    #[test]
    fn a_listed_case_that_passes_is_stale() {
        let good = case(&[("one", true)]);
        assert_eq!(failing(&["core/a"]).standing(&good), stale("core/a"));
        assert_eq!(failing(&["core/a:one"]).standing(&good), stale("core/a:one"));
    }

    #[test]
    fn a_failure_beside_the_listed_check_is_a_failure() {
        let broken = case(&[("one", false), ("two", false)]);
        assert_eq!(failing(&["core/a:one"]).standing(&broken), Standing::Failed);
        assert_eq!(failing(&["core/a:one", "core/a:two"]).standing(&broken), known());
    }

    #[test]
    fn a_listed_check_that_passes_is_stale_and_one_that_was_not_reached_is_not() {
        let broken = case(&[("one", true), ("two", false)]);
        assert_eq!(failing(&["core/a:one", "core/a:two"]).standing(&broken), stale("core/a:one"));
        assert_eq!(failing(&["core/a:two", "core/a:three"]).standing(&broken), known());
    }

    #[test]
    fn a_flaky_case_may_fail_and_may_pass() {
        let reason = "because".to_owned();
        assert_eq!(flaky("core/a").standing(&case(&[("one", true)])), Standing::Passed);
        assert_eq!(flaky("core/a").standing(&case(&[("one", false)])), Standing::KnownFlaky { reason });
        assert_eq!(flaky("core/a:two").standing(&case(&[("one", false)])), Standing::Failed);
    }

    #[test]
    fn what_the_suite_failed_at_is_never_excused() {
        let broken = Case { outcome: Outcome::Suite { why: String::new() }, ..case(&[]) };
        assert_eq!(failing(&["*"]).standing(&broken), Standing::Suite);
    }
}
