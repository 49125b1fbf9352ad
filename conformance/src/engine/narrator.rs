//! Tells a person what happens while it happens: for `serve`.

use std::fmt;
use std::io::Write;

use super::stage::Stage;
use crate::report::Party;
use crate::scenario::{Located, Step};

/// Where it is told, and how much of the trace was.
pub(super) struct Narrator {
    out: Box<dyn Write + Send>,
    told: usize,
}

impl fmt::Debug for Narrator {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Narrator").field("told", &self.told).finish_non_exhaustive()
    }
}

impl Narrator {
    pub fn new(out: Box<dyn Write + Send>) -> Narrator {
        Narrator { out, told: 0 }
    }

    /// A line for the person. Nobody may be there any more; the case goes on.
    pub fn say(&mut self, line: &str) {
        let _ = writeln!(self.out, "{line}").and_then(|()| self.out.flush());
    }
}

impl Stage {
    /// Tells what has happened, and what the next step is.
    pub fn narrate(&mut self, step: &Located<Step>) {
        self.narrate_trace();
        let Some(narrator) = &mut self.narrator else { return };
        let turn = if matches!(step.value, Step::Driver(_)) {
            "your turn: "
        } else if matches!(step.value, Step::Event(_)) {
            "your client now tells "
        } else if step.value.waits() {
            "awaiting "
        } else {
            ""
        };
        narrator.say(&format!("line {:3}: {turn}{}", step.line, step.value));
    }

    /// Tells what was said since it was told last.
    pub fn narrate_trace(&mut self) {
        let Stage { narrator: Some(narrator), trace, .. } = self else { return };
        for line in &trace.lines()[narrator.told..] {
            let arrow = match line.from {
                Party::Client => "→",
                Party::Arbiter => "←",
                Party::Driver | Party::Suite => "·",
            };
            let on = line.on.as_deref().unwrap_or_default();
            narrator.say(&format!("        {on} {arrow} {}", line.line));
        }
        narrator.told = trace.lines().len();
    }
}
