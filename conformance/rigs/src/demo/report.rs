//! The closing table of the demo, and its page.

use super::deploy::{Deploy, DeployOutcome};
use super::servers::ServerCommand;
use super::{BROKEN, Shown, Verdict};
use serverswap_conformance::style::{BAD, BOLD, GOOD, duration, number, paint, table};
use serverswap_conformance::swap_report::{Note, SwapReport, made_now};
use serverswap_load::Figures;
use serverswap_protocol::Address;

pub(super) fn print(shown: &Shown) {
    anstream::println!("\n{}", paint(BOLD, "Deploys"));
    let header = ["", "new one answers after", "old one gone after", "exit status", ""];
    anstream::println!("{}", table(&header, &[0, 4], shown.deploys.iter().map(deploy_row)));
    anstream::println!("\n{}", paint(BOLD, "Requests"));
    let (swap, between) = (&shown.tally.swap, &shown.tally.between);
    let rows = [figures_row("during a swap", swap), figures_row("between two", between)];
    let header = ["", "requests", "failed", "p50", "p99", "longest time without an answer"];
    anstream::println!("{}", table(&header, &[0], rows));
    if let Some(ratio) = shown.tally.p99_ratio() {
        anstream::println!("  p99 during a swap is {ratio:.2} times the p99 between two");
    }
    anstream::println!();
    verdict(shown);
}

fn deploy_row(deploy: &Deploy) -> Vec<String> {
    let name = format!("version {}", deploy.number);
    match &deploy.outcome {
        DeployOutcome::Swapped { answers, old_gone, old_status } => vec![
            name,
            duration(*answers),
            duration(*old_gone),
            old_status.to_string(),
            "of the command that was replaced".to_owned(),
        ],
        DeployOutcome::Refused(exit) => vec![
            name,
            "never".to_owned(),
            "not touched".to_owned(),
            exit.status.to_string(),
            "of the deploy that was broken on purpose".to_owned(),
        ],
    }
}

fn figures_row(name: &str, figures: &Figures) -> Vec<String> {
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

fn verdict(shown: &Shown) {
    let tally = &shown.tally;
    let total = number(tally.ok() + tally.failed());
    match shown.verdict() {
        Verdict::Good => anstream::println!(
            "{} {total} requests, {} deploys, {} failed, no process left behind",
            paint(GOOD, "✓"),
            shown.deploys.len(),
            paint(GOOD, "0")
        ),
        Verdict::Bad => {
            anstream::println!("{} {total} requests, {} failed", paint(BAD, "✗"), number(tally.failed()));
            for (failure, count) in tally.failed_by_kind() {
                anstream::println!("    {} {failure}", number(count));
            }
            if let Some(first) = &tally.first_failed {
                anstream::println!("    the first one {} after {}", first.failure, duration(first.after));
            }
            for deploy in shown.deploys.iter().filter(|deploy| !deploy.as_it_should_be()) {
                anstream::println!("    version {} did not end as it should", deploy.number);
            }
            for command in &shown.remaining {
                anstream::println!("    left behind: {command}");
            }
        }
    }
}

/// Everything that the page of the demo says.
pub(super) fn overview<'a>(shown: &'a Shown, server: &ServerCommand, address: &Address) -> SwapReport<'a> {
    let is_good = shown.verdict() == Verdict::Good;
    let (total, failed) = (shown.tally.ok() + shown.tally.failed(), shown.tally.failed());
    let requests = match failed {
        0 => format!("none of {} requests failed", number(total)),
        failed => format!("{} of {} requests failed", number(failed), number(total)),
    };
    let end = if is_good { ", and no process was left behind" } else { "" };
    let wrong = shown.deploys.iter().filter(|deploy| !deploy.as_it_should_be());
    let wrong = wrong.map(|deploy| format!("version {} did not end as it should", deploy.number));
    let left = shown.remaining.iter().map(|command| format!("left behind: {command}"));
    let note = |what| Note { what, said: Vec::new(), advice: String::new() };
    SwapReport {
        title: "Demo",
        noun: "version",
        command: format!("serverswap-deploy {}", server.typed),
        addresses: vec![address.to_string()],
        is_good,
        verdict: format!(
            "{} deploys, of which that of version {BROKEN} was broken on purpose: {requests}{end}.",
            shown.deploys.len()
        ),
        notes: wrong.chain(left).map(note).collect(),
        tally: &shown.tally,
        model: shown.model.as_ref(),
        made: made_now(),
    }
}
