//! The table for people: one line for each server of each address.

use super::{
    AddressReport, DrainingServer, Holder, HolderState, Owner, StatusReport, SupervisedBy, UnrecordedProcess,
};
use crate::ui::duration::text;
use crate::ui::grammar;

const HEAD: [&str; 6] = ["ADDRESS", "STATE", "PID", "FOR", "SUPERVISOR", "GENERATION"];

type Row = [String; 6];

pub(super) fn render(report: &StatusReport) -> String {
    if report.addresses.is_empty() && report.unrecorded.is_empty() {
        return format!("nothing is served in {}\n", report.directory.display());
    }
    let mut rows = vec![HEAD.map(str::to_owned)];
    rows.extend(report.addresses.iter().flat_map(address_rows));
    rows.extend(report.unrecorded.iter().flat_map(unrecorded_rows));
    aligned(&rows)
}

fn address_rows(address: &AddressReport) -> Vec<Row> {
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
fn is_represented(address: &AddressReport, owner: &Owner) -> bool {
    address.holders.iter().any(|holder| holder.generation == owner.generation)
        || address.draining.iter().any(|draining| draining.generation == owner.generation)
}

fn holder_row(holder: &Holder) -> Row {
    let state = match holder.state {
        HolderState::Granted => "granted",
        HolderState::Probation => "on probation",
        HolderState::Serving => "serving",
    };
    let says = holder.says.as_ref().map(|words| format!(" ({words})")).unwrap_or_default();
    [
        String::new(),
        format!("{state}{says}"),
        holder.pid.to_string(),
        text(holder.age),
        supervisor(holder.supervisor),
        holder.generation.to_string(),
    ]
}

fn owner_row(owner: &Owner) -> Row {
    let supervisor = supervisor(SupervisedBy::Pid(owner.pid));
    let generation = owner.generation.to_string();
    [String::new(), "restarting".to_owned(), "-".to_owned(), "-".to_owned(), supervisor, generation]
}

fn draining_row(draining: &DrainingServer) -> Row {
    let connections = draining.connections.map(|count| grammar::count(count, "connection"));
    let remaining = draining.remaining.map(|left| format!("{} left", text(left)));
    let details: Vec<String> = connections.into_iter().chain(remaining).collect();
    let state =
        if details.is_empty() { "draining".to_owned() } else { format!("draining ({})", details.join(", ")) };
    [
        String::new(),
        state,
        draining.pid.to_string(),
        text(draining.age),
        supervisor(draining.supervisor),
        draining.generation.to_string(),
    ]
}

fn unrecorded_rows(process: &UnrecordedProcess) -> Vec<Row> {
    let row = |address: String, state: &str| {
        let (pid, generation) = (process.pid.to_string(), process.generation.to_string());
        [address, state.to_owned(), pid, "-".to_owned(), "-".to_owned(), generation]
    };
    if process.listens.is_empty() {
        return vec![row("?".to_owned(), "unknown")];
    }
    process.listens.iter().map(|address| row(address.to_string(), "listening")).collect()
}

fn supervisor(supervisor: SupervisedBy) -> String {
    match supervisor {
        SupervisedBy::Pid(pid) => format!("pid {pid}"),
        SupervisedBy::Nobody => "none".to_owned(),
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
