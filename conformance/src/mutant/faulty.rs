//! A mutant in one case: well behaved until the step begins whose check is to fail.

use serde_json::{Map, Value};

use super::{Change, Filters, Mutant, Says};
use crate::engine::{ClientLine, Closing, Exited, Fault, LineFds};

/// The fault of a mutant in one case.
#[derive(Debug)]
pub struct Faulty {
    filters: Filters,
    /// The check at whose step the fault is switched on; `None`: it is on from the beginning.
    at: Option<String>,
    on: bool,
}

impl Faulty {
    /// The fault of a mutant that is switched on at the step with this check; `None`: it is on from the
    /// beginning.
    #[must_use]
    pub fn new(mutant: &Mutant, check: Option<&str>) -> Faulty {
        let at = check.map(str::to_owned);
        Faulty { filters: mutant.fault.clone(), on: at.is_none(), at }
    }

    fn tells(&mut self) -> Option<Map<String, Value>> {
        self.filters.tells.take()
    }
}

impl Fault for Faulty {
    fn reached(&mut self, check: &str) -> bool {
        let now = self.at.as_deref() == Some(check);
        self.on |= now;
        now
    }

    fn client_line(&mut self, line: ClientLine) -> Vec<ClientLine> {
        let Some(change) = self.filters.line.as_ref().filter(|_| self.on) else { return vec![line] };
        let Some(object) = line.object() else { return vec![line] };
        if !change.is_of(kind(&object, "type")) {
            return vec![line];
        }
        let fds = if change.without_fds { LineFds::Dropped } else { line.fds };
        change.apply(object).iter().map(|object| ClientLine { fds, ..line.with(object) }).collect()
    }

    fn arbiter_line(&mut self, on: &str, line: &str) -> Vec<ClientLine> {
        let Some(Says { after, line: said }) = self.filters.says.as_ref().filter(|_| self.on) else {
            return Vec::new();
        };
        let object: Option<Map<String, Value>> = serde_json::from_str(line).ok();
        if object.is_none_or(|object| kind(&object, "type") != after) {
            return Vec::new();
        }
        let bytes = Value::Object(said.clone()).to_string().into_bytes();
        vec![ClientLine { on: on.to_owned(), bytes, fds: LineFds::Dropped }]
    }

    fn driver_line(&mut self, line: Map<String, Value>) -> Vec<Map<String, Value>> {
        if !self.on {
            return vec![line];
        }
        let is_event = line.contains_key("event");
        let change = if is_event { &self.filters.event } else { &self.filters.reply };
        let of_kind = |change: &&Change| !is_event || change.is_of(kind(&line, "event"));
        let mut lines = match change.as_ref().filter(of_kind) {
            Some(change) => change.apply(line),
            None => vec![line],
        };
        if !is_event {
            lines.splice(0..0, self.tells());
        }
        lines
    }

    fn closing(&mut self, _: &str, closing: Closing) -> Option<Closing> {
        (!(self.on && self.filters.never_closes)).then_some(closing)
    }

    fn descriptor_count(&mut self, count: u64) -> u64 {
        self.counted(count)
    }

    fn descriptors_of(&mut self, count: u64) -> u64 {
        self.counted(count)
    }

    fn descriptors_are(&mut self, so: bool) -> bool {
        so && !(self.on && self.filters.clears_flags)
    }

    fn connects(&mut self) -> bool {
        !(self.on && self.filters.never_connects)
    }

    fn lets_in(&mut self) -> bool {
        !(self.on && self.filters.shuts_out)
    }

    fn answered(&mut self, bytes: Vec<u8>) -> Vec<u8> {
        match self.filters.answers.as_ref().filter(|_| self.on) {
            Some(answer) => answer.clone().into_bytes(),
            None => bytes,
        }
    }

    fn exited(&mut self, exited: Exited) -> Option<Exited> {
        Some(match self.filters.exits_with.filter(|_| self.on) {
            Some(status) => Exited::Status(status),
            None => exited,
        })
    }
}

impl Faulty {
    fn counted(&self, count: u64) -> u64 {
        match (self.on, self.filters.closes_everything) {
            (false, _) => count,
            (true, true) => 0,
            (true, false) => count + self.filters.leaks,
        }
    }
}

fn kind<'a>(object: &'a Map<String, Value>, key: &str) -> &'a str {
    object.get(key).and_then(Value::as_str).unwrap_or_default()
}
