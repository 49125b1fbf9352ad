//! Patterns over the ids of cases. `*` stands for any text, `/` included, and is the only sign
//! with a meaning. A pattern without brackets means every permutation of a case.

use std::fmt;

/// A pattern over the ids of cases, or the names of checks.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CasePattern(String);

impl CasePattern {
    /// Every text is one.
    #[must_use]
    pub fn new(text: impl Into<String>) -> CasePattern {
        CasePattern(text.into())
    }

    /// Whether the pattern means the case with this id.
    #[must_use]
    pub fn matches_case(&self, id: &str) -> bool {
        let without_permutation = id.split('[').next().unwrap_or(id);
        self.matches(id) || self.matches(without_permutation)
    }

    /// Whether the pattern means exactly this text.
    #[must_use]
    pub fn matches(&self, text: &str) -> bool {
        let Some((first, rest)) = self.0.split_once('*') else {
            return self.0 == text;
        };
        let Some(mut text) = text.strip_prefix(first) else {
            return false;
        };
        let (middle, last) = rest.rsplit_once('*').unwrap_or(("", rest));
        for part in middle.split('*') {
            let Some(at) = text.find(part) else {
                return false;
            };
            text = &text[at + part.len()..];
        }
        text.ends_with(last)
    }
}

impl fmt::Display for CasePattern {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(&self.0)
    }
}

impl From<&str> for CasePattern {
    fn from(text: &str) -> CasePattern {
        CasePattern::new(text)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn matching<'a>(pattern: &str, ids: &[&'a str]) -> Vec<&'a str> {
        ids.iter().copied().filter(|id| CasePattern::new(pattern).matches_case(id)).collect()
    }

    #[test]
    fn a_star_stands_for_any_text() {
        let ids = ["core/claim/granted", "core/claim/refused", "robust/split/granted[at=7]"];
        assert_eq!(matching("core/claim/*", &ids), ids[..2]);
        assert_eq!(matching("*/granted", &ids), [ids[0], ids[2]]);
        assert_eq!(matching("c*cl*ed", &ids), ids[..2]);
        assert_eq!(matching("*", &ids), ids);
        assert!(matching("core/claim", &ids).is_empty());
        assert!(!CasePattern::new("ab*ba").matches("aba"));
    }

    #[test]
    fn a_pattern_without_brackets_means_every_permutation() {
        let ids = ["robust/split/granted[at=7]", "robust/split/granted[at=8]"];
        assert_eq!(matching("robust/split/granted", &ids), ids);
        assert_eq!(matching("robust/split/granted[at=8]", &ids), ids[1..]);
    }
}
