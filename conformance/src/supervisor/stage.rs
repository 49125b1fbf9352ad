//! Everything that one case has open, and the one place in which it waits.

use std::collections::BTreeMap;
use std::fmt::Display;
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::time::Instant;

use serde_json::{Value, json};
use serverswap_protocol::trace::Side;

use super::SupervisorCommand;
use super::control::Puppet;
use super::failure::Failure;
use super::fault::{ArbiterFault, NoFault};
use super::process::Started;
use crate::engine::Budget;
use crate::peer::{Judged, Link, RawLine, Trace, ready};
use crate::report::Check;
use crate::sandbox::Sandbox;
use crate::scenario::{Located, Step, Variables};
use serverswap_load::Probe;

/// One case under way.
pub(super) struct Stage<'a> {
    pub(super) sandbox: &'a Sandbox,
    pub(super) command: &'a SupervisorCommand,
    pub(super) budget: Budget,
    pub(super) started: BTreeMap<String, Started>,
    /// By the name of their connection: the `start` that they belong to, and which they are.
    pub(super) puppets: BTreeMap<String, (String, Puppet)>,
    pub(super) links: BTreeMap<String, Link>,
    /// Descriptors that came with lines.
    pub(super) descriptors: BTreeMap<String, OwnedFd>,
    pub(super) probes: BTreeMap<String, Probe>,
    pub(super) variables: Variables,
    pub(super) trace: Trace,
    pub(super) checks: Vec<Check>,
    /// The first line of the supervisor that the protocol forbids.
    pub(super) wire_fault: Option<String>,
    pub(super) fault: Box<dyn ArbiterFault>,
    answers_pings: bool,
}

