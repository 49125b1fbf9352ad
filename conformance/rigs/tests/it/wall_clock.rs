//! The wall clock is in no decision: `serverswap-cli` and the client read it for what people are told, and
//! nowhere else.
//!
//! (The pure cores may not read any clock, which clippy denies; the drivers and `sys` may read those
//! that never jump. `tests/e2e/clock.rs` has a clock that jumps.)

use std::path::{Path, PathBuf};

use serverswap_conformance::sandbox::Programs;

/// Whatever reads the wall clock, or computes with what it said.
const WORDS: [&str; 6] =
    ["SystemTime", "UNIX_EPOCH", "CLOCK_REALTIME", "gettimeofday", "libc::time(", "SystemClock"];

/// Where people are told the time: lines with a time in front, since when somebody serves, which log is newest, and what was
/// done when.
const TELLS: [&str; 18] = [
    "serverswap-cli/src/events/mod.rs",
    "serverswap-cli/src/history/command.rs",
    "serverswap-cli/src/history/entry.rs",
    "serverswap-cli/src/history/record.rs",
    "serverswap-cli/src/history/writer.rs",
    "serverswap-cli/src/metrics/exposition.rs",
    "serverswap-cli/src/metrics/totals.rs",
    "serverswap-cli/src/output/generation_log.rs",
    "serverswap-cli/src/status/collect.rs",
    "serverswap-cli/src/status/details.rs",
    "serverswap-cli/src/status/layout.rs",
    "serverswap-cli/src/status/row.rs",
    "serverswap-cli/src/status/watch.rs",
    "serverswap-cli/src/ui/console.rs",
    "serverswap-cli/src/ui/json.rs",
    "serverswap-cli/src/ui/style.rs",
    "serverswap-cli/src/status/json.rs",
    "serverswap-cli/src/status/report.rs",
];

fn sources(folder: &Path) -> Vec<PathBuf> {
    let entries = std::fs::read_dir(folder).expect("the folder exists");
    let paths = entries.map(|entry| entry.expect("it can be listed").path());
    paths.flat_map(|path| if path.is_dir() { sources(&path) } else { vec![path] }).collect()
}

#[test]
fn only_output_for_people_reads_the_wall_clock() {
    let repository = Programs::find().repository;
    let folders = ["serverswap-cli/src", "bindings/core/src"].map(|folder| repository.join(folder));
    let is_test =
        |path: &Path| path.components().any(|part| part.as_os_str() == "tests") || path.ends_with("tests.rs");
    let reads = |path: &PathBuf| {
        let text = std::fs::read_to_string(path).expect("it is a source file");
        WORDS.iter().any(|word| text.contains(word))
    };
    let mut found: Vec<String> = folders
        .iter()
        .flat_map(|folder| sources(folder))
        .filter(|path| !is_test(path) && reads(path))
        .map(|path| path.strip_prefix(&repository).expect("it is in it").display().to_string())
        .collect();
    found.sort();
    let mut tells = TELLS;
    tells.sort_unstable();
    assert_eq!(found, tells);
}
