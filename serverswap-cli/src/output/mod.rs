//! Where a server's output goes. A server outlives the command that started it, so its output never
//! goes to something that ends with the command.
//!
//! `destination` decides, as a table; `stream` looks at our own stdout and stderr; `log_directory` and
//! `generation_log` are the files in the state directory; `copy` shows what is appended to them for as long as
//! the command is there; `server_output` puts these together for one generation.
//!
//! Deliberately nothing stands between a server and its output: no pipe of ours, no process. Whatever
//! is killed, the server writes on.

mod copy;
mod destination;
pub(crate) mod follow;
pub(crate) mod generation_log;
pub(crate) mod log_directory;
mod server_output;
mod stream;
mod tail;

pub use self::copy::Copies;
pub use self::destination::OutputOption;
pub(crate) use self::server_output::{OutputOf, ServerOutput};
pub(crate) use self::stream::is_journal;
pub use self::tail::OutputTail;
#[cfg(test)]
pub(crate) use self::tail::Unseen;
pub(crate) use self::tail::end_of;
