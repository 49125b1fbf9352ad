//! The commands `serverswap` and `serverswap-deploy`: they start a new copy of a server
//! while the old one keeps serving, and let the new one take its addresses over.
//!
//! Two pure cores decide: `supervisor` (the life of one generation) and `arbiter` (which server
//! holds which address); `runtime` moves bytes and time around them. `ui` and `status` write what
//! people and programs read.
//!
//! Everything here is private, so that the compiler sees what is unused. The feature `cores` makes
//! public what `tests/` and `conformance/fuzz` drive.

mod acting_user;
#[cfg(not(feature = "cores"))]
mod arbiter;
#[cfg(feature = "cores")]
pub mod arbiter;
mod cli;
mod entry;
mod env_file;
mod events;
mod explain;
mod history;
mod intercept;
mod launch;
mod logs;
mod metrics;
mod output;
mod own_generation;
mod post;
mod program;
mod readiness;
mod reload;
mod replay;
mod runtime;
mod runtime_directory;
mod server_status;
#[cfg(not(feature = "cores"))]
mod spawn;
#[cfg(feature = "cores")]
pub mod spawn;
mod stand_in;
#[cfg(not(feature = "cores"))]
mod state;
#[cfg(feature = "cores")]
pub mod state;
mod status;
mod stop;
mod store;
#[cfg(not(feature = "cores"))]
mod supervisor;
#[cfg(feature = "cores")]
pub mod supervisor;
mod sys;
#[cfg(not(feature = "cores"))]
mod ui;
#[cfg(feature = "cores")]
pub mod ui;

pub use cli::Program;
pub use entry::{main, main_by_name};
