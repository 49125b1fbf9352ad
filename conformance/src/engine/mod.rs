//! Runs cases against a driver: the scripted arbiter, the driver's process, and what each step
//! does with them.
//!
//! It deliberately reads no files of scenarios (`scenario` does) and prints nothing (`report` does).
//!
//! Rules:
//! - One thread plays one case; it waits for all descriptors at once, and every wait has a limit.
//! - The first step that fails ends the case. A program that has crashed satisfies no expectation.
//! - Whose fault it is, is said in the type of the failure: the client's, the driver's, the suite's.

mod address;
mod arbiter;
mod budget;
mod case;
mod driver;
mod failure;
mod fault;
mod inspect;
mod narrator;
mod order;
mod play;
mod props;
mod run;
mod serve;
mod settings;
mod smoke;
mod stage;
mod vectors;

pub use budget::Budget;
pub use case::{CLEAN_EXIT, WIRE_VALID, WIRE_VALID_SPEC};
pub use driver::{Driver, Introduction};
pub use failure::{Failure, SuiteError};
pub use fault::{ClientLine, Closing, Exited, Fault, LineFds, NoFault};
pub use run::{introduce, run};
pub use serve::{Served, serve};
pub use settings::{DriverCommand, Faults, Settings};
pub use smoke::smoke;
pub use vectors::{known as known_vectors, vectors};
