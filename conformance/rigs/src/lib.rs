//! The rigs of this repository: what proves and measures its own serverswap. None of it is installed.
//!
//! [`demo`] shows deploys under load, [`bench`] measures them, [`faults`] kills and stops every process at every
//! point, [`containers`] swaps containers, [`upgrade`] swaps builds, [`interop`] swaps languages, [`servers`] swaps servers
//! that have never heard of us.

pub mod bench;
pub mod containers;
pub mod demo;
pub mod faults;
pub mod interop;
pub mod servers;
mod sys;
pub mod upgrade;
pub mod wire;
