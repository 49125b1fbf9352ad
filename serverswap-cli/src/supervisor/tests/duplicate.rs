//! The core and the normative table `client-duplicate` of `spec/v1/states.json` agree.

use serde_json::Value;

use super::*;

const STATES: &str = include_str!("../../../../spec/v1/states.json");
const ADDRESS: &str = ":8080";

/// The cells of one state of the machine: what it `receive`s or `send`s.
fn cells(state: &str, direction: &str) -> Vec<(String, Value)> {
    let spec: Value = serde_json::from_str(STATES).expect("it is well-formed");
    let machines = spec["machines"].as_array().expect("a list");
    let machine = machines.iter().find(|machine| machine["id"] == "client-duplicate").expect("it is there");
    let cells = machine["cells"][state][direction].as_object().expect("a list of cells");
    let of_each_name = |(names, cell): (&String, &Value)| -> Vec<(String, Value)> {
        names.split(' ').map(|name| (name.to_owned(), cell.clone())).collect()
    };
    cells.iter().flat_map(of_each_name).collect()
}

fn next(cell: &Value) -> Option<String> {
    cell["next"].as_str().map(str::to_owned)
}

/// A supervisor whose duplicate is in a state that lasts.
fn in_state(state: &str) -> Run {
    let served = || Run::stay().takes(ADDRESS);
    match state {
        "none" => served().arbiter(EventKind::Close, ADDRESS).forget(),
        "kept" => served().forget(),
        "over" => served().arbiter(EventKind::Replaced, ADDRESS).forget(),
        other => panic!("`{other}` does not last"),
    }
}

fn receives(run: Run, event: &str) -> Run {
    match event {
        "event+listener" => run.serving(ADDRESS),
        "event+close" => run.arbiter(EventKind::Close, ADDRESS),
        "event+replaced" => run.arbiter(EventKind::Replaced, ADDRESS),
        other => panic!("`{other}` is no event about a duplicate"),
    }
}

#[test]
fn it_goes_through_the_states_of_the_specification() {
    let mut compared = 0;
    for state in ["none", "kept", "over"] {
        let legal = cells(state, "receive").into_iter().filter(|(_, cell)| cell["close"].is_null());
        for (event, cell) in legal {
            let run = receives(in_state(state), &event);
            let is_answered = run.done.contains(&format!("send closed {ADDRESS}"));
            assert_eq!(is_answered, cell["reply"] == "closed", "{state}, {event}");
            let entered = next(&cell).unwrap_or_else(|| state.to_owned());
            let answered = || cells(&entered, "send").into_iter().find(|(name, _)| name == "closed");
            let left = if is_answered { answered().and_then(|(_, cell)| next(&cell)) } else { None };
            let is_over = run.supervisor.holding().is_empty();
            let is_kept = run.done.contains(&format!("keep {ADDRESS}"));
            let reached = if is_over {
                "over"
            } else if is_kept {
                "kept"
            } else {
                "none"
            };
            assert_eq!(left.unwrap_or(entered), reached, "{state}, {event}");
            compared += 1;
        }
    }
    assert_eq!(compared, 7);
}
