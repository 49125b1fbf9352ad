//! A state table as Markdown: the states, what moves them as a diagram, every cell.

use std::collections::{BTreeMap, BTreeSet};

use serverswap_protocol::trace::{Cell, Kind, Machine, Row, Scope, Side, Table};

type Rows = fn(&Row) -> &BTreeMap<String, Cell>;

pub(crate) fn section(machine: &Machine) -> String {
    let states: String =
        machine.states.iter().map(|(state, means)| format!("| `{state}` | {} |\n", text(means))).collect();
    let other = match machine.view {
        Side::Client => "received from the arbiter",
        Side::Arbiter => "received from the client",
    };
    format!(
        "\n| state | meaning |\n| --- | --- |\n{states}\n{}{}{}",
        diagram(machine),
        table(machine, "sent", machine.view, |row| &row.send),
        table(machine, other, machine.view.other(), |row| &row.receive),
    )
}

fn text(value: &serde_json::Value) -> &str {
    value.as_str().unwrap_or_default()
}

fn diagram(machine: &Machine) -> String {
    let mut edges: BTreeMap<(usize, usize), BTreeSet<String>> = BTreeMap::new();
    let order: Vec<&String> = machine.states.keys().collect();
    let position = |state: &str| order.iter().position(|name| *name == state).expect("a known state");
    for (state, row) in &machine.cells {
        for (sign, cells) in [("send", &row.send), ("get", &row.receive)] {
            for (name, cell) in cells {
                if let Kind::Next(next) = &cell.kind
                    && next != state
                {
                    edges
                        .entry((position(state), position(next)))
                        .or_default()
                        .insert(format!("{sign} {name}"));
                }
            }
        }
    }
    if edges.is_empty() {
        return String::new();
    }
    let mut lines = format!("```mermaid\nstateDiagram-v2\n    [*] --> {}\n", machine.initial);
    for ((from, to), labels) in edges {
        let labels = labels.into_iter().collect::<Vec<_>>().join(", ");
        lines += &format!("    {} --> {}: {labels}\n", order[from], order[to]);
    }
    lines + "```\n\n"
}

fn table(machine: &Machine, title: &str, speaker: Side, cells: Rows) -> String {
    let names: Vec<&str> = Table::v1()
        .names(speaker)
        .iter()
        .map(|name| name.name.as_str())
        .filter(|name| machine.cells.values().any(|row| cells(row).contains_key(*name)))
        .collect();
    let states: Vec<String> = machine.states.keys().map(|state| format!("`{state}`")).collect();
    let mut table =
        format!("| {title} | {} |\n| --- |{}\n", states.join(" | "), " --- |".repeat(states.len()));
    for name in names {
        let row: Vec<String> = machine
            .states
            .keys()
            .map(|state| {
                cells(&machine.cells[state.as_str()])
                    .get(name)
                    .map_or(String::new(), |cell| shown(cell, state))
            })
            .collect();
        table += &format!("| `{name}` | {} |\n", row.join(" | "));
    }
    table + "\n"
}

fn shown(cell: &Cell, state: &str) -> String {
    let reply = cell.reply.as_ref().map(|reply| format!("; owes `{reply}`")).unwrap_or_default();
    match &cell.kind {
        Kind::Next(next) if next == state => format!("stays{reply}"),
        Kind::Next(next) => format!("→ `{next}`{reply}"),
        Kind::Never => "never".to_owned(),
        Kind::Ignore => "ignored".to_owned(),
        Kind::Refuse(code) => format!("error `{code}`"),
        Kind::Close(code) => format!("fatal `{code}`"),
        Kind::Delegate(Scope::Role) => "by role".to_owned(),
        Kind::Delegate(Scope::Address | Scope::Connection) => "by address".to_owned(),
    }
}
