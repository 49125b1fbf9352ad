//! The page.

pub(super) mod words;

use maud::{DOCTYPE, Markup, PreEscaped, html};

use super::charts::charts;
use super::lifecycle::{Lifecycle, Micros};
use super::model::{Model, Series, Swap};
use super::{Note, SwapReport};
use crate::style::{duration, number};
use serverswap_load::{Figures, Tally};

/// What a page of ours has in its head.
pub(super) const MARK: &str = "<meta name=\"generator\" content=\"serverswap-conformance\">";

/// Rows of a table, and notes. Of more the page says how many there are.
const ROWS_MAX: usize = 60;

const STYLE: &str = include_str!("page.css");

/// The whole file. It refers to nothing outside of itself, and runs nothing.
pub fn page(report: &SwapReport<'_>) -> String {
    let verdict_class = if report.is_good { "good" } else { "bad" };
    let markup = html! {
        (DOCTYPE)
        html lang="en" {
            head {
                meta charset="utf-8";
                (PreEscaped(MARK))
                meta name="viewport" content="width=device-width, initial-scale=1";
                meta name="color-scheme" content="light dark";
                meta http-equiv="Content-Security-Policy" content="default-src 'none'; style-src 'unsafe-inline'";
                title { (report.title) ": " (report.verdict) }
                style { (PreEscaped(STYLE)) }
            }
            body {
                main {
                    header {
                        p class="kicker" { "serverswap · " (report.title) }
                        h1 class=(verdict_class) {
                            span class="sign" aria-hidden="true" { @if report.is_good { "✓" } @else { "✗" } }
                            span { (report.verdict) }
                        }
                        p class="command" { code { (report.command) } }
                        @if !report.addresses.is_empty() {
                            p class="facts" { "Requests went to " (report.addresses.join(", ")) ". " (report.made) }
                        } @else {
                            p class="facts" { "No request was made. " (report.made) }
                        }
                    }
                    (notes(&report.notes))
                    @if let Some(model) = report.model { (measured(report, model)) }
                }
            }
        }
    };
    markup.into_string()
}

fn measured(report: &SwapReport<'_>, model: &Model) -> Markup {
    html! {
        section aria-labelledby="timeline" {
            h2 id="timeline" { "Timeline" }
            (charts(model, report.noun))
        }
        (swaps(model, report.noun))
        section aria-labelledby="requests" {
            h2 id="requests" { "Requests" }
            (requests(report.tally))
            (failures(report.tally))
        }
        section aria-labelledby="answers" {
            h2 id="answers" { "Answers by " (report.noun) }
            (by_series(model, report.noun))
        }
    }
}

fn notes(notes: &[Note]) -> Markup {
    if notes.is_empty() {
        return html! {};
    }
    html! {
        section aria-labelledby="notes" {
            h2 id="notes" { "What to fix" }
            ul class="notes" {
                @for note in notes.iter().take(ROWS_MAX) {
                    li {
                        h3 { span class="bad" aria-hidden="true" { "✗ " } (with_code(&note.what)) }
                        @if !note.said.is_empty() { pre tabindex="0" { (note.said.join("\n")) } }
                        @if !note.advice.is_empty() { p { (with_code(&note.advice)) } }
                    }
                }
            }
            (more(notes.len(), "findings"))
        }
    }
}

/// What stands between backticks is code.
fn with_code(text: &str) -> Markup {
    let pieces: Vec<&str> = text.split('`').collect();
    if pieces.len().is_multiple_of(2) {
        return html! { (text) };
    }
    html! { @for (index, piece) in pieces.iter().enumerate() { @if index % 2 == 1 { code { (piece) } } @else { (piece) } } }
}