/// What waits for something: found, not yet, or never.
pub(super) type Look<'a, T> = &'a mut dyn FnMut(&mut Stage<'_>) -> Result<Option<T>, Failure>;

impl<'a> Stage<'a> {
    pub(super) fn new(
        sandbox: &'a Sandbox,
        command: &'a SupervisorCommand,
        budget: Budget,
        variables: Variables,
        steps: &[Located<Step>],
    ) -> Stage<'a> {
        Stage {
            sandbox,
            command,
            budget,
            started: BTreeMap::new(),
            puppets: BTreeMap::new(),
            links: BTreeMap::new(),
            descriptors: BTreeMap::new(),
            probes: BTreeMap::new(),
            variables,
            trace: Trace::default(),
            checks: Vec::new(),
            wire_fault: None,
            fault: Box::new(NoFault),
            answers_pings: !expects_pings(steps),
        }
    }

    /// Waits until `look` has found something.
    ///
    /// # Errors
    /// What `look` says; that it took too long.
    pub(super) fn wait<T>(
        &mut self,
        what: &dyn Display,
        within: Option<u64>,
        look: Look<'_, T>,
    ) -> Result<T, Failure> {
        let deadline = self.budget.deadline(within);
        loop {
            if let Some(found) = look(self)? {
                return Ok(found);
            }
            if !self.pump(deadline)? {
                let seconds = self.budget.duration(within).unwrap_or_default().as_secs_f64();
                return Err(Failure::Subject(format!(
                    "{what} was awaited and did not come within {seconds} s"
                )));
            }
        }
    }

    /// Waits for anything, and takes it in. False when the deadline has passed.
    fn pump(&mut self, deadline: Option<Instant>) -> Result<bool, Failure> {
        let any = ready(&self.waiting(), deadline).map_err(Failure::io("cannot wait for descriptors"))?;
        if !any.contains(&true) {
            return Ok(false);
        }
        self.read_links()?;
        for started in self.started.values_mut() {
            started.read().map_err(Failure::io("cannot read what a puppet says"))?;
        }
        Ok(true)
    }

    fn waiting(&self) -> Vec<BorrowedFd<'_>> {
        let links = self.links.values().filter(|link| link.is_read()).map(AsFd::as_fd);
        links.chain(self.started.values().flat_map(Started::descriptors)).collect()
    }

    fn read_links(&mut self) -> Result<(), Failure> {
        let read: Vec<String> =
            self.links.iter().filter(|(_, link)| link.is_read()).map(|(name, _)| name.clone()).collect();
        for name in read {
            let (lines, ended) = self.link(&name)?.read().map_err(Failure::io("cannot read a connection"))?;
            for RawLine { bytes, fds } in lines {
                self.filter_line(&name, bytes, fds)?;
            }
            if let Some(ended) = ended {
                self.filter_end(&name, ended)?;
            }
        }
        Ok(())
    }

    pub(super) fn hear(&mut self, name: &str, line: RawLine) -> Result<(), Failure> {
        let Stage { links, trace, wire_fault, .. } = self;
        let Some(link) = links.get_mut(name) else { return Ok(()) };
        if let Err(fault) = link.hear(line, trace) {
            let line = link.newest().map(|heard| heard.text.clone()).unwrap_or_default();
            wire_fault.get_or_insert(format!("{line}: {fault}"));
        }
        self.answer_ping(name)
    }

    fn answer_ping(&mut self, name: &str) -> Result<(), Failure> {
        let link = self.link(name)?;
        let ping = link.newest().and_then(|heard| heard.object.as_ref());
        let id = ping.filter(|line| line["type"] == "ping").and_then(|line| line["id"].as_u64());
        let is_open = link.is_open();
        let Some(id) = id.filter(|_| self.answers_pings && is_open) else { return Ok(()) };
        self.link(name)?.take_back();
        self.say(name, &json!({"type": "pong", "re": id}), Judged::Yes)
    }

    /// Says one line without descriptors.
    pub(super) fn say(&mut self, name: &str, line: &Value, judged: Judged) -> Result<(), Failure> {
        self.judge(name, line, judged)?;
        let mut bytes = line.to_string().into_bytes();
        bytes.push(b'\n');
        self.send_bytes(name, &bytes, &[])
    }

    /// Judges a line that is about to be sent.
    pub(super) fn judge(&mut self, name: &str, line: &Value, judged: Judged) -> Result<(), Failure> {
        let Value::Object(object) = line else {
            return Err(Failure::Suite(format!("the scenario is wrong: {line} is no message")));
        };
        match self.link(name)?.say(object, judged) {
            // What follows a line that the protocol forbids has no state to be judged by.
            Err(fault) if self.wire_fault.is_none() => {
                Err(Failure::Suite(format!("harness-valid: the scenario sends {line}: {fault}")))
            }
            Ok(()) | Err(_) => Ok(()),
        }
    }

    /// Sends bytes with descriptors, and traces them.
    pub(super) fn send_bytes(&mut self, name: &str, bytes: &[u8], fds: &[String]) -> Result<(), Failure> {
        let Stage { links, descriptors, trace, budget, .. } = self;
        let link = links.get_mut(name).ok_or_else(|| Failure::no("connection", name))?;
        let attached: Vec<BorrowedFd<'_>> = fds
            .iter()
            .map(|fd| descriptors.get(fd).map(AsFd::as_fd).ok_or_else(|| Failure::no("descriptor", fd)))
            .collect::<Result<_, _>>()?;
        link.trace_sent(bytes, fds.to_vec(), trace);
        let sent = link.send(bytes, &attached, budget.deadline(None));
        sent.map_err(|error| {
            if error.kind() == std::io::ErrorKind::TimedOut {
                return Failure::Subject(format!("the arbiter does not read `{name}`"));
            }
            Failure::io("cannot send")(error)
        })
    }

    pub(super) fn link(&mut self, name: &str) -> Result<&mut Link, Failure> {
        self.links.get_mut(name).ok_or_else(|| Failure::no("connection", name))
    }

    pub(super) fn add_link(&mut self, name: &str, socket: OwnedFd) {
        self.trace.remark(Some(name), "connected by a puppet");
        self.links.insert(name.to_owned(), Link::new(name, socket, Side::Client));
    }
}

/// Whether a scenario looks at pings by itself.
fn expects_pings(steps: &[Located<Step>]) -> bool {
    let mut expects = false;
    for step in steps {
        step.value.visit(&mut |step| {
            expects |= matches!(step, Step::Expect(expect) if expect.message.text("type") == Some("ping"));
        });
    }
    expects
}
