//! How a report is shown and stored, and the exit status that follows from it.

use std::path::PathBuf;

use clap::Args;
use serverswap_conformance::report::{Folder, Judgement, Published, Report, Verdict, terminal};

use serverswap_conformance::exit::{Ended, Found};

/// Where a report goes.
#[derive(Debug, Args)]
pub(super) struct Output {
    /// Write the report into this folder: JSON, JUnit XML, Markdown, a badge, and each trace.
    #[arg(long, value_name = "DIR")]
    report: Option<PathBuf>,
    /// Print the report as JSON instead of the table.
    #[arg(long)]
    json: bool,
}

impl Output {
    /// Shows a report and stores it where it was asked for.
    pub(super) fn put(&self, report: &Report, judgement: &Judgement) -> Ended {
        self.put_as(&terminal(report, judgement), report, judgement)
    }

    /// The same, with a text for people.
    pub(super) fn put_as(&self, text: &str, report: &Report, judgement: &Judgement) -> Ended {
        if let Some(folder) = &self.report {
            Folder::new(folder).write(report, judgement)?;
        }
        if self.json {
            print!("{}", Published::new(report.clone(), judgement).to_json());
        } else {
            anstream::print!("{text}");
        }
        Ok(match judgement.verdict() {
            Verdict::Conforms | Verdict::AsListed => Found::Good,
            Verdict::DoesNotConform => Found::Bad,
            Verdict::SuiteFailed => Found::Nothing,
        })
    }
}

/// Keeps a report for `explain`. A machine without a place for it has none: that is no failure.
pub(super) fn remember(report: &Report, judgement: &Judgement) {
    if let Some(folder) = Folder::last() {
        let _ = folder.write_json(&Published::new(report.clone(), judgement));
    }
}
