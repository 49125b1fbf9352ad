//! Which cases are meant: `--only` and `--skip`.

use clap::Args;
use serverswap_conformance::config::{CasePattern, nearest};

/// A selection of cases by their ids.
#[derive(Debug, Clone, Args)]
pub(super) struct Select {
    /// Only these cases: an id, a folder, or a pattern in which `*` stands for any text.
    #[arg(long, value_name = "PATTERN", num_args = 1)]
    only: Vec<String>,
    /// Not these cases.
    #[arg(long, value_name = "PATTERN", num_args = 1)]
    skip: Vec<String>,
}

/// A pattern that selects nothing.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("no case is called `{pattern}`{}", hint(nearest.as_deref()))]
pub(super) struct SelectsNothing {
    pattern: String,
    nearest: Option<String>,
}

fn hint(nearest: Option<&str>) -> String {
    match nearest {
        Some(nearest) => format!("; did you mean `{nearest}`?"),
        None => "; `serverswap-conformance list` shows all of them".to_owned(),
    }
}

impl Select {
    /// Whether every case is meant.
    pub(super) fn is_everything(&self) -> bool {
        self.only.is_empty() && self.skip.is_empty()
    }

    /// Whether a case is meant.
    pub(super) fn includes(&self, id: &str) -> bool {
        let any = |patterns: &[String]| patterns.iter().any(|pattern| selects(pattern, id));
        (self.only.is_empty() || any(&self.only)) && !any(&self.skip)
    }

    /// Checks that each pattern means at least one case.
    pub(super) fn check(&self, ids: &[&str]) -> Result<(), SelectsNothing> {
        let patterns = self.only.iter().chain(&self.skip);
        let nothing = |pattern: &&String| !ids.iter().any(|id| selects(pattern, id));
        match patterns.into_iter().find(nothing) {
            Some(pattern) => {
                let nearest = nearest(pattern, ids.iter().copied());
                Err(SelectsNothing { pattern: pattern.clone(), nearest })
            }
            None => Ok(()),
        }
    }
}

/// A pattern means a case, or the folder that it lies in.
fn selects(pattern: &str, id: &str) -> bool {
    let folder = format!("{}/*", pattern.trim_end_matches('/'));
    CasePattern::from(pattern).matches_case(id) || CasePattern::new(folder).matches_case(id)
}

#[cfg(test)]
mod tests {
    use super::*;

    const IDS: [&str; 3] = ["core/claim/granted", "core/claim/refused", "robust/split/granted[at=7]"];

    fn selected(only: &[&str], skip: &[&str]) -> Vec<&'static str> {
        let owned = |patterns: &[&str]| patterns.iter().map(|&pattern| pattern.to_owned()).collect();
        let select = Select { only: owned(only), skip: owned(skip) };
        IDS.into_iter().filter(|id| select.includes(id)).collect()
    }

    #[test]
    fn a_case_is_selected_by_its_id_its_folder_or_a_pattern() {
        assert_eq!(selected(&["core/claim/granted"], &[]), IDS[..1]);
        assert_eq!(selected(&["core", "robust/split/"], &[]), IDS);
        assert_eq!(selected(&["*/granted"], &["core"]), IDS[2..]);
        assert_eq!(selected(&[], &["*granted"]), IDS[1..2]);
        assert!(selected(&["core/cl"], &[]).is_empty());
    }

    #[test]
    fn a_pattern_that_means_nothing_is_refused() {
        let select = Select { only: vec!["core/clam/granted".to_owned()], skip: Vec::new() };
        let refused = select.check(&IDS).expect_err("it means nothing").to_string();
        assert_eq!(refused, "no case is called `core/clam/granted`; did you mean `core/claim/granted`?");
    }
}
