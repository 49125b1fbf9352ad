//! The report for people at a terminal: nothing about what passed, everything about what failed,
//! a table, and one line that says it all.

use super::dedupe::dedupe;
use super::excerpt::{escaped, excerpt};
use super::{Case, Check, Counts, Judgement, Level, Outcome, Report, Requirement, Scope, Standing, Verdict};
use crate::style::{BAD, BOLD, DIM, GOOD, paint, table};

/// Lines of a trace, and of what a driver wrote to stderr: the last ones.
const TRACE_LINES_MAX: usize = 16;
const STDERR_LINES_MAX: usize = 10;

/// The whole report, with colours that `anstream` takes away where there is no terminal.
#[must_use]
pub fn terminal(report: &Report, judgement: &Judgement) -> String {
    let mut text = format!("{}\n\n", paint(BOLD, subject(report, judgement.scope)));
    for (case, standing, others) in dedupe(report, judgement) {
        text.push_str(&about_all(case, standing, others));
    }
    text.push_str(&levels(report, judgement));
    text.push_str(&not_run(report));
    text.push_str(&format!("\n{}\n", closing_line(report, judgement)));
    text
}

/// What there is to say of the driver contract alone, which has no level.
#[must_use]
pub fn smoke(report: &Report, judgement: &Judgement) -> String {
    let about: String =
        dedupe(report, judgement).iter().map(|(case, standing, _)| about(case, standing)).collect();
    match judgement.verdict() {
        Verdict::Conforms => format!("{}the driver keeps the contract\n", checks(report)),
        Verdict::AsListed | Verdict::DoesNotConform => {
            format!("{about}the driver does not keep the contract\n")
        }
        Verdict::SuiteFailed => format!("{about}undecided\n"),
    }
}

/// Of a selection no level is said, since none was shown.
fn subject(report: &Report, scope: Scope) -> String {
    let subject = &report.subject;
    let words = [subject.language.as_deref(), subject.language_version.as_deref()];
    let language = words.into_iter().flatten().collect::<Vec<_>>().join(" ");
    let language = if language.is_empty() { language } else { format!(" ({language})") };
    let level = match scope {
        Scope::Whole => format!(", level {}", report.level),
        Scope::Part => String::new(),
    };
    let suite = report.suite.shown();
    format!(
        "{} {}{language}, protocol {}{level}, suite {suite}",
        subject.name, subject.version, report.protocol
    )
}

/// What is said about a case, and of how many of its permutations it is true as well.
fn about_all(case: &Case, standing: &Standing, others: usize) -> String {
    let text = about(case, standing);
    match others {
        0 => text,
        others => format!("{}\n    {others} more permutations of it went the same way\n\n", text.trim_end()),
    }
}

fn about(case: &Case, standing: &Standing) -> String {
    match standing {
        Standing::Passed | Standing::Skipped => String::new(),
        Standing::Failed => failure(case),
        Standing::Suite => suite_failure(case),
        Standing::KnownFailing { reason } => listed(case, "known to fail", reason),
        Standing::KnownFlaky { reason } => listed(case, "known to be flaky", reason),
        Standing::NotFollowed => uncounted(case, "the text only recommends it"),
        Standing::Newer { since } => {
            uncounted(case, &format!("it came with suite {since}, which is newer than the pinned one"))
        }
        Standing::Stale { entry } => {
            let why = format!("it is listed as failing (`{entry}`) and passed: take the entry out");
            format!("{} {}\n    {why}\n\n", paint(BAD, "✗"), paint(BOLD, &case.id))
        }
    }
}

fn listed(case: &Case, how: &str, reason: &str) -> String {
    let checks: Vec<&str> = case.failed_checks().map(|check| check.name.as_str()).collect();
    format!("~ {} failed at {}; {how}: {reason}\n\n", case.id, checks.join(", "))
}

/// A failure that does not count, and why.
fn uncounted(case: &Case, why: &str) -> String {
    let checks: Vec<&str> = case.failed_checks().map(|check| check.name.as_str()).collect();
    format!("~ {} failed at {}; {why}\n\n", case.id, checks.join(", "))
}

fn failure(case: &Case) -> String {
    let mut text = headline(case);
    for check in case.failed_checks() {
        text.push_str(&failed_check(case, check));
    }
    text.push_str(&evidence(case));
    text.push_str(&format!(
        "    {}\n\n",
        paint(DIM, format!("serverswap-conformance explain '{}'", case.id))
    ));
    text
}

fn suite_failure(case: &Case) -> String {
    let why = match &case.outcome {
        Outcome::Suite { why } => why.as_str(),
        Outcome::Passed | Outcome::Failed | Outcome::Skipped { .. } => "",
    };
    let failed: String = case.failed_checks().map(|check| failed_check(case, check)).collect();
    format!("{}{failed}    not decided: {}\n{}\n", headline(case), indented(why), evidence(case))
}

