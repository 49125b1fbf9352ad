//! What becomes of one line or event.

use schemars::JsonSchema;
use serde::Deserialize;
use serde_json::{Map, Value, json};

use crate::runner::WireLine;

/// A change of JSON objects of some kinds.
#[derive(Debug, Clone, PartialEq, Default, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Change {
    /// The kinds that are changed; none: every one.
    #[serde(default)]
    pub of: Vec<String>,
    /// It is not said.
    #[serde(default)]
    pub drop: bool,
    /// It is said twice.
    #[serde(default)]
    pub twice: bool,
    /// Its descriptors are left out.
    #[serde(default)]
    pub without_fds: bool,
    /// Keys that get another value, if they are there; those that begin with `+` also if not.
    #[serde(default)]
    pub set: Map<String, Value>,
    /// Keys that are left out.
    #[serde(default)]
    pub remove: Vec<String>,
    /// Keys whose number is raised.
    #[serde(default)]
    pub raise: Map<String, Value>,
}

impl Change {
    /// What takes the place of a line on the wire with this object. Its descriptors stay with the first line.
    #[must_use]
    pub fn apply_to_line(&self, line: WireLine, object: Map<String, Value>) -> Vec<WireLine> {
        let WireLine { on, fds, .. } = line;
        let mut fds = Some(fds).filter(|_| !self.without_fds);
        let with_fds =
            |object| WireLine { fds: fds.take().unwrap_or_default(), ..WireLine::new(&on, object) };
        self.apply(object).into_iter().map(with_fds).collect()
    }

    /// Whether it is about objects of this kind.
    #[must_use]
    pub fn is_of(&self, kind: &str) -> bool {
        self.of.is_empty() || self.of.iter().any(|of| of == kind)
    }

    /// What takes the place of an object.
    #[must_use]
    pub fn apply(&self, mut object: Map<String, Value>) -> Vec<Map<String, Value>> {
        if self.drop {
            return Vec::new();
        }
        for (key, value) in &self.set {
            match key.strip_prefix('+') {
                Some(key) => drop(object.insert(key.to_owned(), value.clone())),
                None if object.contains_key(key) => drop(object.insert(key.clone(), value.clone())),
                None => {}
            }
        }
        for (key, by) in &self.raise {
            if let (Some(number), Some(by)) = (object.get(key).and_then(Value::as_u64), by.as_u64()) {
                object.insert(key.clone(), json!(number + by));
            }
        }
        for key in &self.remove {
            object.remove(key);
        }
        if self.twice { vec![object.clone(), object] } else { vec![object] }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn object(value: Value) -> Map<String, Value> {
        value.as_object().cloned().expect("an object")
    }

    #[test]
    fn keys_are_set_raised_and_removed_and_only_a_plus_adds_one() {
        let change: Change = serde_json::from_value(json!({
            "set": {"address": "elsewhere", "code": "internal", "+colour": "red"},
            "raise": {"re": 500},
            "remove": ["more"]
        }))
        .expect("a change");
        let changed = change.apply(object(json!({"address": ":80", "re": 1, "more": true})));
        assert_eq!(changed, [object(json!({"address": "elsewhere", "re": 501, "colour": "red"}))]);
    }

    #[test]
    fn a_change_of_no_kind_is_one_of_every_kind() {
        assert!(Change::default().is_of("released"));
        let change = Change { of: vec!["pong".to_owned()], ..Change::default() };
        assert!(!change.is_of("released"));
    }
}
