//! The names of connections, descriptors and users: each is made by a step before it is used.

use std::collections::BTreeSet;

use crate::report::Role;
use crate::scenario::step::{
    Accept, Answered, Closed, ConnectTo, Descriptors, Expect, Greet, Quiet, Send, Step,
};
use crate::scenario::{FakeServer, Short};

/// What `quiet` may name besides connections.
const NOT_CONNECTIONS: [&str; 2] = ["driver", "arbiter"];

/// The names that steps have made so far.
pub(super) struct Places {
    role: Role,
    connections: BTreeSet<String>,
    descriptors: BTreeSet<String>,
    users: BTreeSet<String>,
}

impl Places {
    pub fn new(role: Role) -> Places {
        let (connections, descriptors, users) = Default::default();
        Places { role, connections, descriptors, users }
    }

    /// Adds what a step makes.
    ///
    /// # Errors
    /// It uses a name that no step before it has made.
    pub fn of_step(&mut self, step: &Step) -> Result<(), String> {
        match step {
            Step::Accept(Short(Accept { on, .. })) | Step::FakeServer(FakeServer { name: on, .. }) => {
                self.connections.insert(on.clone());
            }
            Step::Listener(listener) => {
                self.descriptors.insert(listener.name.clone());
            }
            Step::Descriptor(descriptor) => {
                self.descriptors.insert(descriptor.name.clone());
            }
            Step::Send(Send { on, fds, .. }) => {
                self.connection(on)?;
                self.descriptors(fds)?;
            }
            Step::Expect(Expect { on, fds, .. }) | Step::Greet(Short(Greet { on, fds, .. })) => {
                self.connection(on)?;
                self.received(fds.as_deref().unwrap_or_default())?;
            }
            Step::Closed(Short(Closed { on, .. })) => self.connection(on)?,
            Step::Close(Short(on))
            | Step::Shutdown(Short(on))
            | Step::Reset(Short(on))
            | Step::Stall(Short(on))
            | Step::Resume(Short(on)) => self.connection(&on.on)?,
            Step::Quiet(Short(Quiet { on, .. })) => {
                let connections = on.iter().filter(|name| !NOT_CONNECTIONS.contains(&name.as_str()));
                connections.into_iter().try_for_each(|name| self.connection(name))?;
            }
            Step::ConnectTo(ConnectTo { listener, name, .. }) => {
                self.descriptors(listener.as_slice())?;
                self.users.extend(name.clone());
            }
            Step::Answered(Answered { on, .. }) => known(&self.users, on, "user's connection")?,
            Step::Descriptors(Descriptors { of, .. }) => self.descriptors(of.as_slice())?,
            Step::Driver(_)
            | Step::Event(_)
            | Step::Unlisten(_)
            | Step::Listen {}
            | Step::Limit(_)
            | Step::Signal(_)
            | Step::Exits(_)
            | Step::AnyOrder(_)
            | Step::Start(_)
            | Step::SilentServer(_)
            | Step::Kill(_)
            | Step::Probe(_) => {}
        }
        Ok(())
    }

    fn connection(&self, name: &str) -> Result<(), String> {
        known(&self.connections, name, "connection")
    }

    fn descriptors(&self, names: &[String]) -> Result<(), String> {
        names.iter().try_for_each(|name| known(&self.descriptors, name, "descriptor"))
    }

    /// A supervisor makes the listeners: there, the first listener that arrives under a name is the one that the name means.
    fn received(&mut self, names: &[String]) -> Result<(), String> {
        match self.role {
            Role::Client => self.descriptors(names),
            Role::Supervisor => {
                self.descriptors.extend(names.iter().cloned());
                Ok(())
            }
        }
    }
}

fn known(names: &BTreeSet<String>, name: &str, what: &str) -> Result<(), String> {
    if names.contains(name) {
        return Ok(());
    }
    Err(format!("no {what} is named `{name}` here: no step before it makes one"))
}
