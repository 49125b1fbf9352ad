//! Where the suite asks the fault of a mutant what it makes of a connection.

use std::os::fd::OwnedFd;

use super::failure::Failure;
use super::fault::ArbiterLine;
use super::stage::Stage;
use crate::peer::{Ended, RawLine};
use crate::scenario::Step;

impl Stage<'_> {
    /// Tells the fault which checks are about to be tried, and asks it again about what has come
    /// and was not looked at.
    pub(super) fn reach(&mut self, step: &Step) -> Result<(), Failure> {
        let mut again = false;
        step.visit(&mut |step| {
            let check = step.checked().and_then(|checked| checked.check.as_ref());
            again |= check.is_some_and(|check| self.fault.reached(check));
        });
        if !again {
            return Ok(());
        }
        let names: Vec<String> = self.links.keys().cloned().collect();
        for name in names {
            for heard in self.link(&name)?.unlooked_at() {
                self.filter_line(&name, heard.text.into_bytes(), heard.fds)?;
            }
            if let Some(ended) = self.link(&name)?.forget_end() {
                self.filter_end(&name, ended)?;
            }
        }
        Ok(())
    }

    /// Hears what the fault makes of a line.
    pub(super) fn filter_line(&mut self, on: &str, bytes: Vec<u8>, fds: Vec<OwnedFd>) -> Result<(), Failure> {
        let lines = self.fault.line(ArbiterLine { on: on.to_owned(), bytes, fds });
        lines
            .into_iter()
            .try_for_each(|ArbiterLine { on, bytes, fds }| self.hear(&on, RawLine { bytes, fds }))
    }

    /// Notes the end of a connection, if the fault lets it be seen.
    pub(super) fn filter_end(&mut self, on: &str, ended: Ended) -> Result<(), Failure> {
        if !self.fault.closes() {
            self.link(on)?.stall(true);
            return Ok(());
        }
        let Stage { links, trace, wire_fault, .. } = self;
        if let Some(Err(fault)) = links.get_mut(on).map(|link| link.end(ended, trace)) {
            wire_fault.get_or_insert(fault);
        }
        Ok(())
    }
}
