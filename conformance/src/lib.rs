//! Measures and proves clients, supervisors and servers of the serverswap protocol from the outside.

pub mod bench;
pub mod config;
pub mod contract;
pub mod demo;
pub mod engine;
pub mod explain;
pub mod faults;
pub mod init;
pub mod interop;
pub mod load;
pub mod matrix;
pub mod mutant;
mod paint;
pub mod peer;
pub mod recording;
pub mod rehearse;
pub mod report;
pub mod scenario;
pub mod supervisor;
mod sys;
pub mod upgrade;
pub mod wire;
pub mod world;
