//! One conversation under observation: the state of each table that takes part.

use std::collections::BTreeMap;

use serde_json::{Map, Value};

use super::requests::{Requests, address, canonical, number, violation};
use super::table::{Cell, Kind, Machine, Name, Scope, Table};
use super::{Side, Violation};
use crate::message::{Code, Role};

/// What a legal line did.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Outcome {
    /// It moved a state, or was meant to leave it.
    Taken,
    /// It has no effect: it is from the future, or crossed something.
    Ignored,
    /// It is answered with `error` and this code.
    Refused(String),
}

/// A conversation on one connection, as one side sees it.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct Checker {
    view: Side,
    connection: String,
    speaker: Option<Speaker>,
    addresses: BTreeMap<String, Track>,
    requests: Requests,
}

/// The client's role and its state in that role, from its `hello` on.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
struct Speaker {
    role: Role,
    state: String,
}

/// One address and the newest request about it, from each side.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
struct Track {
    state: String,
    asked: BTreeMap<Side, u64>,
}

impl Checker {
    /// A connection on which nothing was sent yet.
    pub fn new(view: Side) -> Self {
        Checker {
            view,
            connection: Table::v1().machine(view, Scope::Connection, None).initial.clone(),
            speaker: None,
            addresses: BTreeMap::new(),
            requests: Requests::default(),
        }
    }

    /// Shows the checker the next line.
    ///
    /// # Errors
    /// The line breaks a rule; the checker is not to be used any more.
    pub fn observe(&mut self, speaker: Side, line: &Map<String, Value>) -> Result<Outcome, Violation> {
        self.requests.observe(speaker, line)?;
        let Some(name) = Table::v1().name(speaker, line) else {
            return Ok(Outcome::Ignored);
        };
        if speaker == Side::Client && matches!(name.kind.as_str(), "hello" | "holding") {
            self.enter(line)?;
        }
        let machine = Table::v1().machine(self.view, Scope::Connection, None);
        let state = self.connection.clone();
        let step = Step { machine, state: &state, speaker, name };
        match step.take()? {
            Taken::Moved(next) => {
                self.connection = next;
                Ok(Outcome::Taken)
            }
            Taken::Stayed(outcome) => Ok(outcome),
            Taken::Delegated => self.observe_in_role(speaker, line, name),
        }
    }

    /// The state of the connection.
    pub fn connection(&self) -> &str {
        &self.connection
    }

    /// The state of an address.
    pub fn address(&self, address: &str) -> Option<&str> {
        self.addresses.get(address).map(|track| track.state.as_str())
    }

    /// The `id`s of `side` that still wait for their terminal reply.
    pub fn open_requests(&self, side: Side) -> Vec<u64> {
        self.requests.open(side)
    }

    fn observe_in_role(
        &mut self,
        by: Side,
        line: &Map<String, Value>,
        name: &Name,
    ) -> Result<Outcome, Violation> {
        let Some(speaker) = &mut self.speaker else {
            return Err(violation(by, &Code::NotNegotiated, "no role is known".to_owned()));
        };
        let machine = Table::v1().machine(self.view, Scope::Role, Some(speaker.role));
        let step = Step { machine, state: &speaker.state, speaker: by, name };
        match step.take()? {
            Taken::Moved(next) => {
                speaker.state = next;
                Ok(Outcome::Taken)
            }
            Taken::Stayed(outcome) => Ok(outcome),
            Taken::Delegated => {
                let role = speaker.role;
                self.observe_about_address(role, by, line, name)
            }
        }
    }

    fn observe_about_address(
        &mut self,
        role: Role,
        by: Side,
        line: &Map<String, Value>,
        name: &Name,
    ) -> Result<Outcome, Violation> {
        let about = self.requests.about(by, line);
        let of_request = about.and_then(|(_, request)| request.address.clone());
        let Some(address) = address(line).or(of_request) else {
            return Ok(Outcome::Ignored);
        };
        let machine = Table::v1().machine(self.view, Scope::Address, Some(role));
        let re = about.map(|(id, _)| id);
        let track = self.addresses.entry(address).or_insert_with(|| Track::new(&machine.initial));
        let newest = track.asked.get(&by.other()).copied();
        if re.is_some() && re != newest {
            return stale(self.view, by, name);
        }
        let step = Step { machine, state: &track.state, speaker: by, name };
        if step.is_serving_twice() {
            let message = "`serving` twice for one grant".to_owned();
            return Err(violation(by, &Code::OutOfOrder, message));
        }
        match step.take()? {
            Taken::Moved(next) => {
                track.state = next;
                track.asked.extend(number(line, "id").map(|id| (by, id)));
                Ok(Outcome::Taken)
            }
            Taken::Stayed(outcome) => Ok(outcome),
            Taken::Delegated => Ok(Outcome::Ignored),
        }
    }

