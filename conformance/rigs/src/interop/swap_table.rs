//! The table old × new, and what is wrong with which swap.

use std::time::Duration;

use super::{Handover, Interop, Swap, SwapOutcome};
use serverswap_conformance::style::{BAD, BOLD, DIM, GOOD, duration, number, paint};

/// Prints the table on stdout.
pub fn print(interop: &Interop) {
    let width = interop.drivers.iter().map(|name| name.chars().count()).max().unwrap_or(0).max(CELL);
    anstream::println!(
        "{}",
        paint(BOLD, "Each driver as the old server (rows) and as the new one (columns)")
    );
    let header: String = interop.drivers.iter().map(|name| format!("   {name:>width$}")).collect();
    anstream::println!("  {:width$}{}", "", paint(DIM, header));
    for old in &interop.drivers {
        let row: String = interop.row(old).map(|cell| format!("   {}", painted(cell, width))).collect();
        anstream::println!("  {old:width$}{row}");
    }
    for cell in interop.cells.iter().filter(|cell| !cell.is_good()) {
        anstream::println!("{} {} → {}: {}", paint(BAD, "✗"), cell.old, cell.new, fault(cell));
    }
    if let Some(gap) = longest_gap(interop) {
        let note = format!(
            "* exclusive: a driver that cannot receive the listener opens it itself, after the old one has closed \
             it; nobody answered for {} at most",
            duration(gap)
        );
        anstream::println!("{}", paint(DIM, note));
    }
    let swapped = interop.cells.iter().filter(|cell| matches!(cell.outcome, SwapOutcome::Swapped { .. }));
    let (mark, word) = if interop.is_good() { (GOOD, "✓") } else { (BAD, "✗") };
    anstream::println!(
        "{} {} swaps across languages under load, {} with a fault",
        paint(mark, word),
        swapped.count(),
        interop.cells.iter().filter(|cell| !cell.is_good()).count()
    );
}

/// Room for `12,345 ok*`.
const CELL: usize = 10;

/// Of the exclusive handovers; `None` if there is none.
fn longest_gap(interop: &Interop) -> Option<Duration> {
    let gap = |cell: &Swap| match cell.outcome {
        SwapOutcome::Swapped { handover: Handover::Exclusive, longest_gap, .. } => Some(longest_gap),
        SwapOutcome::Swapped { .. } | SwapOutcome::Unable | SwapOutcome::Failed { .. } => None,
    };
    interop.cells.iter().filter_map(gap).max()
}

fn painted(cell: &Swap, width: usize) -> String {
    let (style, text) = match &cell.outcome {
        SwapOutcome::Swapped { requests, handover, .. } if cell.is_good() => {
            let mark = if *handover == Handover::Exclusive { "*" } else { " " };
            (GOOD, format!("{} ok{mark}", number(*requests)))
        }
        SwapOutcome::Swapped { failed, .. } if failed.is_empty() => (BAD, "faulty".to_owned()),
        SwapOutcome::Swapped { failed, .. } => (BAD, format!("{} lost", number(failed.values().sum()))),
        SwapOutcome::Unable => (DIM, "–".to_owned()),
        SwapOutcome::Failed { .. } => (BAD, "failed".to_owned()),
    };
    paint(style, format!("{text:>width$}"))
}

fn fault(cell: &Swap) -> String {
    match &cell.outcome {
        SwapOutcome::Failed { why } => why.clone(),
        SwapOutcome::Unable => String::new(),
        SwapOutcome::Swapped {
            requests, failed, longest_gap, old_status, new_status, complaints, ..
        } => {
            let kinds: Vec<String> =
                failed.iter().map(|(failure, count)| format!("{} {failure}", number(*count))).collect();
            let lost = if kinds.is_empty() { "nothing lost".to_owned() } else { kinds.join(", ") };
            let rules: String = complaints.iter().map(|complaint| format!("\n  {complaint}")).collect();
            format!(
                "{} answered, {lost}; longest gap {}; exit status {old_status} of the old command, {new_status} of the new one{rules}",
                number(*requests),
                duration(*longest_gap)
            )
        }
    }
}
