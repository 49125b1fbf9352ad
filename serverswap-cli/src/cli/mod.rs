//! The command line: one clap definition for parsing, `--help`, the man page and the
//! completions, turned into a typed [`Invocation`].
//!
//! Deliberately nothing is done here: no directory is created and nothing is started.

mod command_line;
mod completions;
mod definition;
mod duration;
pub mod environment;
mod help;
mod invocation;
mod man;
mod mistaken_word;
mod output;
mod parse;
mod ready;
mod stop_signal;
mod unix_sockets;
mod user;

#[cfg(test)]
mod tests;

pub use self::command_line::CommandLine;
pub(crate) use self::command_line::for_shell;
pub use self::completions::completions;
pub(crate) use self::definition::is_own_word;
pub use self::definition::{LogFormatOption, Program, RestartOption, Shell, definition};
pub use self::invocation::{
    Events, Explain, Extent, History, Hold, Invocation, Logs, Man, Metrics, Reload, Run, Scope, Status, Stop,
    Which,
};
pub use self::man::man_pages;
pub use self::parse::{UsageError, parse};
