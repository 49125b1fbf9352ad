//! The charts of a page: paths of SVG in a field of 1000 by 100, which the style sheet stretches, and labels beside them in HTML, which
//! it does not.

use std::fmt::Write as _;
use std::time::Duration;

use maud::{Markup, html};

use super::lifecycle::Micros;
use super::model::{Column, Model, Series, ServedBy, Swap};
use super::page::words;
use crate::style::{duration, number};

/// The field of a chart.
const WIDTH: f64 = 1000.0;
const HEIGHT: f64 = 100.0;

/// How many colours there are for generations; two that follow each other differ.
const COLOURS: u32 = 4;

/// Labels are no closer to each other than this part of the width.
const LABEL_DISTANCE: f64 = 0.03;

/// On a phone, labels that are closer than this are left out.
const LABEL_DISTANCE_NARROW: f64 = 0.09;

/// A label beneath or within a chart.
struct Label {
    /// Where, as a part of the width.
    at: f64,
    text: String,
}

/// All charts, one below the other.
pub(super) fn charts(model: &Model, noun: &str) -> Markup {
    html! {
        (bands(model))
        (answers(model, noun))
        (latency(model))
        (connections(model))
        (axis(model))
    }
}

fn answers(model: &Model, noun: &str) -> Markup {
    let most = model.columns.iter().map(total).max().unwrap_or(0);
    let ceiling = nice_ceiling(most as f64 / model.step.as_secs_f64()) * model.step.as_secs_f64();
    let of_second = |part: f64| words::rate(ceiling * part / model.step.as_secs_f64());
    let totals: u64 = model.columns.iter().map(total).sum();
    let failed: u64 = model.columns.iter().map(|column| column.failed).sum();
    let described = format!(
        "{} good answers in {}, at most {} a second, stacked by {noun}; {} requests failed.",
        number(totals),
        duration(model.duration()),
        words::rate(most as f64 / model.step.as_secs_f64()),
        number(failed),
    );
    let starts = swap_labels(model);
    html! {
        figure {
            figcaption { h3 { "Answers by " (noun) } p { (words::legend(model, noun)) } }
            div class="row labels" aria-hidden="true" { (labels(&starts)) }
            div class="plot tall" {
                (scale(&[of_second(1.0), of_second(0.5), "0".to_owned()]))
                svg viewBox="0 0 1000 100" preserveAspectRatio="none" role="img" aria-labelledby="answers-title answers-desc" {
                    title id="answers-title" { "Answers by " (noun) " over time" }
                    desc id="answers-desc" { (described) }
                    (hatch())
                    (swaps_behind())
                    (stack(model, ceiling, |column, series| column.answers.get(&series).copied().unwrap_or(0)))
                    (grid())
                }
                div class="names" aria-hidden="true" { (labels(&series_labels(model))) }
            }
            div class="row failures" {
                @if failed == 0 { span class="none" { "✓ no request failed" } }
                @else {
                    span class="sr" { (number(failed)) " requests failed" }
                    span aria-hidden="true" { (failure_marks(model)) }
                }
            }
        }
    }
}

fn latency(model: &Model) -> Markup {
    let values = || model.columns.iter().flat_map(|column| [column.p50, column.p99]).flatten();
    let (Some(least), Some(most)) = (values().min(), values().max()) else { return html! {} };
    let low = decade(least, f64::floor);
    let high = decade(most, f64::ceil).max(low + 1.0);
    let y = |latency: Duration| HEIGHT * (1.0 - (micros(latency).log10() - low) / (high - low));
    let named = |power: f64| words::round_duration(Duration::from_secs_f64(10f64.powf(power) / 1e6));
    let decades: Vec<f64> = (0..=(high - low) as u32).map(|decade| low + f64::from(decade)).rev().collect();
    let names: Vec<String> = decades.iter().map(|power| named(*power)).collect();
    html! {
        figure {
            figcaption {
                h3 { "Latency" }
                p {
                    i class="key p50" {} "p50: half of the answers came sooner. "
                    i class="key p99" {} "p99: 99 of 100 did. Each step up is ten times as long."
                }
            }
            div class="plot" {
                (scale(&names))
                svg viewBox="0 0 1000 100" preserveAspectRatio="none" role="img" aria-labelledby="latency-title latency-desc" {
                    title id="latency-title" { "Latency over time" }
                    desc id="latency-desc" { "p50 and p99 of each step of " (duration(model.step)) ", from " (duration(least)) " to " (duration(most)) "." }
                    (swaps_behind())
                    path class="grid" d=(decades.iter().fold(String::new(), |mut path, power| {
                        let _ = write!(path, "M0 {}H1000", round(HEIGHT * (1.0 - (power - low) / (high - low))));
                        path
                    })) {}
                    path class="line p99" d=(line(model, |column| column.p99.map(&y))) {}
                    path class="line p50" d=(line(model, |column| column.p50.map(&y))) {}
                }
            }
        }
    }
}

