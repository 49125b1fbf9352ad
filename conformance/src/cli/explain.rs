//! `explain CASE`.

use std::path::PathBuf;

use clap::Args;
use serverswap_conformance::explain::explain as explanation;
use serverswap_conformance::report::{Folder, FolderError, Published};
use serverswap_conformance::scenario::Catalogue;

use serverswap_conformance::exit::{Ended, Found};

/// What is explained.
#[derive(Debug, Args)]
pub(super) struct Explain {
    /// The id of the case; without the brackets of a permutation, the first permutation that failed is shown.
    case: String,
    /// Show the run of this report [default: your last run].
    #[arg(long, value_name = "DIR")]
    report: Option<PathBuf>,
}

pub(super) fn explain(explain: Explain) -> Ended {
    let last = last_report(explain.report)?;
    let catalogue = Catalogue::embedded()?;
    anstream::print!("{}", explanation(&catalogue, &explain.case, last.as_ref())?);
    Ok(Found::Good)
}

/// A report that was asked for has to be there; that of the last run need not.
fn last_report(folder: Option<PathBuf>) -> Result<Option<Published>, FolderError> {
    match folder {
        Some(folder) => Folder::new(folder).read().map(Some),
        None => Ok(Folder::last().and_then(|folder| folder.read().ok())),
    }
}
