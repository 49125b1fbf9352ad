//! Every check of every case is failed by at least one mutant: the reference client or the reference supervisor with
//! one fault, run only with the checks that the mutant says that it kills. Real processes, many at once; most of the
//! time they wait.

mod client;
mod faults;
mod parallel;
#[path = "../reference_driver/mod.rs"]
mod reference_driver;
mod supervisor;
