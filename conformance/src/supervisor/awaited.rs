//! `expect`, `closed`, and several of them in any order.

use super::failure::Failure;
use super::speaking::is_passing;
use super::stage::Stage;
use crate::peer::{Ended, Heard, same_file};
use crate::scenario::{Closed, Ending, Expect, Located, Short, Step};

/// What became of looking for one expectation.
enum Found {
    Met,
    Nothing,
    /// Something else is there: where, and what.
    Else(String),
}

impl Stage<'_> {
    /// Waits until each of these was met, in whatever order.
    pub(super) fn await_all(&mut self, steps: &[Located<Step>]) -> Result<(), Failure> {
        let mut pending: Vec<&Step> = steps.iter().map(|step| &step.value).collect();
        let within = pending.iter().filter_map(|step| within(step)).max();
        while !pending.is_empty() {
            let what = pending.iter().map(|step| awaited(step)).collect::<Vec<_>>().join(" and ");
            let met = self.wait(&what, within, &mut |stage| stage.look_for(&pending))?;
            self.passed(pending.remove(met));
        }
        Ok(())
    }

    /// Which of the pending expectations is met by what is there. What fits none of those that
    /// look at its connection is wrong.
    fn look_for(&mut self, pending: &[&Step]) -> Result<Option<usize>, Failure> {
        let mut others: Vec<(&str, String)> = Vec::new();
        for (index, step) in pending.iter().enumerate() {
            match self.look(step)? {
                Found::Met => return Ok(Some(index)),
                Found::Nothing => {}
                Found::Else(other) => others.push((source(step), other)),
            }
        }
        for (wrong, told) in &others {
            let readers = pending.iter().filter(|step| source(step) == *wrong).count();
            if others.iter().filter(|(source, _)| source == wrong).count() == readers {
                return Err(Failure::Subject(told.clone()));
            }
        }
        Ok(None)
    }

    fn look(&mut self, step: &Step) -> Result<Found, Failure> {
        if let Step::Expect(expect) = step {
            return self.look_at_line(expect);
        }
        let Step::Closed(Short(closed)) = step else {
            return Err(Failure::Suite(format!("`{}` is nothing to wait for", step.word())));
        };
        self.look_at_end(closed)
    }

    fn look_at_line(&mut self, expect: &Expect) -> Result<Found, Failure> {
        let on = expect.on.as_str();
        let wants_passing = expect.message.text("type") == Some("progress");
        let link = self.link(on)?;
        while !wants_passing && link.peek().is_some_and(is_passing) {
            link.take();
        }
        let Some(head) = link.peek() else {
            return Ok(match link.ended() {
                Some(ended) => Found::Else(format!("the arbiter has {} `{on}`", told(ended))),
                None => Found::Nothing,
            });
        };
        let (object, text) = (head.object.clone(), head.text.clone());
        let mut bound = self.variables.clone();
        if let Err(mismatch) = expect.message.check(object.as_ref(), &mut bound) {
            return Ok(Found::Else(format!("`{text}` came on `{on}`: {mismatch}")));
        }
        self.variables = bound;
        if let (Some(heard), Some(names)) = (self.link(on)?.take(), &expect.fds) {
            self.name_descriptors(heard, names)?;
        }
        Ok(Found::Met)
    }

    /// Gives the descriptors of a line their names; one that has its name already has to be the same
    /// socket.
    fn name_descriptors(&mut self, heard: Heard, names: &[String]) -> Result<(), Failure> {
        if heard.fds.len() != names.len() {
            let (came, wanted) = (heard.fds.len(), names.len());
            return Err(Failure::Subject(format!(
                "`{}` came with {came} descriptors instead of {wanted}",
                heard.text
            )));
        }
        for (fd, name) in heard.fds.into_iter().zip(names) {
            if let Some(known) = self.descriptors.get(name)
                && !same_file(&fd, known).map_err(Failure::io("cannot look at a descriptor"))?
            {
                return Err(Failure::Subject(format!("a descriptor of `{}` is not `{name}`", heard.text)));
            }
            self.descriptors.insert(name.clone(), fd);
        }
        Ok(())
    }

    fn look_at_end(&mut self, closed: &Closed) -> Result<Found, Failure> {
        let on = closed.on.as_str();
        let link = self.link(on)?;
        if let Some(head) = link.peek() {
            return Ok(Found::Else(format!("`{}` came on `{on}` before it was closed", head.text)));
        }
        let Some(ended) = link.ended() else { return Ok(Found::Nothing) };
        let ending = match ended {
            Ended::Eof => Ending::Eof,
            Ended::Reset => Ending::Reset,
        };
        if closed.how.contains(&ending) {
            return Ok(Found::Met);
        }
        Ok(Found::Else(format!("the arbiter has {} `{on}`", told(ended))))
    }
}

fn told(ended: Ended) -> &'static str {
    match ended {
        Ended::Eof => "closed",
        Ended::Reset => "reset",
    }
}

fn source(step: &Step) -> &str {
    if let Step::Expect(expect) = step {
        return &expect.on;
    }
    if let Step::Closed(Short(closed)) = step { &closed.on } else { step.word() }
}

fn within(step: &Step) -> Option<u64> {
    if let Step::Expect(expect) = step {
        return expect.within_ms;
    }
    if let Step::Closed(Short(closed)) = step { closed.within_ms } else { None }
}

fn awaited(step: &Step) -> String {
    if let Step::Expect(expect) = step {
        return format!("{} on `{}`", expect.message, expect.on);
    }
    format!("the end of `{}`", source(step))
}
