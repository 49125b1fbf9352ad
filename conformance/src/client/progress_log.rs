//! Prints what happens while it happens, for a person: `serve`.

use std::fmt;
use std::io::Write;

use super::ClientRun;
use crate::report::Party;
use crate::scenario::Step;

/// Where it is printed, and how much of the trace was.
pub(super) struct ProgressLog {
    out: Box<dyn Write + Send>,
    printed: usize,
}

impl fmt::Debug for ProgressLog {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ProgressLog").field("printed", &self.printed).finish_non_exhaustive()
    }
}

impl ProgressLog {
    pub fn new(out: Box<dyn Write + Send>) -> ProgressLog {
        ProgressLog { out, printed: 0 }
    }

    /// A line for the person. Nobody may be there any more; the case goes on.
    pub fn print(&mut self, line: &str) {
        let _ = writeln!(self.out, "{line}").and_then(|()| self.out.flush());
    }
}

impl ClientRun {
    /// Prints what has happened, and what the next step is.
    pub fn log_step(&mut self, number: usize, step: &Step) {
        self.log_trace();
        let Some(log) = &mut self.subject.progress_log else { return };
        let turn = if matches!(step, Step::Driver(_)) {
            "your turn: "
        } else if matches!(step, Step::Event(_)) {
            "your client now tells "
        } else if step.waits() {
            "awaiting "
        } else {
            ""
        };
        log.print(&format!("step {number:3}: {turn}{step}"));
    }

    /// Prints what was sent since it was printed last.
    pub fn log_trace(&mut self) {
        let ClientRun { subject, trace, .. } = self;
        let Some(log) = &mut subject.progress_log else { return };
        for line in &trace.lines()[log.printed..] {
            let arrow = match line.from {
                Party::Client => "→",
                Party::Arbiter => "←",
                Party::Driver | Party::Suite => "·",
            };
            let on = line.on.as_deref().unwrap_or_default();
            log.print(&format!("        {on} {arrow} {}", line.line));
        }
        log.printed = trace.lines().len();
    }
}
