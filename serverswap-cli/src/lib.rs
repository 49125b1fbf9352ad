//! The commands `serverswap` and `serverswap-deploy`: they start a new copy of a server
//! while the old one keeps serving, and let the new one take its addresses over.
//!
//! Two pure cores decide: the [`supervisor`] (the life of one generation) and the
//! [`arbiter`] (who holds which address); `runtime` moves bytes and time around them. What people see is in [`ui`] and [`status`].

pub mod arbiter;
pub mod cli;
mod entry;
pub mod output_tail;
mod runtime;
pub mod spawn;
pub mod state;
pub mod status;
pub mod supervisor;
mod sys;
pub mod ui;

pub use entry::main;
