//! Swaps under load as something to look at: one page of HTML that needs nothing else, and a few lines for a terminal.
//!
//! Pure, but for [`ReportFile`], which knows the disk, and [`read_lifecycles`], which reads a recording. It deliberately judges
//! nothing: the verdict is handed to it in words.
//!
//! Rules:
//! - Whatever a server or a command has said is text, and escaped as such.
//! - A page is small, however long the load was and however many swaps it saw.
//! - What the charts say is in the tables, too, and nothing is said by colour alone.

mod blocks;
mod charts;
mod file;
mod lifecycle;
mod model;
mod page;
mod shown;
#[cfg(test)]
mod tests;

use std::time::SystemTime;

use chrono::{DateTime, Utc};
use serverswap_load::Tally;

pub use blocks::{Terminal, WhenShown, blocks};
pub use file::{ReportFile, ReportFileError};
pub use lifecycle::{Lifecycle, Zero, read_lifecycles};
pub use model::Model;
pub use page::page;
pub use shown::Shown;

/// Everything that a page says.
#[derive(Debug)]
pub struct SwapReport<'a> {
    /// What was done, such as `Rehearsal`.
    pub title: &'a str,
    /// What one start of the command is called: `generation` or `version`.
    pub noun: &'static str,
    /// What was typed.
    pub command: String,
    /// Where the requests went; empty if there were none.
    pub addresses: Vec<String>,
    /// Whether all went well.
    pub is_good: bool,
    /// The verdict, in a sentence or two.
    pub verdict: String,
    /// What is wrong, or worth to be known.
    pub notes: Vec<Note>,
    /// Everything about the requests.
    pub tally: &'a Tally,
    /// What happened when; `None` if no request was made.
    pub model: Option<&'a Model>,
    /// When and by which version.
    pub made: String,
}

/// Something that a page says in words.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Note {
    /// What.
    pub what: String,
    /// Lines of a program that show it.
    pub said: Vec<String>,
    /// What can be done.
    pub advice: String,
}

/// When and by which version: the last sentence of the facts of a page.
pub fn made_now() -> String {
    let now = DateTime::<Utc>::from(SystemTime::now());
    format!("{}, serverswap {}.", now.format("%Y-%m-%d %H:%M UTC"), env!("CARGO_PKG_VERSION"))
}
