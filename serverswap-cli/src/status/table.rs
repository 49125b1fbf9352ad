//! The table for people: one line for each server of each address.

use super::{AddressOverview, Draining, Holder, Overview, Owner, Stage, Supervision, Unnamed};
use crate::ui::duration::text;
use crate::ui::words;

const HEAD: [&str; 6] = ["ADDRESS", "STATE", "PID", "FOR", "SUPERVISOR", "GENERATION"];

type Row = [String; 6];

pub(super) fn render(overview: &Overview) -> String {
    if overview.addresses.is_empty() && overview.unnamed.is_empty() {
        return format!("nothing is served in {}\n", overview.directory.display());
    }
    let mut rows = vec![HEAD.map(str::to_owned)];
    rows.extend(overview.addresses.iter().flat_map(address_rows));
    rows.extend(overview.unnamed.iter().flat_map(unnamed_rows));
    aligned(&rows)
}

fn address_rows(address: &AddressOverview) -> Vec<Row> {
    let holders = address.holders.iter().map(holder_row);
    let resting = address.owners.iter().filter(|owner| !is_represented(address, owner)).map(owner_row);
    let draining = address.draining.iter().map(draining_row);
    let mut rows: Vec<Row> = holders.chain(resting).chain(draining).collect();
    if address.holders.is_empty() && address.owners.is_empty() {
        rows.insert(0, ["", "not served", "-", "-", "-", "-"].map(str::to_owned));
    }
    rows[0][0] = address.address.to_string();
    rows
}

/// An owner whose server is in the table needs no line of its own.
fn is_represented(address: &AddressOverview, owner: &Owner) -> bool {
    address.holders.iter().any(|holder| holder.generation == owner.generation)
        || address.draining.iter().any(|draining| draining.generation == owner.generation)
}

fn holder_row(holder: &Holder) -> Row {
    let state = match holder.stage {
        Stage::Granted => "granted",
        Stage::Probation => "on probation",
        Stage::Serving => "serving",
    };
    [
        String::new(),
        state.to_owned(),
        holder.pid.to_string(),
        text(holder.age),
        supervisor(holder.supervision),
        holder.generation.to_string(),
    ]
}

fn owner_row(owner: &Owner) -> Row {
    let supervisor = supervisor(Supervision::Pid(owner.pid));
    let generation = owner.generation.to_string();
    [String::new(), "restarting".to_owned(), "-".to_owned(), "-".to_owned(), supervisor, generation]
}

fn draining_row(draining: &Draining) -> Row {
    let connections = draining.connections.map(|count| words::count(count, "connection"));
    let remaining = draining.remaining.map(|left| format!("{} left", text(left)));
    let details: Vec<String> = connections.into_iter().chain(remaining).collect();
    let state =
        if details.is_empty() { "draining".to_owned() } else { format!("draining ({})", details.join(", ")) };
    [
        String::new(),
        state,
        draining.pid.to_string(),
        text(draining.age),
        supervisor(draining.supervision),
        draining.generation.to_string(),
    ]
}

fn unnamed_rows(unnamed: &Unnamed) -> Vec<Row> {
    let row = |address: String, state: &str| {
        let (pid, generation) = (unnamed.pid.to_string(), unnamed.generation.to_string());
        [address, state.to_owned(), pid, "-".to_owned(), "-".to_owned(), generation]
    };
    if unnamed.listens.is_empty() {
        return vec![row("?".to_owned(), "unknown")];
    }
    unnamed.listens.iter().map(|address| row(address.to_string(), "listening")).collect()
}

fn supervisor(supervision: Supervision) -> String {
    match supervision {
        Supervision::Pid(pid) => format!("pid {pid}"),
        Supervision::LeftAlone => "left alone".to_owned(),
    }
}

fn aligned(rows: &[Row]) -> String {
    let width = |column: usize| rows.iter().map(|row| row[column].chars().count()).max().unwrap_or(0);
    let widths: Vec<usize> = (0..HEAD.len()).map(width).collect();
    let mut text = String::new();
    for row in rows {
        let cells = row.iter().zip(&widths).map(|(cell, width)| format!("{cell:<width$}"));
        let line = cells.collect::<Vec<_>>().join("  ");
        text.push_str(line.trim_end());
        text.push('\n');
    }
    text
}
