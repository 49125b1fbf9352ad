//! `check-trace`: recorded conversations.

use std::fs;
use std::io;
use std::path::{Path, PathBuf};

use clap::Args;
use serverswap_conformance::recording::{Checked, RecordedFault, check};
use serverswap_protocol::trace::Side;

use serverswap_conformance::exit::{Ended, Found};

/// Which recordings are checked.
#[derive(Debug, Args)]
pub(super) struct CheckTrace {
    /// Files that `serverswap --trace FILE` has written, and folders of recordings, such as a report.
    #[arg(required = true, value_name = "FILE")]
    files: Vec<PathBuf>,
}

pub(super) fn check_trace(recordings: CheckTrace) -> Ended {
    let mut good = true;
    for path in &recordings.files {
        good &= if path.is_dir() { check_folder(path)? } else { check_file(path)? };
    }
    Ok(Found::good_if(good))
}

/// Whether one recording has no fault.
fn check_file(file: &Path) -> Result<bool, Box<dyn std::error::Error>> {
    let checked = check(file)?;
    print_faults(file, &checked);
    let (file, lines, connections) = (file.display(), checked.lines, checked.connections);
    anstream::println!("{file}: {lines} lines on {connections} connections, {}", count(&checked));
    Ok(checked.faults.is_empty())
}

/// Whether no recording below a folder has a fault. What a test wanted is counted.
fn check_folder(folder: &Path) -> Result<bool, Box<dyn std::error::Error>> {
    let files = recordings_below(folder)?;
    let mut sum = Checked::default();
    for file in &files {
        let checked = check(file)?;
        print_all(file, &checked.faults, "");
        sum.lines += checked.lines;
        sum.faults.extend(checked.faults);
        sum.deliberate.extend(checked.deliberate);
    }
    let (folder, files, lines) = (folder.display(), files.len(), sum.lines);
    anstream::println!("{folder}: {lines} lines in {files} recordings, {}", count(&sum));
    Ok(sum.faults.is_empty() && files > 0)
}

fn recordings_below(folder: &Path) -> io::Result<Vec<PathBuf>> {
    let mut entries: Vec<PathBuf> =
        fs::read_dir(folder)?.map(|entry| Ok(entry?.path())).collect::<io::Result<_>>()?;
    entries.sort();
    let mut files = Vec::new();
    for path in entries {
        if path.is_dir() {
            files.extend(recordings_below(&path)?);
        } else if path.extension().is_some_and(|extension| extension == "ndjson") {
            files.push(path);
        }
    }
    Ok(files)
}

fn print_faults(file: &Path, checked: &Checked) {
    print_all(file, &checked.faults, "");
    print_all(file, &checked.deliberate, ", deliberately");
}

fn print_all(file: &Path, faults: &[RecordedFault], how: &str) {
    for fault in faults {
        let by = match fault.by {
            Side::Client => "client",
            Side::Arbiter => "arbiter",
        };
        let (file, number, on) = (file.display(), fault.number, &fault.on);
        anstream::println!("{file}:{number}: the {by} on connection `{on}`{how}: {}", fault.rule);
        anstream::println!("  {}", fault.line);
    }
}

fn count(checked: &Checked) -> String {
    let faults = checked.faults.len();
    match checked.deliberate.len() {
        0 => format!("{faults} faults"),
        wanted => format!("{faults} faults; {wanted} lines are wrong deliberately"),
    }
}
