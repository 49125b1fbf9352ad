//! The rigs and what the documents promise: the fault matrix in part, languages and builds swapped, the README.

mod documents;
mod faults;
mod interop;
mod readme;
mod upgrade;
mod wall_clock;
