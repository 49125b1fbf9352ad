//! A mutant in one case: well behaved until the step begins whose check is to fail.

use super::SupervisorMutant;
use super::lines::Lines;
use crate::supervisor::{ArbiterFault, ArbiterLine};

/// The fault of a mutant in one case.
#[derive(Debug)]
pub struct FaultyArbiter {
    lines: Lines,
    /// The check at whose step the fault is switched on; `None`: it is on from the beginning.
    at: Option<String>,
    on: bool,
}

impl FaultyArbiter {
    /// The fault of a mutant that is switched on at the step with this check; `None`: it is on from
    /// the beginning.
    #[must_use]
    pub fn new(mutant: &SupervisorMutant, check: Option<&str>) -> FaultyArbiter {
        let at = check.map(str::to_owned);
        FaultyArbiter { lines: Lines::new(mutant.fault.clone()), on: at.is_none(), at }
    }
}

impl ArbiterFault for FaultyArbiter {
    fn reached(&mut self, check: &str) -> bool {
        let now = self.at.as_deref() == Some(check);
        self.on |= now;
        now
    }

    fn line(&mut self, line: ArbiterLine) -> Vec<ArbiterLine> {
        if self.on { self.lines.said(line) } else { vec![line] }
    }

    fn closes(&mut self) -> bool {
        !(self.on && self.lines.filters.never_closes)
    }

    fn tells_servers(&mut self) -> bool {
        !(self.on && self.lines.filters.starts_bare)
    }

    fn ends_servers(&mut self) -> bool {
        !(self.on && self.lines.filters.spares_servers)
    }

    fn exited(&mut self, status: i32) -> i32 {
        self.lines.filters.exits_with.filter(|_| self.on).unwrap_or(status)
    }

    fn lets_in(&mut self) -> bool {
        !(self.on && self.lines.filters.shuts_out)
    }
}
