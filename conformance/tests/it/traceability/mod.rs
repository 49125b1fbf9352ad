//! Every clause of a MUST of the specification has a check for each side that it binds, or a written
//! reason why it has none.
//!
//! A check is a step with a name in a scenario of a role, or, for clients, a vector. The reasons are in
//! `conformance/scenarios/exclusions.yaml`; a reason can name tests that show the clause for
//! serverswap itself. Deliberately no judgement of how good a check is: the mutants say that.

mod checks;
mod exclusions;

use std::collections::BTreeSet;

use checks::cited_by;
use exclusions::exclusions;
use serverswap_conformance::report::{Requirement, Role};

const ROLES: [Role; 2] = [Role::Client, Role::Supervisor];

/// The clauses at the level MUST that bind the side of a role.
fn musts(role: Role) -> BTreeSet<String> {
    let binding = Requirement::all().iter().filter(|requirement| requirement.binds(role));
    let musts = binding.flat_map(|requirement| requirement.citations().zip(&requirement.clauses));
    musts.filter(|(_, level)| *level == "MUST").map(|(citation, _)| citation).collect()
}

fn excluded(role: Role) -> BTreeSet<String> {
    let entries = exclusions();
    let of_role = entries.iter().filter(|exclusion| exclusion.is_about(role));
    of_role.flat_map(exclusions::Exclusion::citations).collect()
}

#[test]
fn every_must_has_a_check_or_a_reason() {
    for role in ROLES {
        let (checked, excluded) = (cited_by(role), excluded(role));
        let open: Vec<String> = musts(role)
            .into_iter()
            .filter(|must| !checked.contains(must) && !excluded.contains(must))
            .collect();
        assert!(
            open.is_empty(),
            "{role:?}: neither a check nor a line in exclusions.yaml: {}",
            open.join(", ")
        );
    }
}

#[test]
fn nothing_is_excluded_that_has_a_check() {
    for role in ROLES {
        let checked = cited_by(role);
        let superfluous: Vec<String> =
            excluded(role).into_iter().filter(|citation| checked.contains(citation)).collect();
        assert!(
            superfluous.is_empty(),
            "{role:?}: excluded, and checked after all: {}",
            superfluous.join(", ")
        );
    }
}

#[test]
fn every_exclusion_is_of_a_must_and_stands_once() {
    let mut seen = BTreeSet::new();
    for exclusion in exclusions() {
        let roles: Vec<Role> = ROLES.into_iter().filter(|role| exclusion.is_about(*role)).collect();
        assert!(!roles.is_empty(), "{}: binds no side that is tested", exclusion.id);
        for role in roles {
            let musts = musts(role);
            for citation in exclusion.citations() {
                let is_must = musts.contains(&citation) || !exclusion.id.contains('/');
                assert!(is_must, "{citation}: excluded, and no MUST of the text");
                assert!(seen.insert((role, citation)), "{}: excluded twice", exclusion.id);
            }
        }
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
