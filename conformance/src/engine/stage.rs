//! Everything that one case has open, and the one place in which it waits.

use std::collections::BTreeMap;
use std::fmt::Display;
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::path::Path;
use std::time::Instant;

use serde_json::{Value, json};
use serverswap_protocol::trace::Side;

use super::arbiter::Arbiter;
use super::budget::Budget;
use super::driver::{Driver, told};
use super::failure::Failure;
use super::fault::{ClientLine, Closing, Fault, LineFds};
use super::narrator::Narrator;
use super::props::Props;
use crate::peer::{Ended, Judged, Link, RawLine, Trace, ready};
use crate::report::Check;
use crate::scenario::Variables;

/// One case under way.
#[derive(Debug)]
pub(super) struct Stage {
    /// `None`: a person plays the driver.
    pub driver: Option<Driver>,
    pub arbiter: Arbiter,
    pub links: BTreeMap<String, Link>,
    pub props: Props,
    pub variables: Variables,
    pub trace: Trace,
    pub checks: Vec<Check>,
    pub fault: Box<dyn Fault>,
    pub budget: Budget,
    /// Whether pings of the client are answered without a step.
    pub answers_pings: bool,
    /// Whether a connection to the arbiter is being waited for.
    accepting: bool,
    /// The first line of the client that the protocol forbids.
    pub wire_fault: Option<String>,
    /// Numbers of descriptors, by name.
    pub counts: BTreeMap<String, u64>,
    /// Who is told what happens while it happens.
    pub narrator: Option<Narrator>,
}

/// What waits for something: found, not yet, or never.
pub(super) type Look<'a, T> = &'a mut dyn FnMut(&mut Stage) -> Result<Option<T>, Failure>;

impl Stage {
    pub fn new(directory: &Path, budget: Budget, fault: Box<dyn Fault>) -> Stage {
        Stage {
            driver: None,
            arbiter: Arbiter::new(directory),
            links: BTreeMap::new(),
            props: Props::default(),
            variables: Variables::default(),
            trace: Trace::default(),
            checks: Vec::new(),
            fault,
            budget,
            answers_pings: true,
            accepting: false,
            wire_fault: None,
            counts: BTreeMap::new(),
            narrator: None,
        }
    }

