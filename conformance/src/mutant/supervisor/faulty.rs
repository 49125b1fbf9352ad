//! A mutant in one case: well behaved until the step begins whose check is to fail.

use super::SupervisorMutant;
use super::lines::Lines;
use crate::connection::ConnectionEnd;
use crate::mutant::Switch;
use crate::runner::{Exited, Fault, WireLine};

/// The fault of a mutant in one case.
#[derive(Debug)]
pub struct FaultyArbiter {
    lines: Lines,
    switch: Switch,
}

impl FaultyArbiter {
    /// The fault of a mutant that is switched on at the step with this check; `None`: it is on from
    /// the beginning.
    #[must_use]
    pub fn new(mutant: &SupervisorMutant, check: Option<&str>) -> FaultyArbiter {
        FaultyArbiter { lines: Lines::new(mutant.fault.clone()), switch: Switch::at(check) }
    }
}

impl Fault for FaultyArbiter {
    fn reached(&mut self, check: &str) -> bool {
        self.switch.reached(check)
    }

    fn line(&mut self, line: WireLine) -> Vec<WireLine> {
        if self.switch.on { self.lines.filter(line) } else { vec![line] }
    }

    fn closing(&mut self, _: &str, ended: ConnectionEnd) -> Option<ConnectionEnd> {
        (!(self.switch.on && self.lines.filters.never_closes)).then_some(ended)
    }

    fn sets_environment(&mut self) -> bool {
        !(self.switch.on && self.lines.filters.starts_bare)
    }

    fn ends_servers(&mut self) -> bool {
        !(self.switch.on && self.lines.filters.spares_servers)
    }

    fn exited(&mut self, exited: Exited) -> Option<Exited> {
        Some(self.lines.filters.exits_with.filter(|_| self.switch.on).map_or(exited, Exited::Status))
    }

    fn lets_in(&mut self) -> bool {
        !(self.switch.on && self.lines.filters.shuts_out)
    }
}