    /// Records which role the client has, and which addresses it lists.
    fn enter(&mut self, line: &Map<String, Value>) -> Result<(), Violation> {
        let holding = objects(line, "holding");
        let attached: Vec<String> = strings(line, "fds").map(canonical).collect();
        let held: Vec<String> = holding.clone().filter_map(address).collect();
        if let Some(stranger) = attached.iter().find(|name| !held.contains(name)) {
            let message = format!("`fds` names `{stranger}`, which is not in `holding`");
            return Err(violation(Side::Client, &Code::InvalidMessage, message));
        }
        self.introduce(line)?;
        let Some(role) = self.speaker.as_ref().map(|speaker| speaker.role) else {
            return Ok(());
        };
        let serving = |entry: &Map<String, Value>| entry.get("serving") == Some(&Value::Bool(true));
        match role {
            Role::Server => {
                for entry in holding {
                    let how = if serving(entry) { "serving" } else { "notServing" };
                    self.place(role, address(entry), how);
                }
                strings(line, "draining")
                    .for_each(|text| self.place(role, Some(canonical(text)), "draining"));
            }
            Role::Supervisor => {
                attached.into_iter().for_each(|name| self.place(role, Some(name), "attached"))
            }
            Role::Observer => {}
        }
        Ok(())
    }

    fn introduce(&mut self, line: &Map<String, Value>) -> Result<(), Violation> {
        if self.speaker.is_some() {
            return Ok(());
        }
        let role = line.get("role").and_then(|role| serde_json::from_value::<Role>(role.clone()).ok());
        let Some(role) = role else {
            return Ok(());
        };
        if role != Role::Observer && !line.contains_key("generation") {
            let message = "a server or supervisor sends its `generation`".to_owned();
            return Err(violation(Side::Client, &Code::InvalidMessage, message));
        }
        let state = Table::v1().machine(self.view, Scope::Role, Some(role)).initial.clone();
        self.speaker = Some(Speaker { role, state });
        Ok(())
    }

    fn place(&mut self, role: Role, address: Option<String>, how: &str) {
        let machine = Table::v1().machine(self.view, Scope::Address, Some(role));
        if let (Some(address), Some(state)) = (address, machine.enter.get(how)) {
            self.addresses.insert(address, Track::new(state));
        }
    }
}

impl Track {
    fn new(state: &str) -> Self {
        Track { state: state.to_owned(), asked: BTreeMap::new() }
    }
}

/// One message at one table.
struct Step<'a> {
    machine: &'a Machine,
    state: &'a str,
    speaker: Side,
    name: &'a Name,
}

enum Taken {
    Moved(String),
    Stayed(Outcome),
    Delegated,
}

impl Step<'_> {
    fn take(&self) -> Result<Taken, Violation> {
        match self.machine.cell(self.state, self.speaker, &self.name.name) {
            Some(Cell { kind: Kind::Next(next), .. }) => Ok(Taken::Moved(next.clone())),
            Some(Cell { kind: Kind::Ignore, .. }) => Ok(Taken::Stayed(Outcome::Ignored)),
            Some(Cell { kind: Kind::Refuse(code), .. }) => Ok(Taken::Stayed(Outcome::Refused(code.clone()))),
            Some(Cell { kind: Kind::Delegate(_), .. }) => Ok(Taken::Delegated),
            Some(Cell { kind: Kind::Close(code), .. }) => Err(self.violation(code.clone())),
            Some(Cell { kind: Kind::Never, .. }) | None => Err(self.violation(Code::OutOfOrder.to_string())),
        }
    }

    /// An arbiter ignores it (SS-SERVE-1 binds the server), but no crossing explains it: to an arbiter the
    /// address is only held once `serving` was sent.
    fn is_serving_twice(&self) -> bool {
        self.machine.view == Side::Arbiter && self.state == "holding" && self.name.name == "serving"
    }

    fn violation(&self, code: String) -> Violation {
        let Machine { id, .. } = self.machine;
        let message = format!("`{}` in state `{}` of `{id}`", self.name.name, self.state);
        Violation { by: self.speaker, code, message }
    }
}

/// A reply to an older request about the address. It may have crossed the newer one, but
/// an arbiter that has read that one grants no other.
fn stale(view: Side, by: Side, name: &Name) -> Result<Outcome, Violation> {
    if view == by && name.name == "granted" {
        let message = "`granted` for a claim that was withdrawn and made again".to_owned();
        return Err(violation(by, &Code::OutOfOrder, message));
    }
    Ok(Outcome::Ignored)
}

fn objects<'a>(
    line: &'a Map<String, Value>,
    key: &str,
) -> impl Iterator<Item = &'a Map<String, Value>> + Clone {
    line.get(key).and_then(Value::as_array).into_iter().flatten().filter_map(Value::as_object)
}

fn strings<'a>(line: &'a Map<String, Value>, key: &str) -> impl Iterator<Item = &'a str> {
    line.get(key).and_then(Value::as_array).into_iter().flatten().filter_map(Value::as_str)
}
