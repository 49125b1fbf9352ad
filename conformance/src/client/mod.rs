//! `run -- DRIVER`: the cases of the role `client`, against a driver that wraps a client: the scripted arbiter's
//! socket, the driver's process, and what each step does with them.
//!
//! What is the same for a supervisor is in `runner`.

mod arbiter_socket;
mod case;
mod commands;
mod descriptor_checks;
mod driver;
mod driver_descriptors;
mod error;
mod events;
mod greet;
mod order;
mod process;
mod progress_log;
mod quiet;
mod run;
mod serve;
mod settings;
mod smoke;
mod steps;
mod users;
mod vectors;

pub use case::{CLEAN_EXIT, WIRE_VALID_SPEC};
pub use driver::{Driver, Introduction};
pub use error::SuiteError;
pub use run::{introduce, run};
pub use serve::{Served, serve};
pub use settings::{ClientSettings, DriverCommand, Faults};
pub use smoke::{SMOKE, SMOKE_CHECKS, SMOKE_TITLE, smoke};
pub use vectors::{VectorGroup, known as known_vectors, vectors};

use steps::ClientRun;
