//! The command line: one clap definition for parsing, `--help`, the man page and the
//! completions, turned into a typed [`Invocation`].
//!
//! Deliberately nothing is done here: no directory is created and nothing is started.

mod command_line;
mod definition;
mod duration;
pub mod environment;
mod generate;
mod help;
mod invocation;
mod mistaken_word;
mod output;
mod parse;
mod ready;
mod stop_signal;
mod unix_sockets;

#[cfg(test)]
mod tests;

pub use self::command_line::CommandLine;
pub(crate) use self::command_line::for_shell;
pub use self::definition::{LogFormatOption, Program, RestartOption, Shell, definition};
pub use self::generate::{completions, man_page};
pub use self::invocation::{Explain, Extent, Invocation, Logs, Reload, Run, Status, Stop, Which};
pub use self::parse::{UsageError, parse};
