//! The report as JUnit XML, for what shows test results. A case is a test case; a folder of the
//! catalogue is a test suite.
//!
//! A known failure is shown as skipped, with its reason: JUnit has no word for it. What the suite
//! itself failed at is an error, not a failure.

use std::time::Duration;

use quick_junit::{NonSuccessKind, TestCase, TestCaseStatus, TestSuite};

use super::excerpt::excerpt;
use super::{Case, Judgement, Report, Standing};

/// The XML document.
///
/// # Errors
/// If it cannot be serialised, which would be a fault of the library.
pub fn junit(report: &Report, judgement: &Judgement) -> Result<String, quick_junit::SerializeError> {
    let subject = &report.subject;
    let mut document = quick_junit::Report::new(format!("{} {}", subject.name, subject.version));
    let mut suites: Vec<TestSuite> = Vec::new();
    for (case, standing) in report.cases.iter().zip(&judgement.standings) {
        let (folder, name) = split(&case.id);
        let known = suites.iter().position(|suite| suite.name.as_str() == folder);
        let suite = known.unwrap_or_else(|| {
            suites.push(TestSuite::new(folder));
            suites.len() - 1
        });
        suites[suite].add_test_case(test_case(folder, name, case, standing));
    }
    document.add_test_suites(suites);
    document.to_string()
}

/// The folder and the rest of an id; a permutation may have a `/` in its brackets.
fn split(id: &str) -> (&str, &str) {
    let path = id.split('[').next().unwrap_or(id);
    path.rfind('/').map_or(("", id), |slash| (&id[..slash], &id[slash + 1..]))
}

fn test_case(folder: &str, name: &str, case: &Case, standing: &Standing) -> TestCase {
    let mut test = TestCase::new(name, status(case, standing));
    test.set_classname(folder).set_time(Duration::from_millis(case.millis));
    if !matches!(standing, Standing::Passed) && !case.trace.is_empty() {
        test.set_system_out(excerpt(&case.trace).collect::<Vec<_>>().join("\n"));
    }
    if !case.stderr.is_empty() {
        test.set_system_err(&case.stderr);
    }
    test
}

fn status(case: &Case, standing: &Standing) -> TestCaseStatus {
    let bad = |kind, r#type: &str, message: String| {
        let mut status = TestCaseStatus::non_success(kind);
        status.set_type(r#type).set_message(message);
        status
    };
    let skipped = |message: String| {
        let mut status = TestCaseStatus::skipped();
        status.set_message(message);
        status
    };
    match standing {
        Standing::Passed => TestCaseStatus::success(),
        Standing::Failed => bad(NonSuccessKind::Failure, "failed", case.why()),
        Standing::KnownFailing { reason } => skipped(format!("known to fail ({reason}): {}", case.why())),
        Standing::KnownFlaky { reason } => skipped(format!("known to be flaky ({reason}): {}", case.why())),
        Standing::NotFollowed => skipped(format!("recommended: {}", case.why())),
        Standing::Newer { since } => {
            skipped(format!("newer than the pinned suite, of {since}: {}", case.why()))
        }
        Standing::Stale { entry } => {
            bad(NonSuccessKind::Failure, "stale", format!("listed as failing (`{entry}`), and passed"))
        }
        Standing::Skipped => skipped(case.why()),
        Standing::Suite => bad(NonSuccessKind::Error, "suite", case.why()),
    }
}
