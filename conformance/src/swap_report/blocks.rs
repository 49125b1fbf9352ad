//! The same in a few lines of a terminal.

use std::io::IsTerminal as _;
use std::ops::Range;
use std::time::Duration;

use anstyle::{AnsiColor, Style};
use clap::ValueEnum;
use rustix::termios::tcgetwinsize;

use super::model::{Column, Model, Series, ServedBy};
use super::page::words;
use crate::style::{BAD, BOLD, DIM, GOOD, duration, paint};

/// More series than this share one line.
const LINES_OF_SERIES_MAX: usize = 12;

/// The width where it is not known.
const WIDTH_UNKNOWN: usize = 80;

/// The least that is drawn, however narrow the terminal is.
const COLUMNS_MIN: usize = 8;

/// The most: more shows nothing more.
const COLUMNS_MAX: usize = 120;

const COLOURS: [AnsiColor; 4] = [AnsiColor::Blue, AnsiColor::Cyan, AnsiColor::Magenta, AnsiColor::Yellow];

/// When it is shown.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, ValueEnum)]
pub enum WhenShown {
    /// On a terminal.
    #[default]
    Auto,
    /// Also elsewhere.
    Always,
    /// Nowhere.
    Never,
}

/// What can be shown.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Terminal {
    /// In characters.
    pub width: usize,
    /// What can be drawn with.
    pub characters: Characters,
}

/// What a locale can show.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Characters {
    /// Everything.
    Unicode,
    /// The locale is not UTF-8.
    Ascii,
}

impl Terminal {
    /// What stdout can show, if anything is to be shown there.
    pub fn of_stdout(when: WhenShown) -> Option<Terminal> {
        let is_shown = match when {
            WhenShown::Auto => std::io::stdout().is_terminal(),
            WhenShown::Always => true,
            WhenShown::Never => false,
        };
        let size = tcgetwinsize(std::io::stdout()).ok();
        let width = size.map(|size| usize::from(size.ws_col)).filter(|width| *width > 0);
        let locale = ["LC_ALL", "LC_CTYPE", "LANG"].map(|name| std::env::var(name).unwrap_or_default());
        is_shown.then(|| Terminal {
            width: width.unwrap_or(WIDTH_UNKNOWN),
            characters: Characters::of_locale(locale.each_ref().map(String::as_str)),
        })
    }
}

impl Characters {
    /// The first of LC_ALL, LC_CTYPE and LANG that is set decides.
    fn of_locale(variables: [&str; 3]) -> Characters {
        let locale = variables.into_iter().find(|value| !value.is_empty()).unwrap_or_default();
        let locale = locale.to_ascii_uppercase().replace('-', "");
        if locale.contains("UTF8") { Characters::Unicode } else { Characters::Ascii }
    }

    fn heights(self) -> [char; 9] {
        match self {
            Characters::Unicode => [' ', '▁', '▂', '▃', '▄', '▅', '▆', '▇', '█'],
            Characters::Ascii => [' ', '.', ':', '-', '=', '+', '*', '#', '@'],
        }
    }

    fn failed(self) -> char {
        match self {
            Characters::Unicode => '✗',
            Characters::Ascii => 'x',
        }
    }

    fn swap(self) -> char {
        match self {
            Characters::Unicode => '▲',
            Characters::Ascii => '^',
        }
    }
}

/// Lines of blocks: answers by generation over time, failures, latency, swaps.
pub fn blocks(model: &Model, noun: &str, terminal: Terminal) -> String {
    let Terminal { width, characters } = terminal;
    let names: Vec<String> = model.series.iter().map(|series| words::short(series.by)).collect();
    let label = names.iter().map(String::len).chain(["failed".len(), noun.len()]).max().unwrap_or(0);
    let room =
        width.saturating_sub(label + 4).clamp(COLUMNS_MIN, COLUMNS_MAX).min(model.columns.len().max(1));
    let drawing = Drawing { model, room, label, characters };
    let mut lines = drawing.title(noun, width);
    if model.series.len() <= LINES_OF_SERIES_MAX {
        for (index, (series, name)) in model.series.iter().zip(&names).enumerate() {
            let of = |column: &Column| column.answers.get(&index).copied().unwrap_or(0);
            lines.push(drawing.line(name, style(series), &drawing.heights(of)));
        }
    } else {
        lines.push(drawing.line("answers", Style::new(), &drawing.heights(total)));
        lines.push(drawing.line(noun, DIM, &drawing.numbers()));
    }
    lines.push(drawing.failures());
    lines.push(drawing.line("p99", Style::new(), &drawing.latency()));
    if !model.swaps.is_empty() {
        lines.push(drawing.line("swaps", BOLD, &drawing.swaps()));
    }
    lines.join("\n")
}

struct Drawing<'a> {
    model: &'a Model,
    /// Characters in a line.
    room: usize,
    /// Characters before them.
    label: usize,
    characters: Characters,
}

