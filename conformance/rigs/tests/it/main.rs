//! The rigs and what the documents promise: the fault matrix in part, languages and builds swapped, the README.

mod documents;
#[path = "../../../../serverswap-cli/tests/executable/mod.rs"]
mod executable;
mod faults;
mod interop;
mod pages;
mod readme;
mod requirements;
mod servers;
mod upgrade;
mod wall_clock;
