//! `expect`, `event`, `closed`, and several of them in any order.

use std::time::{Duration, Instant};

use serde_json::{Map, Value};

use crate::engine::failure::Failure;
use crate::engine::stage::Stage;
use crate::peer::{Ended, Heard, same_file};
use crate::scenario::{Closed, Ending, EventStep, Expect, Located, Pattern, Short, Step, Variables};

/// Events that tell of no outcome: a driver may write them or not.
const PASSING: [&str; 2] = ["waiting", "warning"];

/// What became of looking for one expectation.
enum Found {
    /// It was met.
    Met,
    /// Nothing is there to look at.
    Nothing,
    /// Something else is there.
    Else(String),
}

impl Stage {
    /// Waits until each of these was met, in whatever order.
    pub(super) fn await_all(&mut self, steps: &[Located<Step>]) -> Result<(), Failure> {
        if self.driver.is_none() && steps.iter().any(|step| matches!(step.value, Step::Event(_))) {
            return Ok(());
        }
        let mut pending: Vec<&Step> = steps.iter().map(|step| &step.value).collect();
        let within = pending.iter().filter_map(|step| within(step)).max();
        let begun = Instant::now();
        while !pending.is_empty() {
            let what = awaited(&pending);
            let met = self.wait(&what, within, &mut |stage| stage.look_for(&pending))?;
            not_too_early(pending[met], begun)?;
            self.passed(pending.remove(met));
        }
        Ok(())
    }

    /// Which of the pending expectations is met by what is there.
    fn look_for(&mut self, pending: &[&Step]) -> Result<Option<usize>, Failure> {
        let mut others: Vec<String> = Vec::new();
        for (index, step) in pending.iter().enumerate() {
            match self.look(step, pending)? {
                Found::Met => return Ok(Some(index)),
                Found::Nothing => {}
                Found::Else(other) => others.push(other),
            }
        }
        // With several pending, what does not fit one may fit another that reads the same source.
        let sources: Vec<&str> = pending.iter().map(|step| source(step)).collect();
        let wrong = sources.iter().any(|one| {
            let readers = sources.iter().filter(|other| *other == one).count();
            others.iter().filter(|other| other.starts_with(&format!("{one}: "))).count() == readers
        });
        if wrong && !others.is_empty() {
            let told: Vec<&str> =
                others.iter().map(|other| other.split_once(": ").map_or("", |(_, told)| told)).collect();
            return Err(Failure::Client(told.join("; and ")));
        }
        Ok(None)
    }

    fn look(&mut self, step: &Step, pending: &[&Step]) -> Result<Found, Failure> {
        if let Step::Expect(expect) = step {
            self.look_at_line(expect)
        } else if let Step::Event(event) = step {
            self.look_at_event(event, pending)
        } else if let Step::Closed(Short(closed)) = step {
            self.look_at_end(closed)
        } else {
            Err(Failure::Suite(format!("`{}` is nothing to wait for", step.word())))
        }
    }

    fn look_at_line(&mut self, expect: &Expect) -> Result<Found, Failure> {
        if let Some(found) = self.look_aside(expect)? {
            return Ok(found);
        }
        let link = self.link(&expect.on)?;
        let Some(head) = link.peek() else {
            return Ok(match link.ended() {
                Some(ended) => {
                    Found::Else(format!("{}: the client has {} `{}`", expect.on, told(ended), expect.on))
                }
                None => Found::Nothing,
            });
        };
        let (object, text) = (head.object.clone(), head.text.clone());
        let mut bound = self.variables.clone();
        if let Err(mismatch) = expect.message.check(object.as_ref(), &mut bound) {
            return Ok(Found::Else(format!("{}: `{}` came on `{}`: {mismatch}", expect.on, text, expect.on)));
        }
        self.variables = bound;
        let heard = self.link(&expect.on)?.take();
        if let (Some(heard), Some(names)) = (heard, &expect.fds) {
            self.check_descriptors(&heard, names)?;
        }
        Ok(Found::Met)
    }

