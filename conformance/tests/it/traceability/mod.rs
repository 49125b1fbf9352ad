//! Every MUST of the specification has a check, or a written reason why it has none.
//!
//! A check is a step with a name in a scenario of either role, or a vector. The reasons are in
//! `conformance/scenarios/exclusions.yaml`; a reason can name tests that show the requirement for
//! serverswap itself. Deliberately no judgement of how good a check is: the mutants say that.

mod checks;
mod exclusions;

use std::collections::BTreeSet;

use checks::requirements_with_a_check;
use exclusions::exclusions;
use serverswap_conformance::report::Requirement;

#[test]
fn every_must_has_a_check_or_a_reason() {
    let checked = requirements_with_a_check();
    let excluded: BTreeSet<String> = exclusions().into_iter().map(|exclusion| exclusion.id).collect();
    let is_open = |id: &&str| !checked.contains(*id) && !excluded.contains(*id);
    let musts = Requirement::all().iter().filter(|requirement| requirement.level == "MUST");
    let open: Vec<&str> = musts.map(|requirement| requirement.id.as_str()).filter(is_open).collect();
    assert!(open.is_empty(), "neither a check nor a line in exclusions.yaml: {}", open.join(", "));
}

#[test]
fn nothing_is_excluded_that_has_a_check() {
    let checked = requirements_with_a_check();
    let superfluous: Vec<String> =
        exclusions().into_iter().map(|exclusion| exclusion.id).filter(|id| checked.contains(id)).collect();
    assert!(superfluous.is_empty(), "excluded, and checked after all: {}", superfluous.join(", "));
}

#[test]
fn every_exclusion_is_of_a_must_and_stands_once() {
    let mut seen = BTreeSet::new();
    for exclusion in exclusions() {
        let requirement = Requirement::find(&exclusion.id);
        let level = requirement.map(|requirement| requirement.level.as_str());
        assert_eq!(level, Some("MUST"), "{}: excluded, and no MUST of the text", exclusion.id);
        assert!(seen.insert(exclusion.id.clone()), "{}: excluded twice", exclusion.id);
        assert!(!exclusion.reason.trim().is_empty(), "{}: without a reason", exclusion.id);
    }
}

#[test]
fn every_test_that_an_exclusion_names_exists() {
    for exclusion in exclusions() {
        for shown_by in &exclusion.shown_by {
            assert!(exclusions::is_a_test(shown_by), "{}: there is no test `{shown_by}`", exclusion.id);
        }
    }
}
