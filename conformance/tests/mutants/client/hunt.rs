//! One mutant in one case: does the check that it is to fail, fail?

use std::collections::BTreeSet;
use std::num::NonZeroUsize;
use std::sync::{Arc, LazyLock};

use serverswap_conformance::client::{ClientSettings, known_vectors, run};
use serverswap_conformance::mutant::{Faulty, Mutant, Mutants, Target, checks};
use serverswap_conformance::report::{Case, Outcome};
use serverswap_conformance::runner::Budget;
use serverswap_conformance::scenario::{Catalogue, Selection};

use crate::parallel::{HASTE, LEISURE};
use crate::reference_driver::reference;

/// The pattern by which a mutant says that it kills every vector.
pub const VECTORS: &str = "vectors/*";

/// How many run at once.
pub const AT_ONCE: usize = 24;

/// Every scenario, read once.
static CATALOGUE: LazyLock<Catalogue> =
    LazyLock::new(|| Catalogue::embedded().expect("the catalogue is right"));

/// One mutant in one case.
pub struct Hunt {
    mutant: Arc<Mutant>,
    case: String,
    /// The checks that are to fail: one of a scenario, every one of a group of vectors.
    checks: Vec<String>,
    /// `None`: the vectors.
    target: Option<Target>,
}

/// Every mutant with every check that it says that it kills.
pub fn hunts() -> Vec<Hunt> {
    let targets = checks(&CATALOGUE);
    let mut hunts = Vec::new();
    for mutant in Mutants::embedded().expect("the mutants are right").0 {
        let mutant = Arc::new(mutant);
        let meant: BTreeSet<&Target> =
            targets.iter().filter(|target| mutant.kills.iter().any(|kills| kills.includes(target))).collect();
        hunts.extend(meant.into_iter().cloned().map(|target| Hunt {
            mutant: mutant.clone(),
            case: target.case.clone(),
            checks: vec![target.check.clone()],
            target: Some(target),
        }));
        if mutant.kills.iter().any(|kills| kills.case.as_deref() == Some(VECTORS)) {
            let of_groups = known_vectors().into_iter();
            hunts.extend(of_groups.map(|(case, checks)| Hunt {
                mutant: mutant.clone(),
                case,
                checks,
                target: None,
            }));
        }
    }
    hunts
}

impl Hunt {
    /// The checks that are to fail.
    pub fn killed(self) -> impl Iterator<Item = (String, String)> {
        let Hunt { case, checks, .. } = self;
        checks.into_iter().map(move |check| (case.clone(), check))
    }

    /// Whether the case waits for long.
    pub fn is_slow(&self) -> bool {
        self.target.as_ref().is_some_and(|target| target.is_slow)
    }

    /// What went wrong; `None` if the checks failed as they should.
    pub fn survived(&self) -> Option<String> {
        let paces: &[f64] = if self.is_slow() { &[1.0, LEISURE] } else { &[HASTE, 1.0, LEISURE] };
        // In haste first: a check that fails because something did not come, fails sooner.
        paces.iter().map_while(|pace| self.survived_at(*pace)).nth(paces.len() - 1)
    }

    fn survived_at(&self, pace: f64) -> Option<String> {
        let (mutant, target) = (self.mutant.clone(), self.target.clone());
        let faults = move |_: &str| -> Box<dyn serverswap_conformance::runner::Fault> {
            let check =
                target.as_ref().filter(|target| target.step.is_some()).map(|target| target.check.as_str());
            Box::new(Faulty::new(&mutant, check))
        };
        let settings = ClientSettings {
            jobs: NonZeroUsize::MIN,
            budget: Budget::Times(pace),
            faults: Arc::new(faults),
            ..ClientSettings::default()
        };
        let report = run(&CATALOGUE, &Selection::only(self.case.as_str()), &reference(), &settings);
        let told = match report {
            Err(error) => error.to_string(),
            Ok(report) => match report.cases.iter().find(|case| case.id == self.case) {
                None => "it was not run".to_owned(),
                Some(case) => self.missed(case)?,
            },
        };
        Some(format!("{} in {}:{}: {told}", self.mutant.id, self.case, self.checks.join(",")))
    }

    fn missed(&self, case: &Case) -> Option<String> {
        match &case.outcome {
            Outcome::Suite { why } => return Some(why.clone()),
            Outcome::Skipped { why } => return Some(why.clone()),
            Outcome::Passed | Outcome::Failed => {}
        }
        let failed: BTreeSet<&str> =
            case.checks.iter().filter(|check| !check.passed).map(|check| check.name.as_str()).collect();
        let missed: Vec<&str> =
            self.checks.iter().map(String::as_str).filter(|check| !failed.contains(check)).collect();
        let others = case.checks.iter().filter(|check| !check.passed);
        let others: Vec<String> = others
            .map(|check| format!("{} ({})", check.name, check.message.as_deref().unwrap_or_default()))
            .collect();
        (!missed.is_empty())
            .then(|| format!("survived in {}; failed: {}", missed.join(", "), others.join("; ")))
    }
}