/// The phases of each swap, drawn and in figures.
fn swaps(model: &Model, noun: &str) -> Markup {
    if model.swaps.is_empty() {
        return html! {};
    }
    let shown = telling(&model.swaps);
    let longest =
        shown.iter().filter_map(|swap| Some(swap.over()? - swap.new.started)).max().unwrap_or(1).max(1);
    html! {
        section aria-labelledby="swaps" {
            h2 id="swaps" { "Swaps" }
            figure {
                figcaption {
                    h3 { "Phases" }
                    p class="legend" {
                        span { b { "New" } i class="start" {} "starting" }
                        span { i class="wait" {} "ready, not yet serving" }
                        span { i class="serve" {} "serving" }
                    }
                    p class="legend" {
                        span { b { "Old" } i class="serve old" {} "serving" }
                        span { i class="drain" {} "told to let go, draining" }
                        span { i class="end" {} "drained, ending" }
                    }
                }
                div class="phases" { @for swap in &shown { (bar(swap, longest)) } }
                p class="row-axis" aria-hidden="true" { span { "0" } span { (duration_of(longest)) } }
            }
            table {
                caption { "When what was reached, since the command was started" }
                thead { tr {
                    th scope="col" { "swap" }
                    th scope="col" { "ready" }
                    th scope="col" { "granted" }
                    th scope="col" { "serving" }
                    th scope="col" { "old told" }
                    th scope="col" class="wide" { "drained" }
                    th scope="col" { "ended" }
                    th scope="col" class="wide" { "cut" }
                } }
                tbody { @for swap in &shown { (swap_row(swap)) } }
            }
            (more(model.swaps.len(), "swaps, of which those that failed and the longest are shown"))
            p class="hint" { "Each start is a new " (noun) ". “Old told”: the one before was asked to let go; it has drained when no connection was open any more. “–”: was not reached, or is not known." }
        }
    }
}

/// All, or those that failed and those that took longest, in their order.
fn telling(swaps: &[Swap]) -> Vec<&Swap> {
    let mut shown: Vec<&Swap> = swaps.iter().collect();
    let took = |swap: &Swap| swap.over().map(|over| over - swap.new.started);
    shown.sort_by_key(|swap| (swap.is_made(), std::cmp::Reverse(took(swap))));
    shown.truncate(ROWS_MAX);
    shown.sort_by_key(|swap| swap.number);
    shown
}

fn bar(swap: &Swap, longest: Micros) -> Markup {
    let since = |at: Micros| at - swap.new.started;
    let over = swap.over().map_or(longest, since);
    let segment = |class: &'static str, from: Option<Micros>, to: Option<Micros>| {
        let (from, to) = (from.map_or(0, since).max(0), to.map_or(over, since).min(longest));
        let percent = |micros: Micros| words::plain((micros as f64 * 1000.0 / longest as f64).round() / 10.0);
        html! { @if to > from { i class=(class) style={ "left:" (percent(from)) "%;width:" (percent(to - from)) "%" } {} } }
    };
    let new = &swap.new;
    html! {
        div class="swap" {
            span class="name" { @if swap.is_made() { (swap.number) } @else { "✗ " (swap.number) } }
            div class="bars" role="img" aria-label=(words::swap(swap)) {
                div {
                    (segment("start", Some(new.started), new.ready.or(new.ended)))
                    @if new.ready.is_some() { (segment("wait", new.ready, new.serving)) }
                    @if new.serving.is_some() { (segment("serve", new.serving, None)) }
                }
                div class="old" { @match &swap.old {
                    Some(Lifecycle { takedown, drained, ended, .. }) => {
                        @let ended = ended.or(new.done);
                        (segment("serve", Some(new.started), takedown.or(ended)))
                        @if takedown.is_some() { (segment("drain", *takedown, drained.or(ended))) }
                        @if drained.is_some() { (segment("end", *drained, ended)) }
                    }
                    None => { (segment("serve", Some(new.started), None)) }
                } }
            }
        }
    }
}