    /// Waits until `look` has found something.
    ///
    /// # Errors
    /// What `look` says; that the driver has ended; that it took too long.
    pub fn wait<T>(
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
            let exited = self.driver.as_ref().and_then(Driver::exited);
            match exited {
                // What it has left behind is looked at before it counts as dead.
                Some(exited) => {
                    if !self.pump(Some(Instant::now()))? {
                        let told = told(exited);
                        return Err(Failure::Client(format!(
                            "{what} was awaited, but the driver ended {told}"
                        )));
                    }
                }
                None => {
                    if !self.pump(deadline)? {
                        return Err(Failure::Client(self.too_late(what, within)));
                    }
                }
            }
        }
    }

    fn too_late(&self, what: &dyn Display, within: Option<u64>) -> String {
        let seconds = self.budget.duration(within).unwrap_or_default().as_secs_f64();
        let last = self
            .trace
            .lines()
            .last()
            .map_or(String::new(), |line| format!("; the last line was {}", line.line));
        format!("{what} was awaited and did not come within {seconds} s{last}")
    }

    /// The next connection to the arbiter.
    pub fn accept(&mut self, what: &dyn Display, within: Option<u64>) -> Result<OwnedFd, Failure> {
        self.accepting = true;
        let accepted = self.wait(what, within, &mut |stage| {
            if !stage.fault.connects() {
                return Ok(None);
            }
            stage.arbiter.accept().map_err(Failure::io("cannot accept a connection of the client"))
        });
        self.accepting = false;
        accepted
    }

    /// Waits for anything, and takes it in. False when the deadline has passed.
    pub fn pump(&mut self, deadline: Option<Instant>) -> Result<bool, Failure> {
        // Something may be readable all the time that no step looks at.
        if deadline.is_some_and(|deadline| Instant::now() >= deadline) {
            return Ok(false);
        }
        let poll_failed = Failure::io("cannot wait for descriptors");
        let any = ready(&self.descriptors(), deadline).map_err(poll_failed)?.contains(&true);
        if !any {
            return Ok(false);
        }
        // Connections before the process: what it has said before it died was said.
        self.read_links()?;
        self.props.read();
        if let Some(driver) = &mut self.driver {
            driver.read(self.fault.as_mut(), &mut self.trace)?;
        }
        Ok(true)
    }

    fn descriptors(&self) -> Vec<BorrowedFd<'_>> {
        let links = self.links.values().filter(|link| link.is_read()).map(AsFd::as_fd);
        let arbiter = self.arbiter.descriptor().filter(|_| self.accepting);
        let driver = self.driver.iter().flat_map(Driver::descriptors);
        links.chain(arbiter).chain(driver).chain(self.props.waiting()).collect()
    }

    fn read_links(&mut self) -> Result<(), Failure> {
        let names: Vec<String> =
            self.links.iter().filter(|(_, link)| link.is_read()).map(|(name, _)| name.clone()).collect();
        for name in names {
            let (lines, ended) = self.link(&name)?.read().map_err(Failure::io("cannot read a connection"))?;
            for line in lines {
                self.filter_line(&name, line)?;
            }
            if let Some(ended) = ended {
                self.filter_end(&name, ended)?;
            }
        }
        Ok(())
    }

    fn filter_line(&mut self, name: &str, line: RawLine) -> Result<(), Failure> {
        let RawLine { bytes, fds } = line;
        let lines = self.fault.client_line(ClientLine { on: name.to_owned(), bytes, fds: LineFds::Kept });
        self.hear(lines, fds)
    }

    fn hear(&mut self, lines: Vec<ClientLine>, fds: Vec<OwnedFd>) -> Result<(), Failure> {
        let mut fds = Some(fds);
        for ClientLine { on, bytes, fds: kept } in lines {
            let fds = match kept {
                LineFds::Kept => fds.take().unwrap_or_default(),
                LineFds::Dropped => Vec::new(),
            };
            let Some(link) = self.links.get_mut(&on) else { continue };
            if let Err(fault) = link.hear(RawLine { bytes, fds }, &mut self.trace) {
                let line = link.newest().map(|heard| heard.text.clone()).unwrap_or_default();
                self.wire_fault.get_or_insert(format!("{line}: {fault}"));
            }
            self.answer_ping(&on)?;
        }
        Ok(())
    }

    fn answer_ping(&mut self, name: &str) -> Result<(), Failure> {
        if !self.answers_pings {
            return Ok(());
        }
        let link = self.link(name)?;
        let ping = link.newest().and_then(|heard| heard.object.as_ref());
        let id = ping.filter(|line| line["type"] == "ping").and_then(|line| line["id"].as_u64());
        let Some(id) = id.filter(|_| link.is_open()) else { return Ok(()) };
        link.take_back();
        self.send_line(name, &json!({"type": "pong", "re": id}), Judged::Yes)
    }

    fn filter_end(&mut self, name: &str, ended: Ended) -> Result<(), Failure> {
        let closing = match ended {
            Ended::Eof => Closing::Eof,
            Ended::Reset => Closing::Reset,
        };
        let closing = self.fault.closing(name, closing);
        let Stage { links, trace, wire_fault, .. } = self;
        let Some(link) = links.get_mut(name) else { return Ok(()) };
        let ended = match closing {
            Some(Closing::Eof) => Ended::Eof,
            Some(Closing::Reset) => Ended::Reset,
            None => {
                link.stall(true);
                return Ok(());
            }
        };
        if let Err(fault) = link.end(ended, trace) {
            wire_fault.get_or_insert(fault);
        }
        Ok(())
    }

    /// Sends one line without descriptors.
    pub fn send_line(&mut self, name: &str, line: &Value, judged: Judged) -> Result<(), Failure> {
        let mut bytes = line.to_string().into_bytes();
        bytes.push(b'\n');
        self.judge(name, line, judged)?;
        self.send_bytes(name, &bytes, &[])?;
        self.sent(name, &bytes)
    }

    /// Judges a line that is about to be sent.
    pub fn judge(&mut self, name: &str, line: &Value, judged: Judged) -> Result<(), Failure> {
        let Value::Object(object) = line else {
            return Err(Failure::Suite(format!("the scenario is wrong: {line} is no message")));
        };
        let said = self.link(name)?.say(object, judged);
        said.map_err(|fault| Failure::Suite(format!("harness-valid: the scenario sends {line}: {fault}")))
    }

    /// Sends bytes with descriptors of `props`, and traces them.
    pub fn send_bytes(&mut self, name: &str, bytes: &[u8], fds: &[String]) -> Result<(), Failure> {
        let Stage { links, props, trace, budget, .. } = self;
        let link = links.get_mut(name).ok_or_else(|| no_link(name))?;
        let attached: Vec<BorrowedFd<'_>> =
            fds.iter().map(|fd| props.descriptor(fd)).collect::<Result<_, _>>()?;
        link.trace_sent(bytes, fds.to_vec(), trace);
        link.mid_line = !bytes.ends_with(b"\n");
        link.send(bytes, &attached, budget.deadline(None)).map_err(|error| {
            if error.kind() == std::io::ErrorKind::TimedOut {
                return Failure::Client(format!("the client does not read `{name}`"));
            }
            Failure::io("cannot send")(error)
        })
    }

    /// Tells a fault which check is about to be tried, and asks it again about what has come and
    /// was not looked at.
    pub fn reach(&mut self, check: &str) -> Result<(), Failure> {
        if !self.fault.reached(check) {
            return Ok(());
        }
        let names: Vec<String> = self.links.keys().cloned().collect();
        for name in names {
            for heard in self.link(&name)?.unlooked_at() {
                let line =
                    ClientLine { on: name.clone(), bytes: heard.text.into_bytes(), fds: LineFds::Kept };
                let lines = self.fault.client_line(line);
                self.hear(lines, heard.fds)?;
            }
            if let Some(ended) = self.link(&name)?.forget_end() {
                self.filter_end(&name, ended)?;
            }
        }
        let Stage { driver, fault, .. } = self;
        if let Some(driver) = driver {
            let events = std::mem::take(driver.events());
            driver.events().extend(events.into_iter().flat_map(|event| fault.driver_line(event)));
        }
        Ok(())
    }

    /// Shows a fault the whole lines that were sent.
    pub fn sent(&mut self, name: &str, bytes: &[u8]) -> Result<(), Failure> {
        for line in String::from_utf8_lossy(bytes).lines() {
            let said = self.fault.arbiter_line(name, line);
            self.hear(said, Vec::new())?;
        }
        Ok(())
    }

    /// A connection.
    pub fn link(&mut self, name: &str) -> Result<&mut Link, Failure> {
        self.links.get_mut(name).ok_or_else(|| no_link(name))
    }

    /// Names a new connection.
    pub fn add_link(&mut self, name: &str, socket: OwnedFd) {
        self.trace.remark(Some(name), "connected");
        self.links.insert(name.to_owned(), Link::new(name, socket, Side::Arbiter));
    }
}

fn no_link(name: &str) -> Failure {
    Failure::Suite(format!("the scenario is wrong: no connection is named `{name}`"))
}
