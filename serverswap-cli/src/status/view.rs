//! What one look has found, in one runtime directory or in all of them. Pure.

use serverswap::protocol::Address;

use super::layout::{Page, render};
use super::{NOT_SERVED, StatusReport, json};
use crate::ui::ResultFormat;

/// What was found.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum View {
    /// In the runtime directory.
    One(StatusReport),
    /// In every directory that this user may look into and in which there is something.
    All { found: Vec<StatusReport>, address: Option<Address> },
}

impl View {
    /// 0 if something here is served.
    pub(super) fn exit_status(&self) -> u8 {
        let is_served = self.reports().iter().any(|report| report.exit_status() == 0);
        if is_served { 0 } else { NOT_SERVED }
    }

    /// What to print on stdout.
    pub(super) fn render(&self, format: ResultFormat, page: Page) -> String {
        match (format, self) {
            (ResultFormat::Json, _) => self.reports().iter().map(json::render).collect(),
            (ResultFormat::None, View::One(report)) => render(report, page),
            (ResultFormat::None, View::All { found, address }) if found.is_empty() => {
                let what = address.as_ref().map_or_else(|| "nothing".to_owned(), ToString::to_string);
                let not = if address.is_some() { "not " } else { "" };
                format!("{what} is {not}served in any directory that this user may look into\n")
            }
            (ResultFormat::None, View::All { found, .. }) => {
                let parts = found.iter().map(|report| {
                    let head = page.fitted(&format!("in {}:", report.directory.display()));
                    format!("{head}\n{}", render(report, page))
                });
                parts.collect::<Vec<_>>().join("\n")
            }
        }
    }

    /// Whether there is nothing at all.
    pub(super) fn is_empty(&self) -> bool {
        self.reports().iter().all(|report| report.addresses.is_empty() && report.unrecorded.is_empty())
    }

    pub(super) fn reports(&self) -> &[StatusReport] {
        match self {
            View::One(report) => std::slice::from_ref(report),
            View::All { found, .. } => found,
        }
    }
}
