//! What a command shows of swaps: its options, and the showing.

use std::error::Error as _;
use std::path::PathBuf;

use clap::Args;

use super::{ReportFile, ReportFileError, SwapReport, Terminal, WhenShown, blocks, page};

/// What is shown beside the verdict.
#[derive(Debug, Clone, Default, Args)]
pub struct Shown {
    /// Also write a page to look at into this folder: what happened when, as HTML that needs nothing else.
    #[arg(long, value_name = "DIR")]
    report: Option<PathBuf>,
    /// When to draw the answers over time in the terminal.
    #[arg(long, value_name = "WHEN", default_value = "auto")]
    timeline: WhenShown,
}

impl Shown {
    /// The page, if there is to be one: before anything is done it is known whether it could be written.
    ///
    /// # Errors
    /// If it could not.
    pub fn prepare(&self, name: &str) -> Result<Option<ReportFile>, ReportFileError> {
        self.report.as_deref().map(|folder| ReportFile::prepare(folder, name)).transpose()
    }

    /// Draws the answers over time, if they are to be drawn here.
    pub fn blocks(&self, report: &SwapReport<'_>) {
        if let (Some(model), Some(terminal)) = (report.model, Terminal::of_stdout(self.timeline)) {
            anstream::println!("\n{}", blocks(model, report.noun, terminal));
        }
    }
}

impl ReportFile {
    /// Writes the page and says where it is. That it cannot be written is said, and changes nothing of what was found.
    pub fn put(&self, report: &SwapReport<'_>) {
        match self.write(&page(report)) {
            Ok(()) => anstream::println!("  {}", self.path().display()),
            Err(error) => {
                let cause = error.source().map(|cause| format!(": {cause}")).unwrap_or_default();
                anstream::eprintln!(
                    "error: {error}{cause}; what was found is above, and the exit status is that of it"
                );
            }
        }
    }
}
