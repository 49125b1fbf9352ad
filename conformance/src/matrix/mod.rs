//! Many reports as one table, kept in a README between two markers.
//!
//! It deliberately holds nothing that differs from one machine to the next: no times, no versions
//! of language implementations. So the table in a repository is stale exactly when a result is.

mod readme;

use std::cmp::Reverse;

use crate::report::{Level, Outcome, Published, Role, Scope, Verdict};

pub use readme::{MatrixError, filled};

/// The table of some reports, one for clients and one for supervisors, highest level first. Of
/// two reports about the same subject the later one counts.
#[must_use]
pub fn table(reports: &[Published]) -> String {
    let mut rows: Vec<&Published> = Vec::new();
    for report in reports {
        rows.retain(|other| subject(other) != subject(report));
        rows.push(report);
    }
    rows.sort_by_key(|row| (Reverse(row.report.level), subject(row)));
    let tables = [("client", Role::Client), ("supervisor", Role::Supervisor)].map(|(title, role)| {
        let rows: Vec<&Published> =
            rows.iter().copied().filter(|row| row.report.subject.role == role).collect();
        if rows.is_empty() { String::new() } else { table_of(title, &rows) }
    });
    tables.into_iter().filter(|table| !table.is_empty()).collect::<Vec<_>>().join("\n")
}

fn table_of(title: &str, rows: &[&Published]) -> String {
    let levels: Vec<Level> =
        Level::all().filter(|level| rows.iter().any(|row| cell(row, *level).is_some())).collect();
    let names: String = levels.iter().map(|level| format!(" {} {} |", level.0, level.name())).collect();
    let rule: String = levels.iter().map(|_| " --- |").collect();
    let mut text = format!("| {title} | language |{names} |\n| --- | --- |{rule} --- |\n");
    for row in rows {
        let cells: String =
            levels.iter().map(|level| format!(" {} |", cell(row, *level).unwrap_or_default())).collect();
        let language = row.report.subject.language.as_deref().unwrap_or_default();
        text.push_str(&format!("| {} | {language} |{cells} {} |\n", name(row), result(row)));
    }
    text
}

/// What makes two reports ones about the same thing.
fn subject(published: &Published) -> (Role, &str, Option<&str>) {
    let subject = &published.report.subject;
    (subject.role, &subject.name, subject.language.as_deref())
}

fn name(published: &Published) -> String {
    let subject = &published.report.subject;
    match &subject.homepage {
        Some(homepage) => format!("[{}]({homepage}) {}", subject.name, subject.version),
        None => format!("{} {}", subject.name, subject.version),
    }
}

/// `22/22`, of those that were run.
fn cell(published: &Published, level: Level) -> Option<String> {
    let outcomes =
        published.report.cases.iter().filter(|case| case.level == level.0).map(|case| &case.outcome);
    let (mut passed, mut run) = (0, 0);
    for outcome in outcomes {
        match outcome {
            Outcome::Passed => {
                passed += 1;
                run += 1;
            }
            Outcome::Failed | Outcome::Suite { .. } => run += 1,
            Outcome::Skipped { .. } => {}
        }
    }
    (run > 0).then(|| format!("{passed}/{run}"))
}

fn result(published: &Published) -> String {
    let level = published.report.level;
    match (published.summary.verdict, published.summary.scope) {
        (Verdict::Conforms, Scope::Whole) => format!("conforms at level {level}"),
        (Verdict::Conforms, Scope::Part) => "passed, of a selection".to_owned(),
        (Verdict::AsListed, _) => format!("known failures at level {level}"),
        (Verdict::DoesNotConform, _) => format!("does not conform at level {level}"),
        (Verdict::SuiteFailed, _) => "undecided".to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::report::{Case, Judgement, Report, Standing, Subject, Suite};

    fn published(name: &str, language: &str, level: u8, outcomes: &[(u8, Outcome)]) -> Published {
        let case = |(level, outcome): &(u8, Outcome)| Case {
            id: String::new(),
            title: String::new(),
            level: *level,
            spec: Vec::new(),
            outcome: outcome.clone(),
            checks: Vec::new(),
            millis: 0,
            trace: Vec::new(),
            stderr: String::new(),
        };
        let subject = Subject {
            role: if language.is_empty() { Role::Supervisor } else { Role::Client },
            name: name.to_owned(),
            version: "1.0".to_owned(),
            language: (!language.is_empty()).then(|| language.to_owned()),
            language_version: Some("differs everywhere".to_owned()),
            homepage: None,
        };
        let cases: Vec<Case> = outcomes.iter().map(case).collect();
        let standing = |case: &Case| match case.outcome {
            Outcome::Passed => Standing::Passed,
            Outcome::Failed => Standing::Failed,
            Outcome::Skipped { .. } => Standing::Skipped,
            Outcome::Suite { .. } => Standing::Suite,
        };
        let standings = cases.iter().map(standing).collect();
        let report = Report { suite: Suite::this(), subject, protocol: 1, level, cases };
        Published::new(report, &Judgement { scope: Scope::Whole, standings })
    }

    #[test]
    fn a_row_is_a_subject_and_a_column_is_a_level() {
        let skipped = Outcome::Skipped { why: "no `fork`".to_owned() };
        let reports = [
            published("plain", "Node", 1, &[(1, Outcome::Passed), (1, skipped)]),
            published("serverswap", "", 3, &[(1, Outcome::Passed)]),
            published("serverswap", "Go", 2, &[(1, Outcome::Failed)]),
            published(
                "serverswap",
                "Go",
                2,
                &[(1, Outcome::Passed), (2, Outcome::Failed), (2, Outcome::Passed)],
            ),
        ];
        assert_eq!(
            table(&reports),
            "\
| client | language | 1 core | 2 descriptors | |
| --- | --- | --- | --- | --- |
| serverswap 1.0 | Go | 1/1 | 1/2 | does not conform at level 2 |
| plain 1.0 | Node | 1/1 |  | conforms at level 1 |

| supervisor | language | 1 core | |
| --- | --- | --- | --- |
| serverswap 1.0 |  | 1/1 | conforms at level 3 |
"
        );
    }
}
