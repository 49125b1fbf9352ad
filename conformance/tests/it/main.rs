//! The suite as its users meet it: its command line, its reports, its cases against good and bad programs.

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
