//! One entry of a list: a case, or a check of a case, and why it is there.

use std::fmt;
use std::path::PathBuf;

use super::{CasePattern, UnknownEntry, nearest};

/// A line of a file.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Place {
    /// As the user named it.
    pub file: PathBuf,
    /// From 1.
    pub line: usize,
}

impl fmt::Display for Place {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "{}:{}", self.file.display(), self.line)
    }
}

/// An entry of a list.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ListEntry {
    /// As it is written: `case` or `case:check`, each with `*` for any text.
    pub text: String,
    /// Why it is listed.
    pub reason: String,
    /// Where.
    pub place: Place,
    case: CasePattern,
    check: Option<CasePattern>,
}

/// What an entry may name: a case of the catalogue and its checks.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Known {
    /// Of the case, with its permutation.
    pub id: String,
    /// The names of its checks.
    pub checks: Vec<String>,
}

impl ListEntry {
    /// An entry as it is written.
    #[must_use]
    pub fn new(text: impl Into<String>, reason: impl Into<String>, place: Place) -> ListEntry {
        let (text, reason) = (text.into(), reason.into());
        let (case, check) = split(&text);
        let (case, check) = (CasePattern::from(case), check.map(CasePattern::from));
        ListEntry { text, reason, place, case, check }
    }

    /// Whether it is about this case, as a whole or by one of its checks.
    #[must_use]
    pub fn is_about(&self, id: &str) -> bool {
        self.case.matches_case(id)
    }

    /// Whether it allows this check of a case that it is about to fail.
    #[must_use]
    pub fn allows(&self, check: &str) -> bool {
        self.check.as_ref().is_none_or(|pattern| pattern.matches(check))
    }

    /// Whether it is about a case as a whole.
    #[must_use]
    pub fn is_about_all_checks(&self) -> bool {
        self.check.is_none()
    }

    /// What is wrong with it, if it names nothing of the catalogue.
    pub(super) fn unknown(&self, catalogue: &[Known]) -> Option<UnknownEntry> {
        let mut cases = catalogue.iter().filter(|known| self.is_about(&known.id)).peekable();
        let unknown = |what, name: &CasePattern, nearest| {
            Some(UnknownEntry { place: self.place.clone(), what, name: name.to_string(), nearest })
        };
        let Some(first) = cases.peek().copied() else {
            let ids = catalogue.iter().map(|known| known.id.as_str());
            return unknown("case", &self.case, nearest(&self.case.to_string(), ids));
        };
        let check = self.check.as_ref()?;
        if cases.any(|known| known.checks.iter().any(|name| check.matches(name))) {
            return None;
        }
        let names = first.checks.iter().map(String::as_str);
        unknown("check", check, nearest(&check.to_string(), names))
    }
}

/// `case:check`. A permutation may have a `:` in its brackets.
fn split(text: &str) -> (&str, Option<&str>) {
    match text.rsplit_once(':') {
        Some((case, check)) if !check.contains(']') => (case, Some(check)),
        Some(_) | None => (text, None),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn entry(text: &str) -> ListEntry {
        ListEntry::new(text, "", Place { file: "conformance.toml".into(), line: 3 })
    }

    fn catalogue() -> Vec<Known> {
        let known = |id: &str| Known { id: id.to_owned(), checks: vec!["claim-sent".to_owned()] };
        ["core/claim/granted", "core/address/text[address=:8080]"].map(known).to_vec()
    }

    #[test]
    fn the_check_stands_behind_the_last_colon_that_is_not_in_brackets() {
        assert!(entry("core/claim/granted:claim-sent").allows("claim-sent"));
        assert!(!entry("core/claim/granted:claim-sent").allows("stays-pending"));
        assert!(entry("core/address/text[address=:8080]").is_about_all_checks());
        assert!(entry("core/address/text[address=:8080]").is_about("core/address/text[address=:8080]"));
    }

    #[test]
    fn an_entry_that_names_nothing_says_where_it_stands_and_what_may_be_meant() {
        let say = |text| entry(text).unknown(&catalogue()).map(|unknown| unknown.to_string());
        assert_eq!(
            say("core/clam/granted").as_deref(),
            Some(
                "conformance.toml:3: there is no case `core/clam/granted`; did you mean `core/claim/granted`?"
            )
        );
        assert_eq!(
            say("core/claim/granted:claim-set").as_deref(),
            Some("conformance.toml:3: there is no check `claim-set`; did you mean `claim-sent`?")
        );
        assert_eq!(say("zzz:claim-sent").as_deref(), Some("conformance.toml:3: there is no case `zzz`"));
        assert_eq!(say("core/*:claim-*"), None);
    }
}