fn swap_row(swap: &Swap) -> Markup {
    let since = |at: Option<Micros>| at.map_or("–".to_owned(), |at| duration_of(at - swap.new.started));
    let old = |of: fn(&Lifecycle) -> Option<Micros>| since(swap.old.as_ref().and_then(of));
    html! {
        tr class=[(!swap.is_made()).then_some("failed")] {
            th scope="row" { @if swap.is_made() { (swap.number) } @else { "✗ " (swap.number) } }
            td { (since(swap.new.ready)) }
            td { (since(swap.new.granted)) }
            td { @if swap.is_made() { (since(swap.new.serving)) } @else { "failed" } }
            td { (old(|old| old.takedown)) }
            td class="wide" { (old(|old| old.drained)) }
            td { @match (&swap.old, swap.new.done) {
                (Some(Lifecycle { ended: None, .. }), Some(done)) => { "≤ " (since(Some(done))) },
                _ => { (old(|old| old.ended)) },
            } @if swap.old.as_ref().is_some_and(|old| old.signalled.is_some()) { " (by a signal)" } }
            td class="wide" { (swap.old.as_ref().map_or(0, |old| old.cut)) }
        }
    }
}

fn requests(tally: &Tally) -> Markup {
    html! {
        table {
            caption { "A request counts as made during a swap if one was under way when it began or ended" }
            thead { tr {
                td {}
                th scope="col" { "requests" }
                th scope="col" { "failed" }
                th scope="col" { "p50" }
                th scope="col" { "p99" }
                th scope="col" class="narrow" { "longest gap" }
                th scope="col" class="wide" { "longest time without an answer" }
            } }
            tbody {
                (figures_row("during a swap", &tally.swap))
                (figures_row("between two", &tally.between))
            }
        }
        @if let Some(ratio) = tally.p99_ratio() {
            p class="hint" { "p99 during a swap is " (format!("{ratio:.2}")) " times the p99 between two." }
        }
        @if tally.idle_closed > 0 {
            p class="hint" { (number(tally.idle_closed)) " kept connections were closed by the server while they were idle, without a word before." }
        }
    }
}

fn figures_row(name: &str, figures: &Figures) -> Markup {
    let percentile = |percent| figures.percentile(percent).map_or("–".to_owned(), duration);
    html! {
        tr {
            th scope="row" { (name) }
            td { (number(figures.ok + figures.failures())) }
            td class=[(figures.failures() > 0).then_some("bad")] { (number(figures.failures())) }
            td { (percentile(50.0)) }
            td { (percentile(99.0)) }
            td { (duration(figures.longest_gap)) }
        }
    }
}

fn failures(tally: &Tally) -> Markup {
    let kinds = tally.failed_by_kind();
    html! {
        @if !kinds.is_empty() {
            table {
                caption { "How requests failed" }
                thead { tr { th scope="col" { "how" } th scope="col" { "during a swap" } th scope="col" { "between two" } } }
                tbody { @for kind in kinds.keys() { tr {
                    th scope="row" { (kind) }
                    td { (number(tally.swap.failed.get(kind).copied().unwrap_or(0))) }
                    td { (number(tally.between.failed.get(kind).copied().unwrap_or(0))) }
                } } }
            }
        }
    }
}

fn by_series(model: &Model, noun: &str) -> Markup {
    let percentile =
        |series: &Series, percent| series.latency.percentile(percent).map_or("–".to_owned(), duration);
    let answered = || model.series.iter().filter(|series| series.latency.count() > 0);
    html! {
        table {
            thead { tr { th scope="col" { (noun) } th scope="col" { "answers" } th scope="col" { "p50" } th scope="col" { "p99" } } }
            tbody { @for series in answered().take(ROWS_MAX) { tr {
                th scope="row" { (words::name(series.by)) }
                td { (number(series.latency.count())) }
                td { (percentile(series, 50.0)) }
                td { (percentile(series, 99.0)) }
            } } }
        }
        (more(answered().count(), &format!("{noun}s")))
        p class="hint" { "An answer is of the " (noun) " whose process it names in its header Pid; one without this header is of whichever accepted connections when its own was opened, to within " (duration(model.precision)) "." }
    }
}

fn more(count: usize, what: &str) -> Markup {
    html! { @if count > ROWS_MAX { p class="hint" { (ROWS_MAX) " of " (number(count as u64)) " " (what) "." } } }
}

fn duration_of(micros: Micros) -> String {
    words::signed_duration(micros)
}
