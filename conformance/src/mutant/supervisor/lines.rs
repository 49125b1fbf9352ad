//! What the filters of a mutant make of the lines of an arbiter.

use std::os::fd::OwnedFd;

use serde_json::{Map, Value};

use super::{ArbiterFilters, WhichFds};
use crate::runner::WireLine;

/// The filters, and the lines that they hold back.
#[derive(Debug)]
pub(super) struct Lines {
    pub(super) filters: ArbiterFilters,
    held: Vec<WireLine>,
}

impl Lines {
    pub(super) fn new(filters: ArbiterFilters) -> Lines {
        Lines { filters, held: Vec::new() }
    }

    /// What takes the place of a line.
    pub(super) fn filter(&mut self, line: WireLine) -> Vec<WireLine> {
        let Some(object) = line.object() else { return vec![line] };
        let kind = object.get("type").and_then(Value::as_str).unwrap_or_default().to_owned();
        if self.filters.late.as_ref().is_some_and(|late| late.of == kind) {
            self.held.push(line);
            return Vec::new();
        }
        let said = self.filters.says.as_ref().filter(|says| says.before == kind);
        let mut lines: Vec<WireLine> =
            said.into_iter().map(|says| WireLine::new(&line.on, says.line.clone())).collect();
        lines.extend(self.changed(line, object, &kind));
        if self.filters.late.as_ref().is_some_and(|late| late.until == kind) {
            lines.append(&mut self.held);
        }
        lines
    }

    fn changed(&self, mut line: WireLine, object: Map<String, Value>, kind: &str) -> Vec<WireLine> {
        match self.filters.fds.as_ref().filter(|fds| fds.of.iter().any(|of| of == kind)) {
            Some(fds) if fds.are == WhichFds::Others => {
                line.fds = line.fds.iter().map(|_| another()).collect()
            }
            Some(_) => line.fds.push(another()),
            None => {}
        }
        match self.filters.line.as_ref().filter(|change| change.is_of(kind)) {
            Some(change) => change.apply_to_line(line, object),
            None => vec![line],
        }
    }
}

/// A descriptor of no listener.
fn another() -> OwnedFd {
    let (reader, _) = std::io::pipe().expect("a descriptor is left");
    reader.into()
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn lines(filters: Value) -> Lines {
        Lines::new(serde_json::from_value(filters).expect("filters"))
    }

    fn heard(lines: &mut Lines, said: &Value, fds: Vec<OwnedFd>) -> Vec<(Value, usize)> {
        let line = WireLine { on: "c1".to_owned(), bytes: said.to_string().into_bytes(), fds };
        let told = |line: WireLine| (Value::Object(line.object().expect("an object")), line.fds.len());
        lines.filter(line).into_iter().map(told).collect()
    }

    #[test]
    fn a_line_that_is_late_comes_after_the_one_that_it_waits_for() {
        let mut lines = lines(json!({"late": {"of": "granted", "until": "pong"}}));
        let (granted, pong) = (json!({"type": "granted"}), json!({"type": "pong"}));
        assert_eq!(heard(&mut lines, &granted, Vec::new()), []);
        assert_eq!(heard(&mut lines, &pong, Vec::new()), [(pong, 0), (granted, 0)]);
    }

    #[test]
    fn a_line_in_addition_has_no_descriptors_and_comes_first() {
        let mut lines = lines(json!({"says": {"before": "granted", "line": {"type": "takedown"}}}));
        let granted = json!({"type": "granted"});
        let heard = heard(&mut lines, &granted, vec![another()]);
        assert_eq!(heard, [(json!({"type": "takedown"}), 0), (granted, 1)]);
    }

    #[test]
    fn descriptors_are_left_out_and_added() {
        let granted = json!({"type": "granted", "fds": ["listener"]});
        let mut without = lines(json!({"line": {"without_fds": true}}));
        assert_eq!(heard(&mut without, &granted, vec![another()]), [(granted.clone(), 0)]);
        let mut with = lines(json!({"fds": {"of": ["granted"], "are": "one_more"}}));
        assert_eq!(heard(&mut with, &granted, vec![another()]), [(granted, 2)]);
    }
}
