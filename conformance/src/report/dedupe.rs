//! Permutations of one case that went alike: a fault that shows at every byte is reported once.

use super::{Case, Judgement, Report, Standing};

/// Each case with its standing, but of the permutations of a case that went alike only the first,
/// with the number of the others.
pub(super) fn dedupe<'a>(
    report: &'a Report,
    judgement: &'a Judgement,
) -> Vec<(&'a Case, &'a Standing, usize)> {
    let mut shown: Vec<(&Case, &Standing, usize)> = Vec::new();
    for (case, standing) in report.cases.iter().zip(&judgement.standings) {
        let same = |(other, others, _): &&mut (&Case, &Standing, usize)| {
            *others == standing && scenario(other) == scenario(case) && failed(other).eq(failed(case))
        };
        match shown.iter_mut().find(same) {
            Some((_, _, others)) => *others += 1,
            None => shown.push((case, standing, 0)),
        }
    }
    shown.retain(|(_, standing, _)| !matches!(standing, Standing::Passed | Standing::Skipped));
    shown
}

fn scenario(case: &Case) -> &str {
    case.id.split('[').next().unwrap_or(&case.id)
}

fn failed(case: &Case) -> impl Iterator<Item = &str> {
    case.failed_checks().map(|check| check.name.as_str())
}
