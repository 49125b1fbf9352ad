//! Supervisors: the reference supervisor with one fault, in a case whose other checks must all pass.

mod hunt;

use std::collections::BTreeSet;

use hunt::{AT_ONCE, Hunt, catalogue, hunts};
use serverswap_conformance::mutant::{SupervisorMutant, Target, supervisor_checks, supervisor_document};
use serverswap_conformance::report::Role;

use crate::parallel::in_parallel;

#[test]
fn every_mutant_fails_every_check_that_it_says_and_no_other() {
    let hunts = hunts();
    let survivors = in_parallel(AT_ONCE, &hunts, Hunt::survived);
    assert!(survivors.is_empty(), "{} of {}:\n{}", survivors.len(), hunts.len(), survivors.join("\n"));
}

#[test]
fn every_check_is_failed_by_a_mutant() {
    let hunted: BTreeSet<Target> = hunts().into_iter().map(|hunt| hunt.target).collect();
    // A check of every whole case is one check, wherever a mutant fails it.
    let is_hunted = |target: &Target| {
        hunted.contains(target)
            || target.step.is_none() && hunted.iter().any(|hunted| hunted.check == target.check)
    };
    let targets = supervisor_checks(&catalogue());
    assert!(targets.len() > 200, "{}", targets.len());
    let unhunted: Vec<String> = targets
        .iter()
        .filter(|target| !is_hunted(target))
        .map(|target| format!("{}:{}", target.case, target.check))
        .collect();
    assert!(unhunted.is_empty(), "no mutant fails these: {}", unhunted.join(", "));
}

#[test]
fn every_line_of_a_mutant_means_a_check() {
    let targets = supervisor_checks(&catalogue());
    for mutant in SupervisorMutant::embedded().expect("the mutants are right") {
        assert_eq!(mutant.role, Role::Supervisor, "{}", mutant.id);
        for kills in &mutant.kills {
            let means = targets.iter().any(|target| kills.includes(target));
            assert!(means, "{}: {kills:?} means no check", mutant.id);
        }
    }
}

#[test]
fn the_schema_of_mutants_is_fresh() {
    let file = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("mutants/supervisor/schema.json");
    let expected = format!("{}\n", serde_json::to_string_pretty(&supervisor_document()).expect("JSON"));
    if std::env::var_os("UPDATE_SPEC").is_some() {
        return std::fs::write(file, expected).expect("a writable file");
    }
    let found = std::fs::read_to_string(file).unwrap_or_default();
    assert!(
        found == expected,
        "conformance/mutants/supervisor/schema.json is stale; run: \
         UPDATE_SPEC=1 cargo test -p serverswap-conformance --test mutants"
    );
}
