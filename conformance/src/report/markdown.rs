//! The report as Markdown, for the summary of a CI job.

use super::dedupe::dedupe;
use super::excerpt::excerpt;
use super::{Case, Judgement, Level, Report, Requirement, Standing, closing_line};

/// Lines of a trace: the last ones.
const TRACE_LINES_MAX: usize = 40;

/// Headline, table of levels, and what is to be said about each case that did not pass.
#[must_use]
pub fn markdown(report: &Report, judgement: &Judgement) -> String {
    let subject = &report.subject;
    let name = match &subject.homepage {
        Some(homepage) => format!("[{}]({homepage})", subject.name),
        None => subject.name.clone(),
    };
    let closing = closing_line(report, judgement);
    let closing = anstream::adapter::strip_str(&closing);
    let mut text = format!("## {name} {}: {closing}\n\n", subject.version);
    text.push_str(&format!("Suite {}, protocol {}.\n\n", report.suite.shown(), report.protocol));
    text.push_str(&levels(report, judgement));
    for (case, standing, others) in dedupe(report, judgement) {
        text.push_str(&about(case, standing));
        if others > 0 {
            text.push_str(&format!("\n{others} more permutations of it went the same way.\n"));
        }
    }
    text
}

fn levels(report: &Report, judgement: &Judgement) -> String {
    let mut text = "| level | passed | failed | known | skipped | undecided |\n".to_owned();
    text.push_str("| --- | ---: | ---: | ---: | ---: | ---: |\n");
    for level in Level::all() {
        let counts = judgement.counts_at(report, level);
        if counts.run() + counts.skipped > 0 {
            let (number, name) = (level.0, level.name());
            text.push_str(&format!(
                "| {number} {name} | {} | {} | {} | {} | {} |\n",
                counts.passed,
                counts.failed,
                counts.listed + counts.newer,
                counts.skipped,
                counts.suite
            ));
        }
    }
    text
}

fn about(case: &Case, standing: &Standing) -> String {
    let what = match standing {
        Standing::Passed | Standing::Skipped => return String::new(),
        Standing::Failed => "failed".to_owned(),
        Standing::Suite => "not decided".to_owned(),
        Standing::KnownFailing { reason } => format!("known to fail: {reason}"),
        Standing::KnownFlaky { reason } => format!("known to be flaky: {reason}"),
        Standing::NotFollowed => "is recommended, and not followed".to_owned(),
        Standing::Newer { since } => format!("failed, and is newer than the pinned suite: of {since}"),
        Standing::Stale { entry } => format!("passed, but `{entry}` is listed as failing"),
    };
    let mut text = format!("\n### `{}` {what}\n\n{}.\n", case.id, case.title);
    let why = case.why();
    if !why.is_empty() {
        text.push_str(&format!("\n{}", fenced(why.lines().map(str::to_owned))));
    }
    if matches!(standing, Standing::Failed | Standing::NotFollowed | Standing::Newer { .. }) {
        text.push_str(&requirements(case));
    }
    if !case.trace.is_empty() && !matches!(standing, Standing::Stale { .. }) {
        let last = &case.trace[case.trace.len().saturating_sub(TRACE_LINES_MAX)..];
        text.push_str(&format!(
            "\n<details><summary>trace</summary>\n\n{}\n</details>\n",
            fenced(excerpt(last))
        ));
    }
    text
}

fn requirements(case: &Case) -> String {
    let cited = case.failed_checks().flat_map(|check| case.spec_of(check));
    let mut found: Vec<&Requirement> = cited.filter_map(|citation| Requirement::find(citation)).collect();
    found.dedup();
    let line = |found: &Requirement| format!("- {}: {}\n", found.id, found.sentence);
    let lines: String = found.into_iter().map(line).collect();
    if lines.is_empty() { lines } else { format!("\n{lines}") }
}

/// A code block that no line of it can end.
fn fenced(lines: impl Iterator<Item = String>) -> String {
    lines.map(|line| format!("    {line}\n")).collect()
}
