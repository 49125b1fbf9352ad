//! Clients: the reference driver with one fault.

mod hunt;

use std::collections::BTreeSet;

use hunt::{AT_ONCE, Hunt, hunts};
use serverswap_conformance::client::known_vectors;
use serverswap_conformance::mutant::{Mutants, Target, checks, document};
use serverswap_conformance::scenario::Catalogue;

use crate::parallel::in_parallel;

#[test]
fn every_mutant_fails_every_check_that_it_says() {
    let mut hunts = hunts();
    hunts.sort_by_key(|hunt| std::cmp::Reverse(hunt.is_slow()));
    let survivors = in_parallel(AT_ONCE, &hunts, Hunt::survived);
    assert!(survivors.is_empty(), "{} of {}:\n{}", survivors.len(), hunts.len(), survivors.join("\n"));
}

#[test]
fn every_check_is_failed_by_a_mutant() {
    let hunted: BTreeSet<(String, String)> = hunts().into_iter().flat_map(|hunt| hunt.killed()).collect();
    let catalogue = Catalogue::embedded().expect("the catalogue is right");
    // A check of every whole case is one check, wherever a mutant fails it.
    let failed: BTreeSet<String> = hunted.iter().map(|(_, check)| check.clone()).collect();
    let in_a_case = |target: &Target| target.step.is_some() || !failed.contains(&target.check);
    let of_cases = checks(&catalogue).into_iter().filter(in_a_case).map(|target| (target.case, target.check));
    let of_vectors = known_vectors()
        .into_iter()
        .flat_map(|(case, checks)| checks.into_iter().map(move |check| (case.clone(), check)));
    let unhunted: Vec<String> = of_cases
        .chain(of_vectors)
        .filter(|check| !hunted.contains(check))
        .map(|(case, check)| format!("{case}:{check}"))
        .collect();
    assert!(unhunted.is_empty(), "no mutant fails these: {}", unhunted.join(", "));
}

#[test]
fn every_line_of_a_mutant_means_a_check() {
    let catalogue = Catalogue::embedded().expect("the catalogue is right");
    let targets = checks(&catalogue);
    for mutant in Mutants::embedded().expect("the mutants are right").0 {
        for kills in &mutant.kills {
            let of_vectors = kills.case.as_deref() == Some(hunt::VECTORS);
            let means = of_vectors || targets.iter().any(|target| kills.includes(target));
            assert!(means, "{}: {kills:?} means no check", mutant.id);
        }
    }
}

#[test]
fn the_schema_of_mutants_is_fresh() {
    let file = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("mutants/schema.json");
    let expected = format!("{}\n", serde_json::to_string_pretty(&document()).expect("JSON"));
    if std::env::var_os("UPDATE_SPEC").is_some() {
        return std::fs::write(file, expected).expect("a writable file");
    }
    let found = std::fs::read_to_string(file).unwrap_or_default();
    assert!(
        found == expected,
        "conformance/mutants/schema.json is stale; run: UPDATE_SPEC=1 cargo test -p serverswap-conformance --test mutants"
    );
}
