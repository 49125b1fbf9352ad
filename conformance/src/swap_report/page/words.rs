//! What a page says in words and figures.

use std::time::Duration;

use super::super::lifecycle::Micros;
use super::super::model::{Model, ServedBy, Swap};
use crate::style::{duration, number};

/// What is seen in the chart of answers.
pub(in crate::swap_report) fn legend(model: &Model, noun: &str) -> String {
    let swaps = if model.swaps.is_empty() {
        ""
    } else {
        " A swap is under way where it is shaded, from its command to the end of what it replaced; ▼ is where the new one serves."
    };
    let either = if model.series.iter().any(|series| series.by == ServedBy::Either) {
        " Striped: two serve, and their answers do not say which."
    } else {
        ""
    };
    format!("Each {noun} has its number and a colour.{swaps}{either}")
}

/// The name of a series in a chart.
pub(in crate::swap_report) fn short(by: ServedBy) -> String {
    match by {
        ServedBy::Generation(number) => number.to_string(),
        ServedBy::Either => "either".to_owned(),
        ServedBy::Unknown => "not known".to_owned(),
    }
}

/// The name of a series in a table.
pub(super) fn name(by: ServedBy) -> String {
    match by {
        ServedBy::Generation(_) | ServedBy::Unknown => short(by),
        ServedBy::Either => "either of two that served".to_owned(),
    }
}

/// A swap in one sentence.
pub(super) fn swap(swap: &Swap) -> String {
    let since = |at: Micros| signed_duration(at - swap.new.started);
    let phases = [
        ("ready", swap.new.ready),
        ("granted", swap.new.granted),
        ("serving", swap.new.serving),
        ("old one told to let go", swap.old.as_ref().and_then(|old| old.takedown)),
        ("old one drained", swap.old.as_ref().and_then(|old| old.drained)),
        ("old one ended", swap.old.as_ref().and_then(|old| old.ended)),
    ];
    let reached = phases.iter().filter_map(|(name, at)| Some(format!("{name} after {}", since((*at)?))));
    let mut reached: Vec<String> = reached.collect();
    if !swap.is_made() {
        reached.push("it never served, and the old one went on".to_owned());
    }
    format!("Swap {}: {}", swap.number, reached.join(", "))
}

/// `1,500`, `2.5`: a figure of a scale.
pub(in crate::swap_report) fn rate(value: f64) -> String {
    if value >= 10.0 { number(value.round() as u64) } else { plain((value * 10.0).round() / 10.0) }
}

/// A number with no more digits than it has.
pub(in crate::swap_report) fn plain(value: f64) -> String {
    let text = format!("{value:.3}");
    let text = text.trim_end_matches('0').trim_end_matches('.');
    if text == "-0" { "0".to_owned() } else { text.to_owned() }
}

/// A power of ten: `100 µs`, `1 ms`, `10 s`.
pub(in crate::swap_report) fn round_duration(duration: Duration) -> String {
    let micros = duration.as_secs_f64() * 1e6;
    let (value, unit) = match micros {
        ..999.0 => (micros, "µs"),
        ..999_000.0 => (micros / 1e3, "ms"),
        _ => (micros / 1e6, "s"),
    };
    format!("{value:.0} {unit}")
}

/// A duration that may lie before what it is measured from.
pub(super) fn signed_duration(micros: Micros) -> String {
    let absolute = duration(Duration::from_micros(micros.unsigned_abs()));
    if micros < 0 { format!("−{absolute}") } else { absolute }
}