fn connections(model: &Model) -> Markup {
    let open = |column: &Column| column.open.values().sum::<u64>();
    let most = model.columns.iter().map(open).max().unwrap_or(0);
    let ceiling = nice_ceiling(most as f64);
    html! {
        figure {
            figcaption {
                h3 { "Open connections" }
                p { "At the end of each step of " (duration(model.step)) ", in the colour of who answers them." }
            }
            div class="plot low" {
                (scale(&[words::rate(ceiling), "0".to_owned()]))
                svg viewBox="0 0 1000 100" preserveAspectRatio="none" role="img" aria-labelledby="open-title open-desc" {
                    title id="open-title" { "Open connections over time" }
                    desc id="open-desc" { "At most " (number(most)) " connections were open at a time." }
                    (swaps_behind())
                    (stack(model, ceiling, |column, series| column.open.get(&series).copied().unwrap_or(0)))
                    (grid())
                }
            }
        }
    }
}

/// Where a swap is under way, and where its new generation serves: drawn once, shown in each chart.
fn bands(model: &Model) -> Markup {
    let (mut under_way, mut served) = (String::new(), String::new());
    for swap in &model.swaps {
        let from = part(model, swap.new.started);
        let to = part(model, swap.over().unwrap_or(swap.new.started)).max(from + 0.001);
        let _ = write!(
            under_way,
            "M{} 0H{}V100H{}z",
            round(from * WIDTH),
            round(to * WIDTH),
            round(from * WIDTH)
        );
        if let Some(serving) = swap.new.serving {
            let _ = write!(served, "M{} 0V100", round(part(model, serving) * WIDTH));
        }
    }
    html! {
        svg width="0" height="0" class="defs" aria-hidden="true" focusable="false" {
            defs {
                g id="swaps" {
                    path class="band" d=(under_way) {}
                    path class="mark" d=(served) {}
                }
            }
        }
    }
}

fn swaps_behind() -> Markup {
    html! { use href="#swaps" {} }
}

/// Stripes for what is of one of two.
fn hatch() -> Markup {
    html! {
        defs {
            pattern id="either" width="6" height="100" patternUnits="userSpaceOnUse" {
                rect width="6" height="100" class="either-a" {}
                rect width="3" height="100" class="either-b" {}
            }
        }
    }
}

fn grid() -> Markup {
    html! { path class="grid" d="M0 0H1000M0 50H1000M0 100H1000" {} }
}

/// A path for each series, one upon the other.
fn stack(model: &Model, ceiling: f64, value: impl Fn(&Column, usize) -> u64) -> Markup {
    let mut below = vec![0u64; model.columns.len()];
    let width = WIDTH / model.columns.len().max(1) as f64;
    let mut paths = Vec::new();
    for (index, series) in model.series.iter().enumerate() {
        let values: Vec<u64> = model.columns.iter().map(|column| value(column, index)).collect();
        let first = values.iter().position(|value| *value > 0);
        let (Some(first), Some(last)) = (first, values.iter().rposition(|value| *value > 0)) else {
            continue;
        };
        let y = |count: u64| round(HEIGHT * (1.0 - count as f64 / ceiling));
        let x = |column: usize| round(column as f64 * width);
        let mut path = format!("M{} {}", x(first), y(below[first]));
        for column in first..=last {
            let _ = write!(path, "V{}H{}", y(below[column] + values[column]), x(column + 1));
        }
        for column in (first..=last).rev() {
            let _ = write!(path, "V{}H{}", y(below[column]), x(column));
        }
        path.push('z');
        paths.push((colour(series), path));
        for (below, value) in below.iter_mut().zip(values) {
            *below += value;
        }
    }
    html! { @for (class, path) in paths { path class={ "area " (class) } d=(path) {} } }
}

/// The class that a generation's colour has.
fn colour(series: &Series) -> String {
    match series.by {
        ServedBy::Generation(number) => format!("g{}", (number - 1) % COLOURS),
        ServedBy::Either => "either".to_owned(),
        ServedBy::Unknown => "unknown".to_owned(),
    }
}

