//! The verdict as a person reads it.

use super::Rehearsed;
use super::advice::advice;
use super::findings::{Beside, Finding};
use crate::style::{BAD, BOLD, DIM, GOOD, duration, number, paint, table};
use serverswap_load::Figures;

/// Prints the whole verdict on stdout.
pub fn print(rehearsed: &Rehearsed) {
    let addresses: Vec<String> = rehearsed.addresses.iter().map(ToString::to_string).collect();
    if !addresses.is_empty() {
        requests(rehearsed, &addresses.join(", "));
    }
    swaps(rehearsed);
    findings(rehearsed);
    closing(rehearsed);
}

fn requests(rehearsed: &Rehearsed, addresses: &str) {
    let tally = &rehearsed.tally;
    anstream::println!("\n{} to {addresses}", paint(BOLD, "Requests"));
    let rows = [row("during a swap", &tally.swap), row("between two", &tally.between)];
    let header = ["", "requests", "failed", "p50", "p99", "longest time without an answer"];
    anstream::println!("{}", table(&header, &[0], rows));
    if let Some(ratio) = tally.p99_ratio() {
        anstream::println!("  p99 during a swap is {ratio:.2} times the p99 between two");
    }
}

fn row(name: &str, figures: &Figures) -> Vec<String> {
    let percentile = |percent| figures.percentile(percent).map_or("-".to_owned(), duration);
    vec![
        name.to_owned(),
        number(figures.ok + figures.failures()),
        number(figures.failures()),
        percentile(50.0),
        percentile(99.0),
        duration(figures.longest_gap),
    ]
}

fn swaps(rehearsed: &Rehearsed) {
    let took: Vec<String> = rehearsed.swaps.iter().map(|took| duration(*took)).collect();
    if !took.is_empty() {
        anstream::println!("\n{} took {}", paint(BOLD, "Swaps"), took.join(", "));
    }
}

fn findings(rehearsed: &Rehearsed) {
    if rehearsed.findings.is_empty() {
        return;
    }
    anstream::println!("\n{}", paint(BOLD, "What to fix"));
    for finding in &rehearsed.findings {
        anstream::println!("  {} {}", paint(BAD, "✗"), what(finding));
        for line in said(finding) {
            anstream::println!("    {}", paint(DIM, format!("│ {line}")));
        }
        anstream::println!("    {}", advice(finding, rehearsed.speaks, rehearsed.language));
    }
}

pub(super) fn what(finding: &Finding) -> String {
    match finding {
        Finding::DeployFailed { swap, status, .. } => {
            format!("{} failed with exit status {status}", name(*swap))
        }
        Finding::NotInTime { swap, .. } => format!("{} was not done in time", name(*swap)),
        Finding::CommandFailed { swap, status, .. } => {
            format!("the command of {} ended with exit status {status}", name(*swap))
        }
        Finding::Overran { swap, pid, beside } if beside.is_empty() => {
            format!("{}: the old server (pid {pid}) still ran when its drain timeout was over", name(*swap))
        }
        Finding::Overran { swap, pid, beside } => {
            let beside = beside.iter().map(|Beside { pid, command }| format!("pid {pid}, `{command}`"));
            let beside = beside.collect::<Vec<_>>().join("; ");
            format!(
                "{}: the old server (pid {pid}) had ended, and its drain timeout was awaited for {beside}",
                name(*swap)
            )
        }
        Finding::LeftBehind { pid, command, .. } => format!("left behind: pid {pid}, `{command}`"),
        Finding::Recorded { .. } => "the recording of the rehearsal has faults".to_owned(),
        Finding::IdleClosed { count } => format!(
            "{} kept connections were closed without a word while they were idle; the clients saw it just in time",
            number(*count)
        ),
        Finding::Lost { failure, in_swaps, between } => {
            format!("{failure}: {} during swaps, {} between them", number(*in_swaps), number(*between))
        }
    }
}

pub(super) fn said(finding: &Finding) -> &[String] {
    match finding {
        Finding::DeployFailed { said, .. }
        | Finding::NotInTime { said, .. }
        | Finding::CommandFailed { said, .. }
        | Finding::Recorded { said, .. } => said,
        Finding::Overran { .. }
        | Finding::LeftBehind { .. }
        | Finding::IdleClosed { .. }
        | Finding::Lost { .. } => &[],
    }
}

fn name(swap: u32) -> String {
    if swap == 0 { "the first start".to_owned() } else { format!("swap {swap}") }
}

fn closing(rehearsed: &Rehearsed) {
    let (mark, word) = if rehearsed.is_good() { (GOOD, "✓") } else { (BAD, "✗") };
    let tally = &rehearsed.tally;
    anstream::println!(
        "\n{} {} of {} swaps, {} requests, {} failed, {} left behind",
        paint(mark, word),
        rehearsed.swaps.len(),
        rehearsed.asked,
        number(tally.ok() + tally.failed()),
        number(tally.failed()),
        rehearsed.findings.iter().filter(|finding| matches!(finding, Finding::LeftBehind { .. })).count()
    );
}
