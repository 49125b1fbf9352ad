//! A mutant in one case: well behaved until the step begins whose check is to fail.

use serde_json::{Map, Value};

use super::{Change, Filters, Mutant, Says, Switch};
use crate::connection::ConnectionEnd;
use crate::runner::{Exited, Fault, WireLine};

/// The fault of a mutant in one case.
#[derive(Debug)]
pub struct Faulty {
    filters: Filters,
    switch: Switch,
    /// Events that are told after the next reply.
    late: Vec<Map<String, Value>>,
}

impl Faulty {
    /// The fault of a mutant that is switched on at the step with this check; `None`: it is on from the
    /// beginning.
    #[must_use]
    pub fn new(mutant: &Mutant, check: Option<&str>) -> Faulty {
        Faulty { filters: mutant.fault.clone(), switch: Switch::at(check), late: Vec::new() }
    }

    fn tells(&mut self) -> Option<Map<String, Value>> {
        self.filters.tells.take()
    }
}

impl Fault for Faulty {
    fn reached(&mut self, check: &str) -> bool {
        self.switch.reached(check)
    }

    fn line(&mut self, line: WireLine) -> Vec<WireLine> {
        let Some(change) = self.filters.line.as_ref().filter(|_| self.switch.on) else { return vec![line] };
        let Some(object) = line.object() else { return vec![line] };
        if !change.is_of(kind(&object, "type")) {
            return vec![line];
        }
        change.apply_to_line(line, object)
    }

    fn sent(&mut self, on: &str, line: &str) -> Vec<WireLine> {
        let Some(Says { after, line: said }) = self.filters.says.as_ref().filter(|_| self.switch.on) else {
            return Vec::new();
        };
        let object: Option<Map<String, Value>> = serde_json::from_str(line).ok();
        if object.is_none_or(|object| kind(&object, "type") != after) {
            return Vec::new();
        }
        vec![WireLine::new(on, said.clone())]
    }

    fn driver_line(&mut self, line: Map<String, Value>) -> Vec<Map<String, Value>> {
        if !self.switch.on {
            return vec![line];
        }
        let is_event = line.contains_key("event");
        let change = if is_event { &self.filters.event } else { &self.filters.reply };
        let of_kind = |change: &&Change| !is_event || change.is_of(kind(&line, "event"));
        let mut lines = match change.as_ref().filter(of_kind) {
            Some(change) => change.apply(line),
            None => vec![line],
        };
        match (is_event, self.filters.late_events) {
            (true, true) => self.late.append(&mut lines),
            (false, true) => lines.append(&mut self.late),
            (false, false) => drop(lines.splice(0..0, self.tells())),
            (true, false) => {}
        }
        lines
    }

    fn closing(&mut self, _: &str, ended: ConnectionEnd) -> Option<ConnectionEnd> {
        (!(self.switch.on && self.filters.never_closes)).then_some(ended)
    }

    fn descriptor_count(&mut self, count: u64) -> u64 {
        match (self.switch.on, self.filters.closes_everything) {
            (false, _) => count,
            (true, true) => 0,
            (true, false) => count + self.filters.leaks,
        }
    }

    fn descriptors_are(&mut self, so: bool) -> bool {
        so && !(self.switch.on && self.filters.clears_flags)
    }

    fn connects(&mut self) -> bool {
        !(self.switch.on && self.filters.never_connects)
    }

    fn lets_in(&mut self) -> bool {
        !(self.switch.on && self.filters.shuts_out)
    }

    fn answered(&mut self, bytes: Vec<u8>) -> Vec<u8> {
        match self.filters.answers.as_ref().filter(|_| self.switch.on) {
            Some(answer) => answer.clone().into_bytes(),
            None => bytes,
        }
    }

    fn exited(&mut self, exited: Exited) -> Option<Exited> {
        Some(match self.filters.exits_with.filter(|_| self.switch.on) {
            Some(status) => Exited::Status(status),
            None => exited,
        })
    }
}

fn kind<'a>(object: &'a Map<String, Value>, key: &str) -> &'a str {
    object.get(key).and_then(Value::as_str).unwrap_or_default()
}
