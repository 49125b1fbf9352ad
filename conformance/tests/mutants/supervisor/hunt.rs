//! One mutant in one case: does the check that it is to fail, fail, and no other?

use std::collections::BTreeSet;
use std::path::PathBuf;
use std::sync::{Arc, LazyLock};

use serverswap_conformance::mutant::{FaultyArbiter, SupervisorMutant, Target, supervisor_checks};
use serverswap_conformance::report::{Case, Outcome, Role};
use serverswap_conformance::runner::Budget;
use serverswap_conformance::runner::WIRE_VALID;
use serverswap_conformance::sandbox::Programs;
use serverswap_conformance::scenario::{Catalogue, Instance, Selection};
use serverswap_conformance::supervisor::{SupervisorCommand, SupervisorSettings, play_case};

use crate::parallel::{HASTE, LEISURE};

/// How many run at once.
pub const AT_ONCE: usize = 12;

/// Every case of the role, read once.
static CASES: LazyLock<Vec<Instance>> =
    LazyLock::new(|| catalogue().select(Role::Supervisor, &Selection::default()));

/// The reference supervisor.
static COMMAND: LazyLock<SupervisorCommand> = LazyLock::new(|| SupervisorCommand {
    words: vec![Programs::find().serverswap_deploy.display().to_string()],
    fake_server: PathBuf::from(env!("CARGO_BIN_EXE_serverswap-conformance")),
});

/// One mutant in one case.
pub struct Hunt {
    mutant: Arc<SupervisorMutant>,
    /// The check that is to fail.
    pub target: Target,
}

pub fn catalogue() -> Catalogue {
    Catalogue::embedded().expect("the catalogue is right")
}

/// Every mutant with every check that it says that it kills.
pub fn hunts() -> Vec<Hunt> {
    let targets = supervisor_checks(&catalogue());
    let mut hunts = Vec::new();
    for mutant in SupervisorMutant::embedded().expect("the mutants are right") {
        let mutant = Arc::new(mutant);
        let meant = targets.iter().filter(|target| mutant.kills.iter().any(|kills| kills.includes(target)));
        hunts.extend(meant.cloned().map(|target| Hunt { mutant: mutant.clone(), target }));
    }
    hunts
}

impl Hunt {
    /// What went wrong; `None` if the check failed as it should.
    pub fn survived(&self) -> Option<String> {
        [HASTE, 1.0, LEISURE].into_iter().map_while(|pace| self.survived_at(pace)).nth(2)
    }

    fn survived_at(&self, pace: f64) -> Option<String> {
        let Hunt { mutant, target } = self;
        let check = target.step.map(|_| target.check.as_str());
        let instance = CASES.iter().find(|case| case.id == target.case).expect("a case has its checks");
        let settings = SupervisorSettings { budget: Budget::Times(pace) };
        let case = play_case(instance, &COMMAND, settings, Box::new(FaultyArbiter::new(mutant, check)));
        let told = self.missed(&case)?;
        Some(format!("{} in {}:{}: {told}", mutant.id, target.case, target.check))
    }

    fn missed(&self, case: &Case) -> Option<String> {
        if let Outcome::Suite { why } | Outcome::Skipped { why } = &case.outcome {
            return Some(why.clone());
        }
        // A line that is wrong is also wrong on the wire.
        let looked_at = |name: &str| name != WIRE_VALID || self.target.step.is_none();
        let failed = || case.checks.iter().filter(|check| !check.passed && looked_at(&check.name));
        let names: BTreeSet<&str> = failed().map(|check| check.name.as_str()).collect();
        if names == BTreeSet::from([self.target.check.as_str()]) {
            return None;
        }
        let others = failed()
            .map(|check| format!("{} ({})", check.name, check.message.as_deref().unwrap_or_default()));
        Some(format!("these failed: {}", others.collect::<Vec<_>>().join("; ")))
    }
}
