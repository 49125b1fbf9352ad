//! Several runs of the same cases as one report: a case that was bad once is bad.

use super::{Case, Outcome, Report};

/// Takes the worst run of each case, and says how often it was bad. The cases are in the order of
/// the first run; `None` without any run.
#[must_use]
pub fn repeated(runs: Vec<Report>) -> Option<Report> {
    let count = runs.len();
    let mut runs = runs.into_iter();
    let mut merged = runs.next()?;
    let mut bad: Vec<usize> = merged.cases.iter().map(|case| usize::from(badness(case) > 0)).collect();
    for case in runs.flat_map(|run| run.cases) {
        let Some(at) = merged.cases.iter().position(|merged| merged.id == case.id) else {
            continue;
        };
        bad[at] += usize::from(badness(&case) > 0);
        if badness(&case) > badness(&merged.cases[at]) {
            merged.cases[at] = case;
        }
    }
    if count > 1 {
        merged.cases.iter_mut().zip(bad).for_each(|(case, bad)| say_how_often(case, bad, count));
    }
    Some(merged)
}

fn badness(case: &Case) -> u8 {
    match case.outcome {
        Outcome::Passed | Outcome::Skipped { .. } => 0,
        Outcome::Failed => 1,
        Outcome::Suite { .. } => 2,
    }
}

fn say_how_often(case: &mut Case, bad: usize, runs: usize) {
    let often = format!("(in {bad} of {runs} runs)");
    match &mut case.outcome {
        Outcome::Passed | Outcome::Skipped { .. } => {}
        Outcome::Suite { why } => *why = format!("{why} {often}"),
        Outcome::Failed => {
            for check in case.checks.iter_mut().filter(|check| !check.passed) {
                let message = check.message.take().unwrap_or_default();
                check.message = Some(format!("{message} {often}").trim_start().to_owned());
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::report::{Check, Role, Subject, Suite};

    fn run(outcomes: [Outcome; 2]) -> Report {
        let subject = Subject {
            role: Role::Client,
            name: String::new(),
            version: String::new(),
            language: None,
            language_version: None,
            homepage: None,
        };
        let case = |(id, outcome): (&str, Outcome)| {
            let passed = outcome == Outcome::Passed;
            let message = (!passed).then(|| "late".to_owned());
            let check = Check { name: "granted".to_owned(), spec: Vec::new(), passed, message };
            Case {
                id: id.to_owned(),
                title: String::new(),
                level: 1,
                spec: Vec::new(),
                outcome,
                checks: vec![check],
                millis: 0,
                trace: Vec::new(),
                stderr: String::new(),
            }
        };
        let cases = ["one", "two"].into_iter().zip(outcomes).map(case).collect();
        Report { suite: Suite::this(), subject, protocol: 1, level: 1, cases }
    }

    #[test]
    fn a_case_that_failed_once_has_failed_and_says_how_often() {
        let runs = vec![
            run([Outcome::Passed, Outcome::Passed]),
            run([Outcome::Failed, Outcome::Passed]),
            run([Outcome::Failed, Outcome::Passed]),
        ];
        let merged = repeated(runs).expect("there are runs");
        assert_eq!(merged.cases[0].outcome, Outcome::Failed);
        assert_eq!(merged.cases[0].checks[0].message.as_deref(), Some("late (in 2 of 3 runs)"));
        assert_eq!(merged.cases[1].outcome, Outcome::Passed);
    }

    #[test]
    fn a_single_run_is_as_it_was() {
        let one = run([Outcome::Failed, Outcome::Passed]);
        assert_eq!(repeated(vec![one.clone()]), Some(one));
    }
}
