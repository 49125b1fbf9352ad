//! `serverswap status --watch`: the same again with each change, on a screen of its own; where stdout is no terminal, one after the other.
//!
//! It looks when something was written to the directory or a process that it shows has ended, whoever is the arbiter. What the kernel
//! counts is looked at then, too, and every second while something drains.

use std::io;
use std::time::{Duration, SystemTime};

use nix::sys::signal::Signal;
use serverswap::sys::clock::monotonic;

use super::changes::{Changes, Woken};
use super::layout::{Ages, Page, when};
use super::view::View;
use super::{everywhere, look, page};
use crate::cli::{Scope, Status, environment};
use crate::sys::terminal::{Screen, TerminalSignals};
use crate::sys::write::write_all;
use crate::ui::{Conclusion, Console, ResultFormat, StillTrue, Summary, UNABLE};

/// How often it is looked while something drains.
const TICK: Duration = Duration::from_secs(1);

/// A deploy writes many times; more often nobody can read.
const PAUSE: Duration = Duration::from_millis(100);

/// Where there is nothing.
const WAITS: &str = "waiting for a server\n";

/// Until a signal comes, or nobody reads any more.
pub(super) fn watch(status: &Status, console: &Console) -> Conclusion {
    match run(status) {
        Ok(()) => Conclusion::silent(0),
        Err(error) if error.kind() == io::ErrorKind::BrokenPipe => Conclusion::silent(0),
        Err(error) => console.failed(&not_shown(&error), UNABLE),
    }
}

fn run(status: &Status) -> io::Result<()> {
    let signals = TerminalSignals::new()?;
    let stdout = io::stdout();
    // A screen is for people.
    let mut screen = match status.result {
        ResultFormat::None => Screen::enter(),
        ResultFormat::Json => None,
    };
    let mut shown = String::new();
    loop {
        let mut changes = Changes::watch(&directories(status), places(status))?;
        let looked_at = monotonic();
        let (text, is_passing) = match look(status, |_| {}) {
            Ok(view) => {
                view.reports().iter().for_each(|report| changes.add_processes(report));
                let waits = if view.is_empty() && status.result == ResultFormat::None { WAITS } else { "" };
                (view.render(status.result, page(Ages::Omitted)) + waits, is_passing(&view))
            }
            Err(error) => (explained(&error.summary(StillTrue::NothingAsked)), false),
        };
        match screen {
            Some(_) => write_all(&stdout, drawn(&text, page(Ages::Omitted), SystemTime::now()).as_bytes())?,
            None if text == shown => {}
            None => {
                let gap = if shown.is_empty() || status.result == ResultFormat::Json { "" } else { "\n" };
                write_all(&stdout, format!("{gap}{text}").as_bytes())?;
            }
        }
        shown = text;
        let tick = (is_passing && screen.is_some()).then_some(TICK);
        match changes.wait(&signals, &stdout, tick)? {
            Woken::Unread => return Ok(()),
            Woken::Ticked => {}
            Woken::Signalled => {
                if is_end(&signals, screen.as_mut()) {
                    return Ok(());
                }
            }
            Woken::Changed => {
                let pause = PAUSE.saturating_sub(monotonic().saturating_sub(looked_at));
                if signals.wait(pause)? && is_end(&signals, screen.as_mut()) {
                    return Ok(());
                }
            }
        }
    }
}

/// Whether a signal asks for the end.
fn is_end(signals: &TerminalSignals, screen: Option<&mut Screen>) -> bool {
    match signals.read() {
        Some(Signal::SIGTSTP) => {
            if let Some(screen) = screen {
                screen.suspend();
            }
            false
        }
        Some(Signal::SIGWINCH) | None => false,
        Some(_) => true,
    }
}

/// Where it is looked, now or when it is there.
fn directories(status: &Status) -> Vec<std::path::PathBuf> {
    match &status.scope {
        Scope::Directory(dir) => environment::runtime_directories(dir.as_deref()),
        Scope::Everywhere => everywhere::directories().into_iter().collect(),
    }
}

fn places(status: &Status) -> Vec<super::changes::Place> {
    match &status.scope {
        Scope::Directory(_) => Vec::new(),
        Scope::Everywhere => everywhere::places(),
    }
}

/// Whether something drains, or serves on probation: what is shown of it changes with the time.
fn is_passing(view: &View) -> bool {
    let addresses = view.reports().iter().flat_map(|report| &report.addresses);
    addresses.into_iter().any(|address| !address.draining.is_empty())
}

/// A whole screen.
fn drawn(text: &str, page: Page, now: SystemTime) -> String {
    let rows = page.rows.unwrap_or(usize::MAX);
    let mut lines: Vec<String> = text.lines().map(str::to_owned).collect();
    let room = rows.saturating_sub(2).max(1);
    if lines.len() > room {
        let left_out = lines.len() - (room - 1);
        lines.truncate(room - 1);
        lines.push(page.fitted(&format!("… {left_out} more lines")));
    }
    let head = [page.fitted(&format!("{} UTC, ^C ends", when(now))), String::new()];
    let lines = head.iter().chain(&lines).take(rows).map(|line| format!("{line}\x1b[K"));
    format!("\x1b[H{}\x1b[J", lines.collect::<Vec<_>>().join("\n"))
}

fn explained(summary: &Summary) -> String {
    match summary {
        Summary::Success(text) => format!("{text}\n"),
        Summary::Failure { error, hint } => format!("error: {error}\nhint: {hint}\n"),
    }
}

fn not_shown(error: &io::Error) -> Summary {
    Summary::Failure {
        error: format!("the view cannot go on: {error}; no server was touched"),
        hint: "`serverswap status` looks once".to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::ui::Colour;

    fn page(columns: usize, rows: usize) -> Page {
        Page { columns: Some(columns), rows: Some(rows), colour: Colour::None, ages: Ages::Omitted }
    }

    #[test]
    fn a_screen_is_drawn_over_the_one_before_and_ends_where_the_terminal_does() {
        let text = "one\ntwo\nthree\nfour\n";
        let whole = "\x1b[H1970-01-01 00:00:00 UTC, ^C ends\x1b[K\n\x1b[K\none\x1b[K\ntwo\x1b[K\nthree\x1b[K\nfour\x1b[K\x1b[J";
        assert_eq!(drawn(text, page(80, 24), SystemTime::UNIX_EPOCH), whole);
        let cropped = drawn(text, page(20, 4), SystemTime::UNIX_EPOCH);
        assert_eq!(
            cropped,
            "\x1b[H1970-01-01 00:00:00…\x1b[K\n\x1b[K\none\x1b[K\n… 3 more lines\x1b[K\x1b[J"
        );
    }
}
