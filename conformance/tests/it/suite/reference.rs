//! The reference driver conforms.

use serverswap_conformance::client::{ClientSettings, run, smoke, vectors};
use serverswap_conformance::report::{Outcome, Report};
use serverswap_conformance::scenario::{Catalogue, Selection};
use serverswap_protocol::trace::Side;

use crate::PATIENT;
use crate::recordings::reports::accuse_nobody;
use crate::reference_driver::reference;

/// Every case that did not pass, with its failed checks.
pub(super) fn troubles(report: &Report) -> Vec<String> {
    let troubled = report.cases.iter().filter(|case| case.outcome != Outcome::Passed);
    let told = troubled.map(|case| {
        let failed: Vec<String> = case
            .checks
            .iter()
            .filter(|check| !check.passed)
            .map(|check| format!("\n    {}: {}", check.name, check.message.clone().unwrap_or_default()))
            .collect();
        format!("{}: {:?}{}", case.id, case.outcome, failed.concat())
    });
    told.collect()
}

fn all_passed(report: &Report) {
    let troubles = troubles(report);
    assert!(troubles.is_empty(), "{} of {}:\n{}", troubles.len(), report.cases.len(), troubles.join("\n"));
}

#[test]
fn the_reference_driver_keeps_the_contract() {
    all_passed(&smoke(&reference(), &ClientSettings::default()).expect("it runs"));
}

#[test]
fn the_reference_client_reads_and_writes_every_vector() {
    let report = vectors(&reference(), &ClientSettings::default()).expect("it runs");
    assert_eq!(report.cases.len(), 4);
    all_passed(&report);
}

#[test]
fn the_reference_client_conforms_at_every_level_and_its_recordings_accuse_nobody() {
    let catalogue = Catalogue::embedded().expect("the catalogue is right");
    let patient = ClientSettings { budget: PATIENT, ..ClientSettings::default() };
    let report = run(&catalogue, &Selection::default(), &reference(), &patient).expect("it runs");
    all_passed(&report);
    accuse_nobody(&report, Side::Client);
}
