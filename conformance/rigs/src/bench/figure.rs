//! One measured figure, with what it should be and what it is to be compared with.

use std::time::Duration;

use serverswap_conformance::style::{BAD, DIM, GOOD, duration, number, paint};

/// A figure of the bench.
#[derive(Debug, Clone)]
pub(super) struct Figure {
    what: String,
    value: Value,
    /// What it must not exceed.
    limit: Option<Value>,
    /// A ratio, or what is included.
    beside: String,
}

/// A value with its unit.
#[derive(Debug, Clone, Copy, PartialEq, PartialOrd)]
pub(super) enum Value {
    Time(Duration),
    Count(u64),
    Kibibytes(u64),
}

/// Whether every figure of a section is within its limit.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum WithinLimits {
    /// All are.
    All,
    /// At least one is not.
    NotAll,
}

impl Figure {
    pub(super) fn new(what: impl Into<String>, value: Value) -> Figure {
        Figure { what: what.into(), value, limit: None, beside: String::new() }
    }

    pub(super) fn at_most(self, limit: Value) -> Figure {
        Figure { limit: Some(limit), ..self }
    }

    pub(super) fn beside(self, text: impl Into<String>) -> Figure {
        Figure { beside: text.into(), ..self }
    }

    fn within(&self) -> bool {
        self.limit.is_none_or(|limit| self.value <= limit)
    }

    fn cells(&self) -> [String; 4] {
        let limit = self.limit.map_or(String::new(), |limit| format!("at most {}", text(limit)));
        [self.what.clone(), text(self.value), limit, self.beside.clone()]
    }
}

fn text(value: Value) -> String {
    match value {
        Value::Time(time) => duration(time),
        Value::Count(count) => number(count),
        Value::Kibibytes(size) => format!("{} KiB", number(size)),
    }
}

/// Prints figures under each other.
pub(super) fn print(figures: &[Figure]) -> WithinLimits {
    let rows: Vec<[String; 4]> = figures.iter().map(Figure::cells).collect();
    let width = |column: usize| rows.iter().map(|row| row[column].chars().count()).max().unwrap_or(0);
    let (what, value, limit) = (width(0), width(1), width(2));
    for (figure, row) in figures.iter().zip(&rows) {
        let mark = match (figure.limit, figure.within()) {
            (None, _) => " ".to_owned(),
            (Some(_), true) => paint(GOOD, "✓"),
            (Some(_), false) => paint(BAD, "✗"),
        };
        let limits = paint(DIM, format!("{:<limit$}   {}", row[2], row[3]));
        anstream::println!("  {mark} {:<what$}   {:>value$}   {limits}", row[0], row[1]);
    }
    if figures.iter().all(Figure::within) { WithinLimits::All } else { WithinLimits::NotAll }
}

/// The middle one of some samples.
///
/// # Panics
/// Without any.
pub(super) fn median(mut samples: Vec<Duration>) -> Duration {
    samples.sort();
    samples[samples.len() / 2]
}
