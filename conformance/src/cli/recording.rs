//! `check-trace`: recorded conversations.

use std::path::PathBuf;

use clap::Args;
use serverswap_conformance::recording::check;
use serverswap_protocol::trace::Side;

use serverswap_conformance::exit::{Ended, Found};

/// Which recordings are checked.
#[derive(Debug, Args)]
pub(super) struct CheckTrace {
    /// Files that `serverswap --trace FILE` has written, or of a report's `traces` folder.
    #[arg(required = true, value_name = "FILE")]
    files: Vec<PathBuf>,
}

pub(super) fn check_trace(recordings: CheckTrace) -> Ended {
    let mut good = true;
    for file in &recordings.files {
        let checked = check(file)?;
        for fault in &checked.faults {
            let by = match fault.by {
                Side::Client => "client",
                Side::Arbiter => "arbiter",
            };
            let (file, number, on) = (file.display(), fault.number, &fault.on);
            anstream::println!("{file}:{number}: the {by} on connection `{on}`: {}", fault.rule);
            anstream::println!("  {}", fault.line);
        }
        let (file, lines) = (file.display(), checked.lines);
        let (connections, faults) = (checked.connections, checked.faults.len());
        anstream::println!("{file}: {lines} lines on {connections} connections, {faults} faults");
        good = good && checked.faults.is_empty();
    }
    Ok(Found::good_if(good))
}
