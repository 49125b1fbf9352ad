//! The rows for people: a table, or one below the other where the terminal is too narrow for one. Pure.

use std::time::SystemTime;

use unicode_width::{UnicodeWidthChar, UnicodeWidthStr};

use super::StatusReport;
use super::row::{Row, Tone, UNKNOWN, rows};
use crate::ui::duration::text;
use crate::ui::{Colour, GREEN, RED, YELLOW, grammar};

const HEAD: [&str; 8] = ["ADDRESS", "STATE", "PID", "SINCE (UTC)", "CONN", "MEMORY", "SUPERVISOR", "BY"];
const LAST: &str = "COMMAND";

/// With less left for the command, there is no table.
const COMMAND_COLUMNS_MIN: usize = 20;

/// What it is for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Page {
    /// Of the terminal; what is no terminal has every width, and nothing is shortened.
    pub(super) columns: Option<usize>,
    /// Of the terminal.
    pub(super) rows: Option<usize>,
    pub(super) colour: Colour,
    /// Whether it stays as it is while time goes on: then nothing is said that would be untrue a moment later.
    pub(super) ages: Ages,
}

/// Whether it is said for how long, beside since when.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Ages {
    Shown,
    Omitted,
}

/// The lines, each with its line feed.
pub(super) fn render(report: &StatusReport, page: Page) -> String {
    let rows = rows(report);
    if rows.is_empty() {
        return format!("nothing is served in {}\n", report.directory.display());
    }
    page.table(&rows).unwrap_or_else(|| page.blocks(&rows))
}

impl Page {
    /// The line, shortened to what fits.
    pub(super) fn fitted(self, line: &str) -> String {
        self.columns.map_or_else(|| line.to_owned(), |columns| shortened(line, columns))
    }

    /// `None` if it is too narrow.
    fn table(self, rows: &[Row]) -> Option<String> {
        let cells: Vec<[String; 8]> = rows.iter().map(cells).collect();
        let width = |column: usize| {
            let cells = cells.iter().map(|cells| cells[column].as_str());
            cells.chain([HEAD[column]]).map(UnicodeWidthStr::width).max().unwrap_or(0) + 2
        };
        let widths: Vec<usize> = (0..HEAD.len()).map(width).collect();
        let left = self.columns.map(|columns| columns.saturating_sub(widths.iter().sum()));
        if left.is_some_and(|left| left < COMMAND_COLUMNS_MIN) {
            return None;
        }
        let mut text = String::new();
        let mut line = |cells: &[String; 8], last: &str, tone: Option<Tone>, repeats: bool| {
            for (column, (cell, width)) in cells.iter().zip(&widths).enumerate() {
                let cell = if column == 0 && repeats { "" } else { cell };
                let gap = " ".repeat(width - cell.width());
                let cell = if column == 1 { self.paint(tone, cell) } else { cell.to_owned() };
                text.push_str(&(cell + &gap));
            }
            text.push_str(&left.map_or_else(|| last.to_owned(), |left| shortened(last, left)));
            text.truncate(text.trim_end().len());
            text.push('\n');
        };
        line(&HEAD.map(str::to_owned), LAST, None, false);
        let mut before = None;
        for (row, cells) in rows.iter().zip(&cells) {
            let repeats = self.columns.is_some() && before == Some(&row.address);
            line(cells, &command(row), Some(row.tone), repeats);
            before = Some(&row.address);
        }
        Some(text)
    }

    fn blocks(self, rows: &[Row]) -> String {
        let columns = self.columns.unwrap_or(usize::MAX);
        let mut told = Vec::new();
        let blocks = rows.iter().map(|row| {
            let is_told = row.generation.is_some_and(|generation| told.contains(&generation));
            told.extend(row.generation);
            self.block(row, columns, is_told)
        });
        blocks.collect::<Vec<_>>().join("\n")
    }

