//! The recordings of a report in which everything passed accuse nobody but the suite, and that only of what a
//! scenario wants.

use std::path::Path;

use serverswap_conformance::recording::{Checked, RecordedFault, check};
use serverswap_conformance::report::{Case, Report};
use serverswap_protocol::trace::Side;

/// Asserts it, with and without the word of the suite that a line is wrong deliberately.
pub(crate) fn accuse_nobody(report: &Report, subject: Side) {
    let folder = tempfile::tempdir().expect("a folder");
    let file = folder.path().join("trace.ndjson");
    for case in report.cases.iter().filter(|case| !case.trace.is_empty()) {
        let Checked { faults, deliberate, .. } = checked(&file, case, |text| text);
        assert!(faults.is_empty(), "{}: {}", case.id, faults[0]);
        let of_subject = |fault: &RecordedFault| fault.by == subject;
        assert!(!deliberate.iter().any(of_subject), "{}: {deliberate:?}", case.id);
        let Checked { faults, .. } = checked(&file, case, |text| text.replace(",\"deliberate\":true", ""));
        let of_subject: Vec<_> = faults.into_iter().filter(of_subject).collect();
        assert!(of_subject.is_empty(), "{}: {}", case.id, of_subject[0]);
    }
}

fn checked(file: &Path, case: &Case, change: impl Fn(String) -> String) -> Checked {
    let lines = case.trace.iter().map(|line| serde_json::to_string(line).expect("a line is JSON") + "\n");
    std::fs::write(file, change(lines.collect())).expect("writable");
    check(file).expect("a recording")
}