/// A line through the middle of each column that has a value.
fn line(model: &Model, y: impl Fn(&Column) -> Option<f64>) -> String {
    let width = WIDTH / model.columns.len().max(1) as f64;
    let (mut path, mut is_drawn) = (String::new(), false);
    for (index, column) in model.columns.iter().enumerate() {
        let Some(y) = y(column) else {
            is_drawn = false;
            continue;
        };
        let _ = write!(
            path,
            "{}{} {}",
            if is_drawn { 'L' } else { 'M' },
            round((index as f64 + 0.5) * width),
            round(y)
        );
        is_drawn = true;
    }
    path
}

/// The names of the values at the left, from the top to the bottom.
fn scale(names: &[String]) -> Markup {
    html! { div class="scale" aria-hidden="true" { @for name in names { span { (name) } } } }
}

fn labels(labels: &[Label]) -> Markup {
    let mut shown: Vec<(f64, &str, bool)> = Vec::new();
    let (mut last, mut last_narrow) = (f64::NEG_INFINITY, f64::NEG_INFINITY);
    for Label { at, text } in labels {
        if at - last < LABEL_DISTANCE {
            continue;
        }
        last = *at;
        let is_narrow = at - last_narrow >= LABEL_DISTANCE_NARROW;
        if is_narrow {
            last_narrow = *at;
        }
        shown.push((*at, text, is_narrow));
    }
    html! {
        @for (at, text, is_narrow) in shown {
            span class=[(!is_narrow).then_some("wide")] style={ "left:" (round(at * 100.0)) "%" } { (text) }
        }
    }
}

fn swap_labels(model: &Model) -> Vec<Label> {
    let at = |swap: &Swap| part(model, swap.new.serving.unwrap_or(swap.new.started));
    let text = |swap: &Swap| format!("{}{}", if swap.is_made() { "▼" } else { "✗" }, swap.number);
    model.swaps.iter().map(|swap| Label { at: at(swap), text: text(swap) }).collect()
}

/// The name of each series, in the middle of where it answers.
fn series_labels(model: &Model) -> Vec<Label> {
    let mut labels = Vec::new();
    for (index, series) in model.series.iter().enumerate() {
        let (mut sum, mut weighted) = (0.0, 0.0);
        for (place, column) in model.columns.iter().enumerate() {
            let count = column.answers.get(&index).copied().unwrap_or(0) as f64;
            sum += count;
            weighted += count * (place as f64 + 0.5);
        }
        if sum > 0.0 && series.by != ServedBy::Either {
            let at = weighted / sum / model.columns.len() as f64;
            labels.push(Label { at, text: words::short(series.by) });
        }
    }
    labels
}

/// A cross for each column in which requests failed.
fn failure_marks(model: &Model) -> Markup {
    let columns = model.columns.len().max(1) as f64;
    let failed = model.columns.iter().enumerate().filter(|(_, column)| column.failed > 0);
    html! {
        @for (index, column) in failed {
            i style={ "left:" (round((index as f64 + 0.5) / columns * 100.0)) "%" } title={ (number(column.failed)) " failed" } { "✗" }
        }
    }
}

/// Seconds since the load began.
fn axis(model: &Model) -> Markup {
    let seconds = model.duration().as_secs_f64();
    let step = nice_ceiling(seconds / 8.0);
    let count = (seconds / step).floor() as u32;
    let ticks: Vec<Label> = (0..=count)
        .map(|tick| f64::from(tick) * step)
        .map(|at| Label { at: at / seconds, text: format!("{} s", words::plain(at)) })
        .filter(|label| label.at < 0.97)
        .collect();
    html! { div class="row axis" aria-hidden="true" { (labels(&ticks)) } }
}

fn total(column: &Column) -> u64 {
    column.answers.values().sum()
}

/// Where a moment is, as a part of the width.
fn part(model: &Model, at: Micros) -> f64 {
    (at as f64 / 1e6 / model.duration().as_secs_f64()).clamp(0.0, 1.0)
}

fn micros(latency: Duration) -> f64 {
    latency.as_secs_f64().max(1e-6) * 1e6
}

fn decade(latency: Duration, to_whole: fn(f64) -> f64) -> f64 {
    to_whole(micros(latency).log10())
}

/// The next of 1, 2, 5, 10, 20, 50, …
fn nice_ceiling(value: f64) -> f64 {
    if value <= 0.0 {
        return 1.0;
    }
    let power = 10f64.powf(value.log10().floor());
    [1.0, 2.0, 5.0, 10.0]
        .into_iter()
        .map(|factor| factor * power)
        .find(|nice| *nice >= value)
        .unwrap_or(value)
}

/// One decimal is less than a pixel.
fn round(value: f64) -> String {
    words::plain((value * 10.0).round() / 10.0)
}
