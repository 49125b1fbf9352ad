//! `explain CASE`: what the text of the protocol says, what the case expects, and what happened
//! when it was last run.
//!
//! It deliberately runs nothing.

mod json_text;
mod steps;

use crate::client::{SMOKE, SMOKE_CHECKS, SMOKE_TITLE, VectorGroup, known_vectors};
use crate::config::nearest;
use crate::report::{Case, Check, Outcome, Published, Requirement, excerpt, one_line};
use crate::scenario::{Catalogue, Scenario};
use crate::style::{BAD, BOLD, DIM, GOOD, paint};

/// Why a case cannot be explained.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum ExplainError {
    /// It does not exist.
    #[error("there is no case `{id}`{}", hint(nearest.as_deref()))]
    Unknown {
        /// As it was asked for.
        id: String,
        /// What may have been meant.
        nearest: Option<String>,
    },
}

fn hint(nearest: Option<&str>) -> String {
    match nearest {
        Some(nearest) => format!("; did you mean `{nearest}`?"),
        None => "; `serverswap-conformance list` shows all of them".to_owned(),
    }
}

/// The explanation of a case, with colours; beside it its last run, if a report has one.
///
/// # Errors
/// If neither the catalogue nor the report has such a case.
pub fn explain(catalogue: &Catalogue, id: &str, last: Option<&Published>) -> Result<String, ExplainError> {
    let run = last.and_then(|published| last_run(published, id));
    let case = run.as_ref().map(|run| run.case);
    let mut text = match (catalogue.scenario(id), VectorGroup::find(id), case) {
        (Some(scenario), _, case) => of_scenario(scenario, case),
        (None, Some(group), case) => of_vectors(id, &group, case),
        (None, None, _) if id == SMOKE => return Ok(of_smoke()),
        (None, None, Some(case)) => headline(&case.id, &case.title) + &requirements(case.spec.iter()),
        (None, None, None) => return Err(unknown(catalogue, id)),
    };
    text.push_str(&match run {
        Some(run) => run.shown(),
        None => {
            format!("\n{}\n  it is in no stored report; `run --only '{id}'` makes one\n", title("Last run"))
        }
    });
    Ok(text)
}

fn unknown(catalogue: &Catalogue, id: &str) -> ExplainError {
    let vectors = known_vectors();
    let scenarios = catalogue.scenarios().iter().map(|scenario| scenario.id.as_str());
    let ids = scenarios.chain(vectors.iter().map(|(id, _)| id.as_str())).chain([SMOKE]);
    ExplainError::Unknown { id: id.to_owned(), nearest: nearest(id, ids) }
}

fn of_scenario(scenario: &Scenario, case: Option<&Case>) -> String {
    let checks = scenario.checks();
    let ids = scenario.spec.iter().chain(checks.iter().flat_map(|(_, spec)| spec));
    let mut text = headline(&scenario.id, &scenario.title) + &requirements(ids);
    let names = scenario.matrix.keys().map(|name| format!("${name}")).collect::<Vec<_>>().join(" and ");
    let each = if names.is_empty() { names } else { paint(DIM, format!(" (for each value of {names})")) };
    text.push_str(&format!("\n{}{each}\n", title("What is expected")));
    for (sentence, number) in steps::sentences(scenario).iter().zip(1..) {
        let check = sentence.check.as_ref().map_or(String::new(), |name| format!("  {}", marked(name, case)));
        let indent = "  ".repeat(sentence.indent);
        text.push_str(&format!("  {number:>2}  {indent}{}{check}\n", sentence.text));
    }
    text
}

/// No report of it is kept: it is run in a moment.
fn of_smoke() -> String {
    let expected = format!(
        "\n{} {}\n",
        title("What is expected of the driver"),
        paint(DIM, "(conformance/contract/v1/README.md)")
    );
    let checks = SMOKE_CHECKS.iter().map(|(name, what)| format!("  {name}: {what}\n"));
    headline(SMOKE, SMOKE_TITLE) + &expected + &checks.collect::<String>()
}

