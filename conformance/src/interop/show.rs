//! The table old × new, and what is wrong with which swap.

use super::{Cell, CellOutcome, Interop};
use crate::paint::{BAD, BOLD, DIM, GOOD, duration, number, paint};

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
    let swapped = interop.cells.iter().filter(|cell| matches!(cell.outcome, CellOutcome::Swapped { .. }));
    let (mark, word) = if interop.is_good() { (GOOD, "✓") } else { (BAD, "✗") };
    anstream::println!(
        "{} {} swaps across languages under load, {} with a fault",
        paint(mark, word),
        swapped.count(),
        interop.cells.iter().filter(|cell| !cell.is_good()).count()
    );
}

/// Room for `12,345 ok`.
const CELL: usize = 9;

fn painted(cell: &Cell, width: usize) -> String {
    let (style, text) = match &cell.outcome {
        CellOutcome::Swapped { requests, .. } if cell.is_good() => {
            (GOOD, format!("{} ok", number(*requests)))
        }
        CellOutcome::Swapped { failed, .. } if failed.is_empty() => (BAD, "faulty".to_owned()),
        CellOutcome::Swapped { failed, .. } => (BAD, format!("{} lost", number(failed.values().sum()))),
        CellOutcome::Unable => (DIM, "–".to_owned()),
        CellOutcome::Failed { .. } => (BAD, "failed".to_owned()),
    };
    paint(style, format!("{text:>width$}"))
}

fn fault(cell: &Cell) -> String {
    match &cell.outcome {
        CellOutcome::Failed { why } => why.clone(),
        CellOutcome::Unable => String::new(),
        CellOutcome::Swapped { requests, failed, longest_gap, old_status, new_status, faults } => {
            let kinds: Vec<String> =
                failed.iter().map(|(failure, count)| format!("{} {failure}", number(*count))).collect();
            let lost = if kinds.is_empty() { "nothing lost".to_owned() } else { kinds.join(", ") };
            let rules: String = faults.iter().map(|fault| format!("\n  {fault}")).collect();
            format!(
                "{} answered, {lost}; longest gap {}; exit status {old_status} of the old command, {new_status} of the new one{rules}",
                number(*requests),
                duration(*longest_gap)
            )
        }
    }
}