    /// What was told of the generation is not told again.
    fn block(self, row: &Row, columns: usize, is_told: bool) -> String {
        let address = shortened(&row.address, columns);
        let since = row.since.map(|since| format!("since {} UTC", when(since)));
        let age = match self.ages {
            Ages::Shown => since.as_ref().map(|_| format!("for {}", text(row.age))),
            Ages::Omitted => None,
        };
        let connections = row.connections.map(|count| grammar::count(count, "connection"));
        let mut facts: Vec<String> = since.into_iter().chain(age).collect();
        if row.pids != UNKNOWN {
            facts.push(format!("pid {}", row.pids));
            facts.push(connections.unwrap_or_else(|| "connections -".to_owned()));
            facts.push(format!("memory {}", row.memory));
        }
        facts.push(format!("supervisor {}", row.supervisor));
        let head = if address.width() + 2 + row.state.width() <= columns {
            format!("{address}  {}\n", self.paint(Some(row.tone), &row.state))
        } else {
            let state = wrapped(&row.state.split(' ').map(str::to_owned).collect::<Vec<_>>(), " ", columns);
            format!("{address}\n{}", self.paint(Some(row.tone), &state))
        };
        let mut block = head + &wrapped(&facts, ", ", columns);
        if is_told {
            block.push_str(&wrapped(&["the same server as above".to_owned()], "", columns));
        } else if row.generation.is_some() {
            let room = columns.saturating_sub(2);
            block.push_str(&format!("  {}\n", shortened(&row.command, room)));
            let cwd =
                row.cwd.as_ref().map(|cwd| format!("in {}", shortened_front(cwd, room.saturating_sub(4))));
            let who = (row.who != UNKNOWN).then(|| format!("by {}", row.who));
            block.push_str(&wrapped(&cwd.into_iter().chain(who).collect::<Vec<_>>(), ", ", columns));
        }
        block
    }

    fn paint(self, tone: Option<Tone>, text: &str) -> String {
        match tone {
            None => text.to_owned(),
            Some(Tone::Good) => self.colour.paint(GREEN, text),
            Some(Tone::Passing) => self.colour.paint(YELLOW, text),
            Some(Tone::Bad) => self.colour.paint(RED, text),
        }
    }
}

fn cells(row: &Row) -> [String; 8] {
    let or_dash = |text: Option<String>| text.unwrap_or_else(|| UNKNOWN.to_owned());
    [
        row.address.clone(),
        row.state.clone(),
        row.pids.clone(),
        or_dash(row.since.map(when)),
        or_dash(row.connections.map(|count| count.to_string())),
        row.memory.clone(),
        row.supervisor.clone(),
        row.who.clone(),
    ]
}

fn command(row: &Row) -> String {
    match &row.cwd {
        Some(cwd) => format!("{} (in {cwd})", row.command),
        None => row.command.clone(),
    }
}

/// `2026-11-30 12:00:00`.
pub(super) fn when(time: SystemTime) -> String {
    humantime::format_rfc3339_seconds(time).to_string().replace('T', " ").replace('Z', "")
}

/// The parts on indented lines, as many as fit on each; one that is longer than a line is shortened.
fn wrapped(parts: &[String], between: &str, columns: usize) -> String {
    let room = columns.saturating_sub(2);
    let mut lines: Vec<String> = Vec::new();
    for (index, part) in parts.iter().enumerate() {
        let end = if index + 1 < parts.len() { between } else { "" };
        let part = shortened(part, room.saturating_sub(end.trim_end().width()));
        match lines.last_mut() {
            Some(line) if line.width() + part.width() + end.trim_end().width() <= room => {
                line.push_str(&part);
                line.push_str(end);
            }
            Some(_) | None => lines.push(part + end),
        }
    }
    lines.iter().map(|line| format!("  {}\n", line.trim_end())).collect()
}

/// Its beginning, where it is wider than `columns`.
fn shortened(text: &str, columns: usize) -> String {
    if text.width() <= columns {
        return text.to_owned();
    }
    let kept = fitting(text.chars(), columns);
    text.chars().take(kept).chain(['…']).collect()
}

/// Its end, where it is wider than `columns`: the end of a path says more.
fn shortened_front(text: &str, columns: usize) -> String {
    if text.width() <= columns {
        return text.to_owned();
    }
    let left_out = text.chars().count() - fitting(text.chars().rev(), columns);
    ['…'].into_iter().chain(text.chars().skip(left_out)).collect()
}

/// How many characters fit beside an ellipsis.
fn fitting(characters: impl Iterator<Item = char>, columns: usize) -> usize {
    let mut left = columns.saturating_sub(1);
    let fits = |character: &char| match left.checked_sub(character.width().unwrap_or(0)) {
        Some(rest) => {
            left = rest;
            true
        }
        None => false,
    };
    characters.take_while(fits).count()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_too_long_is_shortened_by_what_a_terminal_shows_of_it() {
        assert_eq!(shortened("node server.js", 14), "node server.js");
        assert_eq!(shortened("node server.js", 8), "node se…");
        assert_eq!(shortened("服务器 --port", 6), "服务…", "each of them has two columns");
        assert_eq!(shortened_front("/srv/app/releases/7", 11), "…releases/7");
    }

    #[test]
    fn parts_are_wrapped_between_them() {
        let parts = ["pid 4711", "3 connections", "memory 84 MiB"].map(str::to_owned);
        assert_eq!(wrapped(&parts, ", ", 80), "  pid 4711, 3 connections, memory 84 MiB\n");
        assert_eq!(wrapped(&parts, ", ", 26), "  pid 4711, 3 connections,\n  memory 84 MiB\n");
    }
}
