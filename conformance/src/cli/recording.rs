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

    /// Judge the guarantees as well: untouched-until-ready, never-two-holders, newest-wins
    #[arg(long)]
    guarantees: bool,
}

pub(super) fn check_trace(recordings: CheckTrace) -> Ended {
    let CheckTrace { files, guarantees } = recordings;
    let mut good = true;
    for path in &files {
        good &= if path.is_dir() { check_folder(path, guarantees)? } else { check_file(path, guarantees)? };
    }
    Ok(Found::good_if(good))
}

/// Whether one recording is good.
fn check_file(file: &Path, guarantees: bool) -> Result<bool, Box<dyn std::error::Error>> {
    let checked = judged(file, guarantees)?;
    print_faults(file, &checked);
    print_all(file, &checked.deliberate, ", deliberately");
    let (file, lines, connections) = (file.display(), checked.lines, checked.connections);
    anstream::println!("{file}: {lines} lines on {connections} connections, {}", count(&checked, guarantees));
    Ok(is_good(&checked))
}

/// Whether every recording below a folder is good. What a test wanted is counted.
fn check_folder(folder: &Path, guarantees: bool) -> Result<bool, Box<dyn std::error::Error>> {
    let files = recordings_below(folder)?;
    let mut sum = Checked::default();
    for file in &files {
        let checked = judged(file, guarantees)?;
        print_faults(file, &checked);
        sum.lines += checked.lines;
        sum.faults.extend(checked.faults);
        sum.deliberate.extend(checked.deliberate);
        sum.breaches.extend(checked.breaches);
    }
    let (folder, files, lines) = (folder.display(), files.len(), sum.lines);
    anstream::println!("{folder}: {lines} lines in {files} recordings, {}", count(&sum, guarantees));
    Ok(is_good(&sum) && files > 0)
}

fn judged(file: &Path, guarantees: bool) -> Result<Checked, Box<dyn std::error::Error>> {
    let mut checked = check(file)?;
    checked.breaches.retain(|_| guarantees);
    Ok(checked)
}

fn is_good(checked: &Checked) -> bool {
    checked.faults.is_empty() && checked.breaches.is_empty()
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
    for (number, breach) in &checked.breaches {
        anstream::println!("{}:{number}: {breach}", file.display());
    }
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

fn count(checked: &Checked, guarantees: bool) -> String {
    let mut text = format!("{} faults", checked.faults.len());
    if guarantees {
        text += &format!(", {} guarantees broken", checked.breaches.len());
    }
    match checked.deliberate.len() {
        0 => text,
        wanted => format!("{text}; {wanted} lines are wrong deliberately"),
    }
}
