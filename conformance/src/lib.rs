//! Proves from the outside that clients and supervisors speak the serverswap protocol.

pub mod client;
pub mod config;
pub mod connection;
pub mod contract;
pub mod exit;
pub mod explain;
pub mod init;
pub mod interrupt;
pub mod matrix;
pub mod mutant;
pub mod recording;
pub mod rehearse;
pub mod report;
pub mod runner;
pub mod sandbox;
pub mod scenario;
pub mod shell;
pub mod style;
pub mod suite;
pub mod supervisor;
pub mod swap_report;
