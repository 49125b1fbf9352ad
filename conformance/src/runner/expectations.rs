//! `expect`, `closed` and what else a subject tells, and several of them in any order.

use std::time::{Duration, Instant};

use super::{CaseRun, Failure, SubjectUnderTest};
use crate::connection::{ConnectionEnd, Received, same_file};
use crate::scenario::{Closed, Ending, EventStep, Expect, Located, Short, Step};

/// What became of looking for one expectation.
pub(crate) enum MatchResult {
    /// It was met.
    Met,
    /// Nothing is there to look at.
    Nothing,
    /// Something else is there.
    Else(String),
}

impl<S: SubjectUnderTest> CaseRun<S> {
    /// Waits until each of these was met, in whatever order.
    pub(super) fn await_all(&mut self, steps: &[Located<Step>]) -> Result<(), Failure> {
        if self.subject.trusts(steps) {
            return Ok(());
        }
        let mut pending: Vec<&Step> = steps.iter().map(|step| &step.value).collect();
        let within = pending.iter().filter_map(|step| within(step)).max();
        let begun = Instant::now();
        while !pending.is_empty() {
            let what = pending.iter().map(|step| step.to_string()).collect::<Vec<_>>().join(" and ");
            let met = self.wait(&what, within, &mut |run| run.look_for(&pending))?;
            not_too_early(pending[met], begun)?;
            self.passed(pending.remove(met));
        }
        Ok(())
    }

    /// Which of the pending expectations is met by what is there. What fits one of them may not fit another that looks
    /// at the same source; what fits none of those is wrong.
    fn look_for(&mut self, pending: &[&Step]) -> Result<Option<usize>, Failure> {
        let mut others: Vec<(&str, String)> = Vec::new();
        for (index, step) in pending.iter().enumerate() {
            match self.look(step, pending)? {
                MatchResult::Met => return Ok(Some(index)),
                MatchResult::Nothing => {}
                MatchResult::Else(other) => others.push((source(step), other)),
            }
        }
        let readers = |one: &str| pending.iter().filter(|step| source(step) == one).count();
        let wrong = |one: &str| others.iter().filter(|(source, _)| *source == one).count() == readers(one);
        let told: Vec<&str> =
            others.iter().filter(|(source, _)| wrong(source)).map(|(_, told)| told.as_str()).collect();
        if told.is_empty() { Ok(None) } else { Err(Failure::Subject(told.join("; and "))) }
    }

    fn look(&mut self, step: &Step, pending: &[&Step]) -> Result<MatchResult, Failure> {
        if let Step::Expect(expect) = step {
            self.look_at_line(expect)
        } else if let Step::Closed(Short(closed)) = step {
            self.look_at_end(closed)
        } else {
            S::look(self, step, pending)
        }
    }

    fn look_at_line(&mut self, expect: &Expect) -> Result<MatchResult, Failure> {
        let Expect { on, message, .. } = expect;
        S::skip_passing(self.connection(on)?, Some(message));
        if self.take_aside(expect)? {
            return Ok(MatchResult::Met);
        }
        let connection = self.connection(on)?;
        let Some(head) = connection.peek() else {
            return Ok(connection
                .ended()
                .map_or(MatchResult::Nothing, |ended| MatchResult::Else(ended_by::<S>(on, ended))));
        };
        let (object, text) = (head.object.clone(), head.text.clone());
        let mut bound = self.variables.clone();
        if let Err(mismatch) = message.check(object.as_ref(), &mut bound) {
            return Ok(MatchResult::Else(format!("`{text}` came on `{on}`: {mismatch}")));
        }
        self.variables = bound;
        if let (Some(received), Some(names)) = (self.connection(on)?.take(), &expect.fds) {
            self.name_descriptors(received, names)?;
        }
        Ok(MatchResult::Met)
    }

    /// Looks among the lines that may come at any time.
    fn take_aside(&mut self, expect: &Expect) -> Result<bool, Failure> {
        let mut bound = self.variables.clone();
        let wanted = |received: &Received| expect.message.check(received.object.as_ref(), &mut bound).is_ok();
        let found = self.connection(&expect.on)?.take_aside(wanted).is_some();
        if found {
            self.variables = bound;
        }
        Ok(found)
    }

    /// Whether each descriptor of a line is the one of that name; a name that is new is given.
    fn name_descriptors(&mut self, received: Received, names: &[String]) -> Result<(), Failure> {
        let Received { text, fds, .. } = received;
        if fds.len() != names.len() {
            let (came, wanted) = (fds.len(), names.len());
            return Err(Failure::Subject(format!(
                "`{text}` came with {came} descriptors instead of {wanted}"
            )));
        }
        for (fd, name) in fds.into_iter().zip(names) {
            let Ok(known) = self.fixtures.descriptor(name) else {
                self.fixtures.add(name, fd);
                continue;
            };
            if !same_file(&fd, known).map_err(Failure::io("cannot look at a descriptor"))? {
                return Err(Failure::Subject(format!("a descriptor of `{text}` is not `{name}`")));
            }
        }
        Ok(())
    }

    fn look_at_end(&mut self, closed: &Closed) -> Result<MatchResult, Failure> {
        let on = closed.on.as_str();
        let connection = self.connection(on)?;
        S::skip_passing(connection, None);
        if let Some(head) = connection.peek() {
            return Ok(MatchResult::Else(format!("`{}` came on `{on}` before it was closed", head.text)));
        }
        let Some(ended) = connection.ended() else { return Ok(MatchResult::Nothing) };
        let ending = match ended {
            ConnectionEnd::Eof => Ending::Eof,
            ConnectionEnd::Reset => Ending::Reset,
        };
        Ok(if closed.how.contains(&ending) {
            MatchResult::Met
        } else {
            MatchResult::Else(ended_by::<S>(on, ended))
        })
    }
}

fn ended_by<S: SubjectUnderTest>(on: &str, ended: ConnectionEnd) -> String {
    let how = match ended {
        ConnectionEnd::Eof => "closed",
        ConnectionEnd::Reset => "reset",
    };
    format!("the {} has {how} `{on}`", S::NAME)
}

/// Whether an event did not come before its time.
fn not_too_early(step: &Step, begun: Instant) -> Result<(), Failure> {
    let Step::Event(EventStep { event, after_ms: Some(millis), .. }) = step else { return Ok(()) };
    let waited = begun.elapsed();
    if waited >= Duration::from_millis(*millis) {
        return Ok(());
    }
    let waited = waited.as_millis();
    Err(Failure::Subject(format!(
        "`{event}` came after {waited} ms; not earlier than after {millis} ms is right"
    )))
}

/// Where an expectation looks: a connection, or the driver.
fn source(step: &Step) -> &str {
    if let Step::Expect(Expect { on, .. }) | Step::Closed(Short(Closed { on, .. })) = step {
        on
    } else {
        "driver"
    }
}

fn within(step: &Step) -> Option<u64> {
    if let Step::Expect(Expect { within_ms, .. })
    | Step::Closed(Short(Closed { within_ms, .. }))
    | Step::Event(EventStep { within_ms, .. }) = step
    {
        *within_ms
    } else {
        None
    }
}