    /// Looks among the lines that may come at any time.
    fn look_aside(&mut self, expect: &Expect) -> Result<Option<Found>, Failure> {
        self.link(&expect.on)?.put_aside();
        let mut bound = self.variables.clone();
        let pattern = &expect.message;
        let wanted = |heard: &Heard| pattern.check(heard.object.as_ref(), &mut bound).is_ok();
        let found = self.link(&expect.on)?.take_aside(wanted);
        if found.is_some() {
            self.variables = bound;
        }
        Ok(found.map(|_| Found::Met))
    }

    /// Whether each descriptor of a line is the one of that name.
    fn check_descriptors(&self, heard: &Heard, names: &[String]) -> Result<(), Failure> {
        if heard.fds.len() != names.len() {
            let (came, wanted) = (heard.fds.len(), names.len());
            return Err(Failure::Client(format!(
                "`{}` came with {came} descriptors instead of {wanted}",
                heard.text
            )));
        }
        for (fd, name) in heard.fds.iter().zip(names) {
            let same = same_file(fd, self.props.descriptor(name)?);
            if !same.map_err(Failure::io("cannot look at a descriptor"))? {
                return Err(Failure::Client(format!("a descriptor of `{}` is not `{name}`", heard.text)));
            }
        }
        Ok(())
    }

    fn look_at_event(&mut self, step: &EventStep, pending: &[&Step]) -> Result<Found, Failure> {
        let wanted = |event: &str| {
            pending
                .iter()
                .any(|step| matches!(step, Step::Event(EventStep { event: name, .. }) if name == event))
        };
        let Some(driver) = &mut self.driver else { return Ok(Found::Met) };
        let events = driver.events();
        while events.front().is_some_and(|event| is_passing(event) && !wanted(name(event))) {
            events.pop_front();
        }
        let Some(head) = events.front() else { return Ok(Found::Nothing) };
        let mut fields = Map::from_iter([("event".to_owned(), Value::from(step.event.as_str()))]);
        fields.extend(step.fields.clone());
        let pattern =
            Pattern::new(Value::Object(fields)).map_err(|error| Failure::Suite(error.to_string()))?;
        let head = Value::Object(head.clone());
        let mut bound: Variables = self.variables.clone();
        if let Err(mismatch) = pattern.check(Some(&head), &mut bound) {
            return Ok(Found::Else(format!("driver: the driver told {head}: {mismatch}")));
        }
        events.pop_front();
        self.variables = bound;
        Ok(Found::Met)
    }

    fn look_at_end(&mut self, closed: &Closed) -> Result<Found, Failure> {
        let link = self.link(&closed.on)?;
        link.put_aside();
        if let Some(head) = link.peek() {
            let told = format!("{}: `{}` came on `{}` before it was closed", closed.on, head.text, closed.on);
            return Ok(Found::Else(told));
        }
        let Some(ended) = link.ended() else { return Ok(Found::Nothing) };
        let as_ending = match ended {
            Ended::Eof => Ending::Eof,
            Ended::Reset => Ending::Reset,
        };
        if closed.how.contains(&as_ending) {
            return Ok(Found::Met);
        }
        Ok(Found::Else(format!("{}: the client has {} `{}`", closed.on, told(ended), closed.on)))
    }
}

/// Whether an event did not come before its time.
fn not_too_early(step: &Step, begun: Instant) -> Result<(), Failure> {
    let Step::Event(EventStep { event, after_ms: Some(millis), .. }) = step else { return Ok(()) };
    let waited = begun.elapsed();
    if waited >= Duration::from_millis(*millis) {
        return Ok(());
    }
    let waited = waited.as_millis();
    Err(Failure::Client(format!(
        "`{event}` came after {waited} ms; not earlier than after {millis} ms is right"
    )))
}

/// Whether an event tells of no outcome.
pub(super) fn is_passing(event: &Map<String, Value>) -> bool {
    PASSING.contains(&name(event))
}

fn name(event: &Map<String, Value>) -> &str {
    event.get("event").and_then(Value::as_str).unwrap_or_default()
}

fn told(ended: Ended) -> &'static str {
    match ended {
        Ended::Eof => "closed",
        Ended::Reset => "reset",
    }
}

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

fn awaited(pending: &[&Step]) -> String {
    pending.iter().map(|step| step.to_string()).collect::<Vec<_>>().join(" and ")
}