impl Drawing<'_> {
    fn title(&self, noun: &str, width: usize) -> Vec<String> {
        let title = format!("Answers by {noun}");
        let column = self.model.duration() / u32::try_from(self.room).unwrap_or(u32::MAX);
        let facts = format!("over {}, each column {}", duration(self.model.duration()), duration(column));
        if title.len() + facts.len() + 1 < width {
            vec![format!("{} {}", paint(BOLD, title), paint(DIM, facts))]
        } else {
            vec![paint(BOLD, title), paint(DIM, facts)]
        }
    }

    fn line(&self, name: &str, style: Style, text: &str) -> String {
        format!("  {name:>width$} {}", paint(style, text.trim_end()), width = self.label)
    }

    fn columns(&self, place: usize) -> &[Column] {
        let count = self.model.columns.len();
        let Range { start, end } = place * count / self.room..(place + 1) * count / self.room;
        &self.model.columns[start..end.max(start)]
    }

    fn heights(&self, value: impl Fn(&Column) -> u64) -> String {
        let mean = |place: usize, value: &dyn Fn(&Column) -> u64| {
            let columns = self.columns(place);
            columns.iter().map(value).sum::<u64>() as f64 / columns.len().max(1) as f64
        };
        let most = (0..self.room).map(|place| mean(place, &total)).fold(0.0, f64::max);
        (0..self.room).map(|place| self.height(mean(place, &value), most)).collect()
    }

    /// What is not nothing is seen.
    fn height(&self, value: f64, most: f64) -> char {
        let heights = self.characters.heights();
        let part = if most > 0.0 { (value / most * 8.0).round() } else { 0.0 };
        heights[(part as usize).clamp(usize::from(value > 0.0), 8)]
    }

    /// The last digit of the generation that has answered most.
    fn numbers(&self) -> String {
        let of = |place: usize| {
            let answers = |index: usize| -> u64 {
                self.columns(place).iter().filter_map(|column| column.answers.get(&index)).sum()
            };
            let most = (0..self.model.series.len()).max_by_key(|index| answers(*index))?;
            match self.model.series[most].by {
                ServedBy::Generation(number) if answers(most) > 0 => char::from_digit(number % 10, 10),
                ServedBy::Generation(_) => None,
                ServedBy::Either | ServedBy::Unknown => Some('?'),
            }
        };
        (0..self.room).map(|place| of(place).unwrap_or(' ')).collect()
    }

    fn failures(&self) -> String {
        let failed = |place: usize| self.columns(place).iter().any(|column| column.failed > 0);
        if !(0..self.room).any(failed) {
            return self.line("failed", GOOD, "none");
        }
        let mark = |place| if failed(place) { self.characters.failed() } else { ' ' };
        self.line("failed", BAD, &(0..self.room).map(mark).collect::<String>())
    }

    fn latency(&self) -> String {
        let worst = |place: usize| self.columns(place).iter().filter_map(|column| column.p99).max();
        let values = || (0..self.room).filter_map(worst);
        let (Some(least), Some(most)) = (values().min(), values().max()) else {
            return "not known".to_owned();
        };
        let scale = |latency: Duration| latency.as_secs_f64().max(1e-6).ln();
        let range = (scale(most) - scale(least)).max(f64::EPSILON);
        let of = |place| match worst(place) {
            Some(latency) => self.height((scale(latency) - scale(least)) / range * 0.875 + 0.125, 1.0),
            None => ' ',
        };
        let line: String = (0..self.room).map(of).collect();
        format!("{}\n  {:>width$} {}", line.trim_end(), "", facts(least, most), width = self.label)
    }

    /// Each at the moment at which its new generation serves, with its number where there is room.
    fn swaps(&self) -> String {
        let mut line = vec![' '; self.room];
        let seconds = self.model.duration().as_secs_f64();
        for swap in &self.model.swaps {
            let at = swap.new.serving.unwrap_or(swap.new.started).max(0) as f64 / 1e6 / seconds;
            let place = ((at * self.room as f64) as usize).min(self.room - 1);
            line[place] = if swap.is_made() { self.characters.swap() } else { self.characters.failed() };
            let number: Vec<char> = swap.number.to_string().chars().collect();
            let free = place + 1..place + 1 + number.len();
            if free.end <= self.room {
                line[free].copy_from_slice(&number);
            }
        }
        line.into_iter().collect()
    }
}

fn facts(least: Duration, most: Duration) -> String {
    let (least, most) = (duration(least), duration(most));
    paint(DIM, if least == most { least } else { format!("{least} to {most}") })
}

fn total(column: &Column) -> u64 {
    column.answers.values().sum()
}

fn style(series: &Series) -> Style {
    match series.by {
        ServedBy::Generation(number) => COLOURS[(number - 1) as usize % COLOURS.len()].on_default(),
        ServedBy::Either | ServedBy::Unknown => DIM,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_drawn_with_follows_the_locale() {
        let of = Characters::of_locale;
        assert_eq!(of(["", "", "en_US.UTF-8"]), Characters::Unicode);
        assert_eq!(of(["C.utf8", "", "C"]), Characters::Unicode);
        assert_eq!(of(["C", "", "en_US.UTF-8"]), Characters::Ascii);
        assert_eq!(of(["", "", ""]), Characters::Ascii);
    }
}
