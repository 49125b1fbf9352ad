//! `start`, `fake_server`, `silent_server`, `kill`, `signal`, `exits`, `probe`: processes, and users of the address.

use rustix::process::Signal as Kernel;
use serverswap_load::{Probe, Target};
use serverswap_protocol::Address;

use super::command::StartedCommand;
use super::silent_servers::SilentServer;
use super::steps::SupervisorRun;
use crate::runner::{Exited, Failure, kernel_signal};
use crate::sandbox::LIMIT;
use crate::scenario::{self, Exits, Signal, Start};

impl SupervisorRun<'_> {
    pub(super) fn start(&mut self, start: &Start) -> Result<(), Failure> {
        let started = StartedCommand::start(self.subject.sandbox, self.subject.command, start);
        let started = started.map_err(|error| {
            Failure::Subject(format!("`{}` cannot be started: {error}", self.subject.command))
        })?;
        self.trace.remark(None, &format!("`{}` is started as {}", self.subject.command, start.name));
        self.variables.set(format!("{}.pid", start.name), started.pid());
        self.subject.started.insert(start.name.clone(), started);
        Ok(())
    }

    pub(super) fn await_server(&mut self, step: &scenario::FakeServer) -> Result<(), Failure> {
        if self.subject.servers.values().any(|(of, _)| *of == step.of) {
            self.command_of(&step.of)?.servers.ask_for_another();
        }
        let what = format!("a connection of the server that `{}` has started", step.of);
        let (server, made, connection) = self.wait(&what, step.within_ms, &mut |run| {
            let started = run.command_of(&step.of)?;
            let orphaned = started.exit.map(Exited::shell_status).filter(|_| !started.servers.any_lives());
            match (started.servers.next(), orphaned) {
                (Some(made), _) => Ok(Some(made)),
                (None, Some(status)) => {
                    let said = started.stderr();
                    Err(Failure::Subject(format!(
                        "the command ended with status {status} before; it said:\n{said}"
                    )))
                }
                (None, None) => Ok(None),
            }
        })?;
        let has_environment = self.fault.sets_environment();
        let connection = connection.filter(|_| has_environment).ok_or_else(|| {
            Failure::Subject("the server has no `SERVERSWAP_SOCKET` in its environment".to_owned())
        })?;
        let generation = made.generation.ok_or_else(|| {
            Failure::Subject("the server has no `SERVERSWAP_GENERATION` in its environment".to_owned())
        })?;
        self.variables.set(format!("{}.pid", step.name), made.pid);
        self.variables.set(format!("{}.generation", step.name), generation);
        self.subject.servers.insert(step.name.clone(), (step.of.clone(), server));
        self.add_connection(&step.name, connection);
        Ok(())
    }

    pub(super) fn start_silent_server(&mut self, step: &scenario::SilentServer) -> Result<(), Failure> {
        let (pid, server) = match &step.of {
            None => SilentServer::start(&self.subject.command.fake_server)
                .map_err(Failure::io("cannot start a server"))?,
            Some(of) => self.start_silent_server_of(of)?,
        };
        self.variables.set(format!("{}.pid", step.name), pid);
        self.subject.silent.insert(step.name.clone(), server);
        Ok(())
    }

    fn start_silent_server_of(&mut self, of: &str) -> Result<(u32, SilentServer), Failure> {
        let known = self.subject.servers.get(of).cloned();
        let (command, fake_server) = known.ok_or_else(|| Failure::unknown("fake server", of))?;
        let asked = self.command_of(&command)?.servers.ask_for_silent_server(fake_server);
        asked.map_err(|error| Failure::Subject(format!("`{of}` is gone: {error}")))?;
        let what = format!("a server that `{of}` starts");
        let pid = self.wait(&what, None, &mut |run| Ok(run.command_of(&command)?.servers.next_started()))?;
        let server = SilentServer::of_fake_server(pid);
        Ok((pid, server.map_err(|error| Failure::Subject(format!("{what} is gone: {error}")))?))
    }

    pub(super) fn signal(&mut self, step: &Signal) -> Result<(), Failure> {
        self.signal_to(&step.to.0, kernel_signal(step.name))
    }

    pub(super) fn signal_to(&mut self, name: &str, signal: Kernel) -> Result<(), Failure> {
        self.trace.remark(None, &format!("{signal:?} to {name}"));
        let subject = &self.subject;
        let sent = if let Some(started) = subject.started.get(name) {
            started.signal(signal)
        } else if let Some(silent) = subject.silent.get(name) {
            silent.signal(signal)
        } else if let Some((of, server)) = subject.servers.get(name)
            && let Some(started) = subject.started.get(of)
        {
            started.servers.signal(*server, signal)
        } else {
            return Err(Failure::unknown("process", name));
        };
        sent.map_err(|error| Failure::Subject(format!("`{name}` is gone: {error}")))
    }

    pub(super) fn exits(&mut self, exits: &Exits) -> Result<(), Failure> {
        let name = exits.of.0.as_str();
        let what = format!("the end of `{name}`");
        if let Some((of, server)) = self.subject.servers.get(name).cloned() {
            return self.wait(&what, exits.within_ms, &mut |run| {
                let gone = run.command_of(&of)?.servers.is_gone(server);
                Ok((gone && run.fault.ends_servers()).then_some(()))
            });
        }
        if self.subject.silent.contains_key(name) {
            return self.wait(&what, exits.within_ms, &mut |run| {
                let gone = run.subject.silent.get(name).is_some_and(|server| server.is_gone);
                Ok((gone && run.fault.ends_servers()).then_some(()))
            });
        }
        let status = self.wait(&what, exits.within_ms, &mut |run| {
            let exited = run.command_of(name)?.exit;
            Ok(exited.and_then(|exited| run.fault.exited(exited)))
        })?;
        let status = status.shell_status();
        let expected = match exits.signal {
            Some(signal) => Exited::Signal(kernel_signal(signal).as_raw()).shell_status(),
            None => exits.status.unwrap_or(0),
        };
        if status == expected {
            return Ok(());
        }
        let said = self.command_of(name)?.stderr();
        Err(Failure::Subject(format!("`{name}` ended with {status} instead of {expected}; it said:\n{said}")))
    }

    pub(super) fn probe(&mut self, step: &scenario::Probe) -> Result<(), Failure> {
        if let Some(begin) = &step.begin {
            let address = self.variables.fill_text(begin)?;
            let probe = Probe::start(target(&address)?, LIMIT);
            let probe = probe.map_err(|error| Failure::Suite(error.to_string()))?;
            self.trace.remark(None, &format!("a user begins to connect to {address} every millisecond"));
            self.subject.probes.insert(address, probe);
        }
        let Some(end) = &step.end else { return Ok(()) };
        let address = self.variables.fill_text(end)?;
        let probe =
            self.subject.probes.remove(&address).ok_or_else(|| Failure::unknown("probe", &address))?;
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

    fn command_of(&mut self, name: &str) -> Result<&mut StartedCommand, Failure> {
        self.subject.started.get_mut(name).ok_or_else(|| Failure::unknown("started command", name))
    }
}

fn target(address: &str) -> Result<Target, Failure> {
    let wrong = |why: String| Failure::Suite(format!("the scenario is wrong: {why}"));
    let address: Address =
        address.parse().map_err(|error: serverswap_protocol::AddressError| wrong(error.to_string()))?;
    Target::try_from(&address).map_err(|error| wrong(error.to_string()))
}