fn of_vectors(id: &str, group: &VectorGroup, case: Option<&Case>) -> String {
    let mut text =
        headline(id, group.title) + &format!("\n{}\n", title("What is given, and what has to come back"));
    for [name, given, back] in &group.vectors {
        let [given, back] = [given, back].map(|line| one_line(line));
        text.push_str(&format!("  {}\n    {given}\n    {back}\n", marked(name, case)));
    }
    text
}

fn headline(id: &str, title: &str) -> String {
    format!("{}\n{title}\n", paint(BOLD, id))
}

fn title(title: &str) -> String {
    paint(BOLD, title)
}

/// The name of a check, and how it went in a case that was run.
fn marked(name: &str, case: Option<&Case>) -> String {
    mark(name, case.and_then(|case| case.checks.iter().rfind(|check| check.name == *name)))
}

fn mark(name: &str, found: Option<&Check>) -> String {
    match found {
        Some(Check { passed: true, .. }) => format!("[{} {name}]", paint(GOOD, "✓")),
        Some(Check { passed: false, .. }) => format!("[{} {name}]", paint(BAD, "✗")),
        None => paint(DIM, format!("[{name}]")),
    }
}

/// The sentences of the text, each once.
fn requirements<'a>(ids: impl Iterator<Item = &'a String>) -> String {
    let mut seen: Vec<&str> = Vec::new();
    let mut text = format!("\n{} {}\n", title("What the text says"), paint(DIM, "(spec/README.md)"));
    for found in ids.filter_map(|citation| Requirement::find(citation)) {
        if !seen.contains(&found.id.as_str()) {
            seen.push(&found.id);
            text.push_str(&format!("  {}: {}\n", found.id, found.sentence));
        }
    }
    if seen.is_empty() { String::new() } else { text }
}

/// What a report has about a case, or about one of its permutations.
struct LastRun<'a> {
    published: &'a Published,
    case: &'a Case,
    /// How many permutations there are beside it, and how many of those failed.
    others: (usize, usize),
}

/// The case, or its first permutation that failed, or its first one.
fn last_run<'a>(published: &'a Published, id: &str) -> Option<LastRun<'a>> {
    let of_id = |case: &&Case| case.id == id || case.id.split('[').next() == Some(id);
    let found: Vec<&Case> = published.report.cases.iter().filter(of_id).collect();
    let failed = |case: &&&Case| case.failed_checks().next().is_some();
    let case = found.iter().find(failed).or_else(|| found.first()).copied()?;
    let others = (found.len() - 1, found.iter().filter(failed).count().saturating_sub(1));
    Some(LastRun { published, case, others })
}

impl LastRun<'_> {
    fn shown(&self) -> String {
        let subject = &self.published.report.subject;
        let mut text = format!(
            "\n{} {}\n",
            title("Last run"),
            paint(DIM, format!("({} {})", subject.name, subject.version))
        );
        if self.others.0 > 0 {
            let (others, failed) = self.others;
            text.push_str(&format!(
                "  {}: the first of {} permutations, {failed} more failed\n",
                self.case.id,
                others + 1
            ));
        }
        for line in excerpt(&self.case.trace) {
            text.push_str(&format!("  {line}\n"));
        }
        for line in self.case.stderr.lines() {
            text.push_str(&format!("  {} {}\n", paint(DIM, "stderr"), line.escape_debug()));
        }
        text.push_str(&self.result());
        text
    }

    fn result(&self) -> String {
        let why = self.case.why();
        match &self.case.outcome {
            Outcome::Passed => format!("  {}\n", paint(GOOD, "it passed")),
            Outcome::Skipped { .. } => format!("  it was skipped: {why}\n"),
            Outcome::Failed | Outcome::Suite { .. } => {
                why.lines().map(|line| format!("  {} {line}\n", paint(BAD, "✗"))).collect()
            }
        }
    }
}

#[cfg(test)]
mod tests;
