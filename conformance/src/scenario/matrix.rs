//! Expands one scenario to several cases: one for each value.

use std::collections::BTreeMap;

use schemars::JsonSchema;
use serde::Deserialize;
use serde_json::Value;

use super::catalogue::Instance;
use super::step::{Send, Step};
use super::{Offset, Scenario, Split, Values};

/// The values of one name.
#[derive(Debug, Clone, PartialEq, Deserialize, JsonSchema)]
#[serde(untagged)]
pub enum Axis {
    /// Every offset inside the step whose `split` or `cut` is that name.
    EveryByte(EveryByte),
    /// These values.
    Values(Vec<Value>),
    /// These values, each with a name that the id shows instead of it.
    Named(BTreeMap<String, Value>),
}

/// The word `every-byte`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize, JsonSchema)]
pub enum EveryByte {
    /// Every offset from 1 to the last byte.
    #[serde(rename = "every-byte")]
    EveryByte,
}

/// Whether each `every-byte` has the step that it belongs to.
pub(super) fn review(scenario: &Scenario) -> Result<(), String> {
    for (name, axis) in &scenario.matrix {
        if matches!(axis, Axis::EveryByte(_)) && length(scenario, name).is_none() {
            return Err(format!("no step has `split: ${name}` or `cut: ${name}`"));
        }
        let is_empty = match axis {
            Axis::Values(values) => values.is_empty(),
            Axis::Named(values) => values.is_empty(),
            Axis::EveryByte(_) => false,
        };
        if is_empty {
            return Err(format!("`{name}` has no values"));
        }
    }
    Ok(())
}

/// The cases of a scenario. The id of each shows its values.
pub(super) fn instances(scenario: Scenario) -> Vec<Instance> {
    let mut choices = vec![Choice::default()];
    for (name, axis) in &scenario.matrix {
        let values = values(&scenario, name, axis);
        let with = |choice: &Choice, shown: &str, value: &Value| {
            let mut choice = choice.clone();
            choice.values.insert(name.clone(), value.clone());
            choice.shown.push(format!("{name}={shown}"));
            choice
        };
        let each = |choice: &Choice| {
            values.iter().map(|(shown, value)| with(choice, shown, value)).collect::<Vec<_>>()
        };
        choices = choices.iter().flat_map(each).collect();
    }
    let scenario = std::sync::Arc::new(scenario);
    let instance = |choice: Choice| Instance {
        id: choice.id(&scenario.id),
        scenario: scenario.clone(),
        values: choice.values,
    };
    choices.into_iter().map(instance).collect()
}

/// One value of each name, and how the id shows them.
#[derive(Clone, Default)]
struct Choice {
    values: Values,
    shown: Vec<String>,
}

impl Choice {
    fn id(&self, scenario: &str) -> String {
        if self.shown.is_empty() {
            scenario.to_owned()
        } else {
            format!("{scenario}[{}]", self.shown.join(","))
        }
    }
}

/// The values of one name, each with how the id shows it.
fn values(scenario: &Scenario, name: &str, axis: &Axis) -> Vec<(String, Value)> {
    let shown = |value: &Value| match value {
        Value::String(text) => text.clone(),
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::Array(_) | Value::Object(_) => {
            value.to_string()
        }
    };
    match axis {
        Axis::Values(values) => values.iter().map(|value| (shown(value), value.clone())).collect(),
        Axis::Named(values) => values.iter().map(|(name, value)| (name.clone(), value.clone())).collect(),
        Axis::EveryByte(_) => {
            let offsets = 1..length(scenario, name).unwrap_or(1);
            offsets.map(|offset| (offset.to_string(), Value::from(offset as u64))).collect()
        }
    }
}

/// The least number of bytes of the step that is cut at `name`: the same in every run.
fn length(scenario: &Scenario, name: &str) -> Option<usize> {
    let cut_here = |split: &Split| split.0.contains(&Offset::Variable(name.to_owned()));
    scenario.steps.iter().find_map(|step| {
        let Step::Send(send) = &step.value else { return None };
        (cut_here(&send.split) || send.cut.as_ref().is_some_and(cut_here)).then(|| bytes(send))
    })
}

fn bytes(send: &Send) -> usize {
    let lines = send.message.iter().chain(send.lines.iter().flatten());
    let whole: usize = lines.map(|line| line.bytes_min() + 1).sum();
    whole
        + send.raw.as_ref().map_or(0, String::len)
        + send.raw_b64.as_ref().map_or(0, |raw| raw.len() / 4 * 3)
}
