//! The entries for people: a table, or one below the other where the terminal is narrow. Pure.

use std::ffi::OsString;
use std::time::Duration;

use super::entry::Entry;
use crate::cli::for_shell;
use crate::ui::duration::text;
use crate::ui::grammar::{self, printable};

const HEAD: [&str; 8] = ["WHEN (UTC)", "WHAT", "ADDRESS", "PID", "TOOK", "CUT", "BY", "COMMAND"];

/// With less left for the last column, there is no table.
const COMMAND_CHARS_MIN: usize = 20;

/// Most addresses in a cell.
const ADDRESSES_MAX: usize = 3;

/// Most older versions that are told.
const OLDER_MAX: usize = 3;

/// `width` is that of the terminal; what is no terminal has every width.
pub(super) fn render(entries: &[Entry], width: Option<usize>) -> String {
    let rows: Vec<[String; 8]> = entries.iter().map(row).collect();
    let all = || [HEAD.map(str::to_owned)].into_iter().chain(rows.iter().cloned());
    let columns: Vec<usize> =
        (0..7).map(|column| all().map(|row| chars(&row[column])).max().unwrap_or(0) + 2).collect();
    let left = width.map(|width| width.saturating_sub(columns.iter().sum()));
    if left.is_some_and(|left| left < COMMAND_CHARS_MIN) {
        return entries
            .iter()
            .zip(&rows)
            .map(|(entry, row)| below(entry, row))
            .collect::<Vec<_>>()
            .join("\n");
    }
    all().map(|row| line(&row, &columns, left)).collect()
}

/// What to type to run an older version again.
pub(super) fn older(entries: &[&Entry]) -> String {
    let told = entries.iter().take(OLDER_MAX).filter_map(|entry| {
        let (when, addresses) = (when(&entry.at), addresses(entry));
        Some(format!("\nThe version of {when} for {addresses} again:\n  {}\n", entry.again.as_ref()?))
    });
    told.collect()
}

fn row(entry: &Entry) -> [String; 8] {
    let what = match entry.status {
        Some(status @ 1..) => format!("{} ({status})", entry.happened),
        Some(0) | None => entry.happened.clone(),
    };
    let or_dash = |text: Option<String>| text.unwrap_or_else(|| "-".to_owned());
    [
        when(&entry.at),
        printable(&what),
        addresses(entry),
        or_dash(entry.pid.map(|pid| pid.to_string())),
        or_dash(entry.duration_ms.map(|millis| text(Duration::from_millis(millis)))),
        entry.cut.to_string(),
        or_dash(entry.who.as_ref().map(|who| printable(&who.text()))),
        command(entry),
    ]
}

fn line(row: &[String; 8], columns: &[usize], left: Option<usize>) -> String {
    let cells = row.iter().zip(columns).map(|(cell, width)| format!("{cell:<width$}"));
    let command = match left {
        Some(left) if chars(&row[7]) > left => {
            row[7].chars().take(left.saturating_sub(1)).chain(['…']).collect()
        }
        Some(_) | None => row[7].clone(),
    };
    let line = cells.collect::<String>() + &command;
    format!("{}\n", line.trim_end())
}

/// One below the other.
fn below(entry: &Entry, row: &[String; 8]) -> String {
    let [when, what, addresses, pid, took, _, who, command] = row;
    let cut = (entry.cut > 0).then(|| format!(", {} cut", grammar::count(entry.cut, "connection")));
    let mut text = format!(
        "{when}  {what}  {addresses}\n  pid {pid}, took {took}{}, by {who}\n",
        cut.unwrap_or_default()
    );
    if !command.is_empty() {
        text.push_str(&format!("  {command}\n"));
    }
    text
}

/// `2026-11-30 12:00:00`.
fn when(at: &str) -> String {
    printable(&at.chars().take(19).collect::<String>().replace('T', " "))
}

fn addresses(entry: &Entry) -> String {
    let mut named: Vec<String> =
        entry.addresses.iter().take(ADDRESSES_MAX).map(ToString::to_string).collect();
    let more = entry.addresses.len() - named.len();
    if more > 0 {
        named.push(format!("{more} more"));
    }
    if named.is_empty() { "-".to_owned() } else { printable(&grammar::list(&named)) }
}

/// With the directory in which it ran.
fn command(entry: &Entry) -> String {
    let words: Vec<OsString> = entry.command.iter().map(OsString::from).collect();
    let command = for_shell(&words);
    match &entry.cwd {
        Some(cwd) if !command.is_empty() => printable(&format!("{command} (in {cwd})")),
        Some(_) | None => printable(&command),
    }
}

fn chars(text: &str) -> usize {
    text.chars().count()
}

#[cfg(test)]
mod tests {
    use super::super::who::Who;
    use super::*;

    fn entry() -> Entry {
        Entry {
            at: "2026-11-30T12:00:00.123Z".to_owned(),
            happened: "swapped".to_owned(),
            addresses: [":8080".parse().expect("valid")].into(),
            pid: Some(4711),
            duration_ms: Some(2_300),
            cut: 3,
            who: Some(Who { name: Some("ann".to_owned()), ..Who::default() }),
            command: ["node", "server.js"].map(str::to_owned).to_vec(),
            cwd: Some("/srv/7".to_owned()),
            again: Some("cd /srv/7 && serverswap node server.js".to_owned()),
            ..Entry::default()
        }
    }

    #[test]
    fn a_table_has_a_line_for_each() {
        let failed = Entry { happened: "failed".to_owned(), status: Some(3), pid: None, cut: 0, ..entry() };
        let expected = "\
WHEN (UTC)           WHAT        ADDRESS  PID   TOOK   CUT  BY   COMMAND
2026-11-30 12:00:00  swapped     :8080    4711  2.3 s  3    ann  node server.js (in /srv/7)
2026-11-30 12:00:00  failed (3)  :8080    -     2.3 s  0    ann  node server.js (in /srv/7)
";
        assert_eq!(render(&[entry(), failed], None), expected);
    }

    #[test]
    fn on_a_terminal_the_command_is_shortened_and_on_a_narrow_one_there_is_no_table() {
        let wide = render(&[entry()], Some(84));
        assert!(wide.lines().all(|line| line.chars().count() <= 84), "{wide}");
        assert!(wide.contains("node server.js (in /s…"), "{wide}");
        let expected = "\
2026-11-30 12:00:00  swapped  :8080
  pid 4711, took 2.3 s, 3 connections cut, by ann
  node server.js (in /srv/7)
";
        assert_eq!(render(&[entry()], Some(60)), expected);
    }

    #[test]
    fn nothing_that_a_terminal_obeys_is_printed() {
        let hostile =
            Entry { command: vec!["./\u{1b}[31m".to_owned()], happened: "\u{7}".to_owned(), ..entry() };
        let text = render(&[hostile], None);
        assert!(!text.contains(['\u{1b}', '\u{7}']), "{text:?}");
    }

    #[test]
    fn an_older_version_is_told_with_what_to_type() {
        let expected = "\nThe version of 2026-11-30 12:00:00 for :8080 again:\n  cd /srv/7 && serverswap node server.js\n";
        assert_eq!(older(&[&entry()]), expected);
    }
}
