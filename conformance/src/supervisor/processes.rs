//! `start`, `puppet`, `kill`, `signal`, `exits`, `probe`: processes, and users of the address.

use rustix::process::Signal as Kernel;
use serverswap_protocol::Address;

use super::failure::Failure;
use super::process::Started;
use super::stage::Stage;
use crate::sandbox::LIMIT;
use crate::scenario::{self, Exits, Signal, SignalName, Start};
use serverswap_load::{Probe, Target};

impl Stage<'_> {
    pub(super) fn start(&mut self, start: &Start) -> Result<(), Failure> {
        let started = Started::start(self.sandbox, self.command, start);
        let started = started
            .map_err(|error| Failure::Subject(format!("`{}` cannot be started: {error}", self.command)))?;
        self.trace.remark(None, &format!("`{}` is started as {}", self.command, start.name));
        self.variables.set(format!("{}.pid", start.name), started.pid());
        self.started.insert(start.name.clone(), started);
        Ok(())
    }

    pub(super) fn take_puppet(&mut self, step: &scenario::Puppet) -> Result<(), Failure> {
        if self.puppets.values().any(|(of, _)| *of == step.of) {
            self.command_of(&step.of)?.puppets.ask_for_another();
        }
        let what = format!("a connection of the server that `{}` has started", step.of);
        let (puppet, made, connection) = self.wait(&what, step.within_ms, &mut |stage| {
            let started = stage.command_of(&step.of)?;
            let orphaned = started.exit.filter(|_| !started.puppets.any_lives());
            match (started.puppets.next(), orphaned) {
                (Some(made), _) => Ok(Some(made)),
                (None, Some(status)) => {
                    let said = started.said();
                    Err(Failure::Subject(format!(
                        "the command ended with status {status} before; it said:\n{said}"
                    )))
                }
                (None, None) => Ok(None),
            }
        })?;
        let told = self.fault.tells_servers();
        let connection = connection.filter(|_| told).ok_or_else(|| {
            Failure::Subject("the server has no `SERVERSWAP_SOCKET` in its environment".to_owned())
        })?;
        let generation = made.generation.ok_or_else(|| {
            Failure::Subject("the server has no `SERVERSWAP_GENERATION` in its environment".to_owned())
        })?;
        self.variables.set(format!("{}.pid", step.name), made.pid);
        self.variables.set(format!("{}.generation", step.name), generation);
        self.puppets.insert(step.name.clone(), (step.of.clone(), puppet));
        self.add_link(&step.name, connection);
        Ok(())
    }

    pub(super) fn signal(&mut self, step: &Signal) -> Result<(), Failure> {
        self.signal_to(&step.to.0, kernel(step.name))
    }

    pub(super) fn signal_to(&mut self, name: &str, signal: Kernel) -> Result<(), Failure> {
        self.trace.remark(None, &format!("{signal:?} to {name}"));
        let sent = match (self.started.get(name), self.puppets.get(name)) {
            (Some(started), _) => started.signal(signal),
            (None, Some((of, puppet))) => match self.started.get(of) {
                Some(started) => started.puppets.signal(*puppet, signal),
                None => return Err(Failure::no("process", name)),
            },
            (None, None) => return Err(Failure::no("process", name)),
        };
        sent.map_err(|error| Failure::Subject(format!("`{name}` is gone: {error}")))
    }

    pub(super) fn exits(&mut self, exits: &Exits) -> Result<(), Failure> {
        let name = exits.of.0.as_str();
        let what = format!("the end of `{name}`");
        if let Some((of, puppet)) = self.puppets.get(name).cloned() {
            return self.wait(&what, exits.within_ms, &mut |stage| {
                let gone = stage.command_of(&of)?.puppets.is_gone(puppet);
                Ok((gone && stage.fault.ends_servers()).then_some(()))
            });
        }
        let status = self.wait(&what, exits.within_ms, &mut |stage| Ok(stage.command_of(name)?.exit))?;
        let status = self.fault.exited(status);
        let expected = match exits.signal {
            Some(signal) => 128 + kernel(signal).as_raw(),
            None => exits.status.unwrap_or(0),
        };
        if status == expected {
            return Ok(());
        }
        let said = self.command_of(name)?.said();
        Err(Failure::Subject(format!("`{name}` ended with {status} instead of {expected}; it said:\n{said}")))
    }

    pub(super) fn probe(&mut self, step: &scenario::Probe) -> Result<(), Failure> {
        if let Some(begin) = &step.begin {
            let address = self.variables.fill_text(begin)?;
            let probe = Probe::start(target(&address)?, LIMIT);
            let probe = probe.map_err(|error| Failure::Suite(error.to_string()))?;
            self.trace.remark(None, &format!("somebody begins to connect to {address} every millisecond"));
            self.probes.insert(address, probe);
        }
        let Some(end) = &step.end else { return Ok(()) };
        let address = self.variables.fill_text(end)?;
        let probe = self.probes.remove(&address).ok_or_else(|| Failure::no("probe", &address))?;
        let report = probe.stop();
        match report.first {
            None if self.fault.lets_in() => Ok(()),
            None => Err(Failure::Subject(format!("users of {address} were not let in"))),
            Some(first) => Err(Failure::Subject(format!(
                "{} of {} connections to {address} were not possible; the first was {} after {} ms",
                report.refusals,
                report.attempts,
                first.failure,
                first.after.as_millis()
            ))),
        }
    }

    fn command_of(&mut self, name: &str) -> Result<&mut Started, Failure> {
        self.started.get_mut(name).ok_or_else(|| Failure::no("started command", name))
    }
}

fn target(address: &str) -> Result<Target, Failure> {
    let wrong = |why: String| Failure::Suite(format!("the scenario is wrong: {why}"));
    let address: Address =
        address.parse().map_err(|error: serverswap_protocol::AddressError| wrong(error.to_string()))?;
    Target::try_from(&address).map_err(|error| wrong(error.to_string()))
}

fn kernel(name: SignalName) -> Kernel {
    match name {
        SignalName::Stop => Kernel::STOP,
        SignalName::Cont => Kernel::CONT,
        SignalName::Kill => Kernel::KILL,
        SignalName::Term => Kernel::TERM,
        SignalName::Int => Kernel::INT,
        SignalName::Hup => Kernel::HUP,
    }
}
