//! A state file that another build of serverswap has written: the same format, and not the same keys.
//!
//! The orphan never comes back by itself, so that only a state that is read tells of it.
//! (`make upgrade` plays two real builds against each other.)

use serde_json::{Map, Value};
use serverswap_conformance::sandbox::Sandbox;

use crate::Outcome;
use crate::orphans::{is_replaced, orphaned};

/// The supervisor of an orphan is dead, and its state is changed; then a deploy.
async fn with_an_orphan_and_a_state_changed_by(change: fn(&mut Map<String, Value>)) -> Outcome {
    let (shop, orphan) = orphaned(Sandbox::new()?).await?;
    let path = shop.sandbox.runtime_dir().join("state.json");
    let mut state: Map<String, Value> = serde_json::from_slice(&std::fs::read(&path)?)?;
    let before = state.clone();
    change(&mut state);
    assert_ne!(state, before, "a build like this one would write the same");
    std::fs::write(&path, Value::Object(state).to_string())?;
    is_replaced(shop, orphan, 2).await
}

/// Lets `change` change every object that has fixed keys: not the maps by generation and by address.
fn every_record(value: &mut Value, change: fn(&mut Map<String, Value>)) {
    match value {
        Value::Object(members) => {
            for (key, value) in members.iter_mut() {
                match (key.as_str(), value) {
                    ("generations" | "addresses", Value::Object(records)) => {
                        records.values_mut().for_each(|record| every_record(record, change));
                    }
                    (_, value) => every_record(value, change),
                }
            }
            change(members);
        }
        Value::Array(values) => values.iter_mut().for_each(|value| every_record(value, change)),
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) => {}
    }
}

fn written_by(version: &str, state: &mut Map<String, Value>, change: fn(&mut Map<String, Value>)) {
    let mut whole = Value::Object(std::mem::take(state));
    every_record(&mut whole, change);
    if let Value::Object(members) = whole {
        *state = members;
    }
    state.insert("version".to_owned(), version.into());
}

#[tokio::test]
async fn a_state_of_a_build_to_come_with_keys_unknown_to_this_one_loses_nothing() -> Outcome {
    with_an_orphan_and_a_state_changed_by(|state| {
        written_by("0.2.0", state, |record| {
            record.insert("ofALaterBuild".to_owned(), serde_json::json!({"why": [null, "because"]}));
        });
    })
    .await
}

#[tokio::test]
async fn a_state_of_an_early_build_without_the_keys_that_came_later_loses_nothing() -> Outcome {
    with_an_orphan_and_a_state_changed_by(|state| {
        written_by("0.0.1", state, |record| {
            for later in ["pendingEvents", "probationUntilMicros", "connections", "supervisor"] {
                record.remove(later);
            }
            // What the first builds wrote of a generation, and nobody reads any more.
            if record.contains_key("awaitsServerUp") {
                record.insert("stays".to_owned(), true.into());
            }
        });
    })
    .await
}
