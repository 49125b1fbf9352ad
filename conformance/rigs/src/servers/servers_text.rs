//! The table, on a terminal.

use std::collections::BTreeMap;

use super::{Alone, Outcome, Refused, Row, Swapped, Table};
use serverswap_conformance::style::{BAD, BOLD, DIM, GOOD, duration, number, paint, table};
use serverswap_load::Failure;

/// Prints it on stdout.
pub fn print(seen: &Table) {
    anstream::println!("{}", paint(BOLD, "Servers by themselves: started and stopped five times under load"));
    let header = ["", "stopped by", "requests", "reset", "ended", "other", "ready after", "ends after"];
    anstream::println!("{}", table(&header, &[0, 1], seen.rows.iter().flat_map(alone_rows)));
    anstream::println!("\n{}", paint(BOLD, "Swapped five times under load"));
    let header = ["", "way", "stopped by", "requests", "refused", "reset", "ended", "other", "done after"];
    anstream::println!("{}", table(&header, &[0, 1, 2], seen.rows.iter().flat_map(swapped_rows)));
    for row in &seen.rows {
        match &row.outcome {
            Outcome::NotInstalled => {
                let note = format!("{} is not on this machine: {}", row.server.name, row.server.source);
                anstream::println!("{}", paint(DIM, note));
            }
            Outcome::Failed { why } => anstream::println!("{} {} {why}", paint(BAD, "✗"), row.server.name),
            Outcome::Exclusive(refused) => anstream::println!("{}", exclusive(row.server.name, refused)),
            Outcome::Measured { swapped, .. } => {
                for (way, why) in swapped.iter().filter_map(|seen| Some((seen.way, seen.failed.as_ref()?))) {
                    anstream::println!("{} {} {}: {why}", paint(BAD, "✗"), row.server.name, way.option());
                }
            }
        }
    }
    let is_measured = |row: &&Row| matches!(row.outcome, Outcome::Measured { .. } | Outcome::Exclusive(_));
    let measured = seen.rows.iter().filter(is_measured).count();
    let (mark, style) = if seen.is_good() { ("✓", GOOD) } else { ("✗", BAD) };
    anstream::println!("{} {measured} of {} servers measured", paint(style, mark), seen.rows.len());
}

/// What was said of a server of which two cannot run.
fn exclusive(name: &str, refused: &Refused) -> String {
    let Refused { explained: (explained, advice), deployed: (deployed, said), serves_on } = refused;
    let mark = if refused.is_good() { paint(GOOD, "✓") } else { paint(BAD, "✗") };
    let serves = if *serves_on { "the first one serves on" } else { "the first one does not serve any more" };
    format!(
        "{mark} {name}: a second one was refused, and {serves}\n  explain ({explained}): {advice}\n  deploy ({deployed}): {said}"
    )
}

fn alone_rows(row: &Row) -> Vec<Vec<String>> {
    match &row.outcome {
        Outcome::NotInstalled | Outcome::Failed { .. } | Outcome::Exclusive(_) => Vec::new(),
        Outcome::Measured { alone, .. } => {
            alone.iter().map(|alone| alone_row(row.server.name, alone)).collect()
        }
    }
}

fn swapped_rows(row: &Row) -> Vec<Vec<String>> {
    match &row.outcome {
        Outcome::NotInstalled | Outcome::Failed { .. } | Outcome::Exclusive(_) => Vec::new(),
        Outcome::Measured { swapped, .. } => {
            swapped.iter().map(|swapped| swapped_row(row.server.name, swapped)).collect()
        }
    }
}

fn swapped_row(name: &str, swapped: &Swapped) -> Vec<String> {
    let Losses { reset, ended, other } = Losses::of(&swapped.lost);
    let refused = swapped.lost.get(&Failure::Refused).copied().unwrap_or(0);
    vec![
        name.to_owned(),
        swapped.way.option().to_owned(),
        swapped.stop.name.to_owned(),
        number(swapped.answered),
        number(refused),
        number(reset),
        number(ended),
        number(other - refused),
        duration(swapped.done_after),
    ]
}

fn alone_row(name: &str, alone: &Alone) -> Vec<String> {
    let Losses { reset, ended, other } = Losses::of(&alone.lost);
    let ended_after = alone.ended_after.map_or("goes on".to_owned(), duration);
    vec![
        name.to_owned(),
        alone.stop.name.to_owned(),
        number(alone.answered),
        number(reset),
        number(ended),
        number(other),
        duration(alone.ready_after),
        ended_after,
    ]
}

/// Lost requests, in the columns of the table.
struct Losses {
    reset: u64,
    ended: u64,
    other: u64,
}

impl Losses {
    fn of(lost: &BTreeMap<Failure, u64>) -> Losses {
        let mut losses = Losses { reset: 0, ended: 0, other: 0 };
        for (failure, count) in lost {
            match failure {
                Failure::ResetOnConnect | Failure::ResetAfterSent | Failure::ReusedReset => {
                    losses.reset += count
                }
                Failure::ClosedBeforeAnswer | Failure::ReusedClosed | Failure::CutShort => {
                    losses.ended += count
                }
                Failure::Refused
                | Failure::TimeoutOnConnect
                | Failure::Timeout
                | Failure::BadStatus
                | Failure::Malformed
                | Failure::Local => losses.other += count,
            }
        }
        losses
    }
}
