//! The suite as its users meet it: its command line, its reports, its cases against good and bad programs.

use serverswap_conformance::runner::Budget;

mod cli;
mod programs;
mod recordings;
#[path = "../reference_driver/mod.rs"]
mod reference_driver;
mod rehearse;
mod report;
mod sandbox;
mod suite;
mod supervisor;
mod templates;
mod traceability;

/// For runs in which nothing is to fail: the machine may have other things to do.
const PATIENT: Budget = Budget::Times(4.0);