fn headline(case: &Case) -> String {
    format!("{} {}\n  {}\n", paint(BAD, "✗"), paint(BOLD, &case.id), case.title)
}

fn failed_check(case: &Case, check: &Check) -> String {
    let message = check.message.as_deref().unwrap_or("it did not pass");
    let mut text = format!("    {}: {}\n", paint(BAD, &check.name), indented(message));
    for id in case.spec_of(check) {
        if let Some(requirement) = Requirement::find(id) {
            text.push_str(&format!("    {}\n", paint(DIM, format!("{id}: {}", requirement.sentence))));
        }
    }
    text
}

/// The trace's end and what the driver wrote to stderr.
fn evidence(case: &Case) -> String {
    let mut text = String::new();
    let before = case.trace.len().saturating_sub(TRACE_LINES_MAX);
    if before > 0 {
        text.push_str(&format!("      {}\n", paint(DIM, format!("… {before} lines before"))));
    }
    for line in excerpt(&case.trace[before..]) {
        text.push_str(&format!("      {line}\n"));
    }
    let stderr: Vec<&str> = case.stderr.lines().collect();
    for line in &stderr[stderr.len().saturating_sub(STDERR_LINES_MAX)..] {
        text.push_str(&format!("      {} {}\n", paint(DIM, "stderr"), escaped(line)));
    }
    text
}

/// Further lines of a text stand below its first one.
fn indented(text: &str) -> String {
    text.lines().map(escaped).collect::<Vec<_>>().join("\n      ")
}

fn levels(report: &Report, judgement: &Judgement) -> String {
    let rows = Level::all().filter_map(|level| {
        let counts = judgement.counts_at(report, level);
        (counts != Counts::default()).then(|| row(format!("{} {}", level.0, level.name()), counts))
    });
    let header = ["level", "passed", "failed", "known", "skipped", "undecided"];
    format!("{}\n", table(&header, &[0], rows))
}

fn row(name: String, counts: Counts) -> Vec<String> {
    let numbers = [counts.passed, counts.failed, counts.listed + counts.newer, counts.skipped, counts.suite];
    let shown = numbers.iter().map(|&number| if number == 0 { "-".to_owned() } else { number.to_string() });
    std::iter::once(name).chain(shown).collect()
}

/// Why cases were skipped, each reason once.
fn not_run(report: &Report) -> String {
    let mut reasons: Vec<(&str, usize)> = Vec::new();
    for case in &report.cases {
        if let Outcome::Skipped { why } = &case.outcome {
            match reasons.iter_mut().find(|(reason, _)| reason == why) {
                Some((_, count)) => *count += 1,
                None => reasons.push((why, 1)),
            }
        }
    }
    let lines =
        reasons.iter().map(|(why, count)| format!("  {}\n", paint(DIM, format!("{count} skipped: {why}"))));
    lines.collect()
}

/// As in `conforms at level 3: 61 of 61`. Of a selection no level is said.
#[must_use]
pub fn closing_line(report: &Report, judgement: &Judgement) -> String {
    let counts = judgement.counts();
    let of = format!("{} of {}", counts.passed, counts.run());
    let about = match judgement.scope {
        Scope::Whole => format!(" at level {}", report.level),
        Scope::Part => ", of a selection".to_owned(),
    };
    let not_followed = match counts.not_followed {
        0 => String::new(),
        1 => " (and 1 recommendation is not followed)".to_owned(),
        several => format!(" (and {several} recommendations are not followed)"),
    };
    let of = format!("{of}{not_followed}");
    match judgement.verdict() {
        Verdict::Conforms if judgement.scope == Scope::Whole => {
            format!("{}{about}: {of}", paint(GOOD, "conforms"))
        }
        Verdict::Conforms => format!("{}{about}: {of}", paint(GOOD, "passed")),
        Verdict::AsListed => {
            let newer = match counts.newer {
                0 => String::new(),
                newer => format!(", {newer} newer than the pinned suite"),
            };
            format!("as listed{about}: {of} passed, {} known to fail{newer}", counts.listed)
        }
        Verdict::DoesNotConform => {
            let stale = match counts.stale {
                0 => String::new(),
                stale => format!(", {stale} of them listed as failing"),
            };
            format!("{}{about}: {of}{stale}", paint(BAD, "does not conform"))
        }
        Verdict::SuiteFailed => {
            format!("{}: {} of {} cases", paint(BAD, "undecided"), counts.suite, counts.run())
        }
    }
}

/// Every check of every case with a mark, for a run that is short.
fn checks(report: &Report) -> String {
    let checks = report.cases.iter().flat_map(|case| &case.checks);
    let line = |check: &Check| {
        let mark = if check.passed { paint(GOOD, "✓") } else { paint(BAD, "✗") };
        let message =
            check.message.as_deref().map_or(String::new(), |message| format!(": {}", indented(message)));
        format!("{mark} {}{message}\n", check.name)
    };
    checks.map(line).collect()
}
