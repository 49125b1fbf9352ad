//! What each step does with a supervisor: the [`SubjectUnderTest`] that is a command, started as often as the case says.

use std::collections::BTreeMap;
use std::os::fd::BorrowedFd;

use rustix::process::Signal;
use serde_json::json;
use serverswap_load::Probe;
use serverswap_protocol::trace::Side;

use super::SupervisorCommand;
use super::case::WIRE_VALID_SPEC;
use super::command::StartedCommand;
use super::fake_servers::FakeServerId;
use super::silent_servers::SilentServer;
use crate::connection::{ScriptedConnection, Trace, Validation};
use crate::runner::{CaseRun, Failure, Fault, SubjectUnderTest};
use crate::sandbox::Sandbox;
use crate::scenario::{Pattern, Short, Step};

/// A case of a supervisor under way.
pub(super) type SupervisorRun<'a> = CaseRun<Supervisor<'a>>;

/// The command under test in its sandbox, and everything that it has started.
pub(super) struct Supervisor<'a> {
    pub sandbox: &'a Sandbox,
    pub command: &'a SupervisorCommand,
    pub started: BTreeMap<String, StartedCommand>,
    /// By the name of their connection: the `start` that they belong to, and which they are.
    pub servers: BTreeMap<String, (String, FakeServerId)>,
    pub silent: BTreeMap<String, SilentServer>,
    pub probes: BTreeMap<String, Probe>,
}

impl<'a> Supervisor<'a> {
    /// A command that was not started yet.
    pub fn new(sandbox: &'a Sandbox, command: &'a SupervisorCommand) -> Supervisor<'a> {
        Supervisor {
            sandbox,
            command,
            started: BTreeMap::new(),
            servers: BTreeMap::new(),
            silent: BTreeMap::new(),
            probes: BTreeMap::new(),
        }
    }
}

impl SubjectUnderTest for Supervisor<'_> {
    const SUITE_SIDE: Side = Side::Client;
    const NAME: &'static str = "arbiter";
    const WIRE_VALID_SPEC: &'static [&'static str] = &WIRE_VALID_SPEC;

    fn play_step(run: &mut CaseRun<Self>, step: &Step) -> Result<(), Failure> {
        match step {
            Step::Start(Short(start)) => run.start(start),
            Step::FakeServer(server) => run.await_server(server),
            Step::SilentServer(server) => run.start_silent_server(server),
            Step::Kill(Short(kill)) => run.signal_to(&kill.name, Signal::KILL),
            Step::Signal(signal) => run.signal(signal),
            Step::Exits(exits) => run.exits(exits),
            Step::Probe(probe) => run.probe(probe),
            Step::Greet(Short(greet)) => run.greet(&greet.on),
            Step::Send(send) => run.send(send),
            Step::Quiet(Short(quiet)) => run.quiet(&quiet.on),
            Step::Close(Short(on)) => run.close(&on.on),
            Step::Shutdown(Short(on)) => run.connection(&on.on).map(|connection| connection.shutdown()),
            Step::Stall(Short(on)) => run.connection(&on.on).map(|connection| connection.stall(true)),
            Step::Resume(Short(on)) => run.connection(&on.on).map(|connection| connection.stall(false)),
            Step::Descriptor(descriptor) => run.descriptor(descriptor),
            Step::Listener(listener) => run.listener(listener),
            Step::Expect(_)
            | Step::Closed(_)
            | Step::AnyOrder(_)
            | Step::Driver(_)
            | Step::Accept(_)
            | Step::Event(_)
            | Step::ConnectTo(_)
            | Step::Answered(_)
            | Step::Reset(_)
            | Step::Unlisten(_)
            | Step::Listen {}
            | Step::Limit(_)
            | Step::Descriptors(_) => {
                Err(Failure::Suite(format!("`{}` belongs to scenarios of the role `client`", step.word())))
            }
        }
    }

    fn descriptors(&self) -> Vec<BorrowedFd<'_>> {
        let commands = self.started.values().flat_map(StartedCommand::descriptors);
        commands.chain(self.silent.values().filter_map(SilentServer::descriptor)).collect()
    }

    fn read(&mut self, _fault: &mut dyn Fault, _trace: &mut Trace) -> Result<(), Failure> {
        self.started
            .values_mut()
            .try_for_each(StartedCommand::read)
            .map_err(Failure::io("cannot read what a fake server reports"))?;
        self.silent
            .values_mut()
            .try_for_each(SilentServer::read)
            .map_err(Failure::io("cannot poll a process"))
    }

    /// `progress` tells of no outcome: an arbiter may send it or not.
    fn skip_passing(connection: &mut ScriptedConnection, wanted: Option<&Pattern>) {
        let is_passing = |kind: Option<&str>| kind == Some("progress");
        if !is_passing(wanted.and_then(|wanted| wanted.text("type"))) {
            while connection.peek().is_some_and(|line| is_passing(line.kind())) {
                connection.take();
            }
        }
    }

    fn stderr(&mut self) -> String {
        let lines = |(name, started): (&String, &StartedCommand)| -> String {
            started.stderr().lines().map(|line| format!("{name}: {line}\n")).collect()
        };
        self.started.iter().map(lines).collect()
    }
}

impl SupervisorRun<'_> {
    /// Expects `greeting`, sends `hello` as the server of the fake server's generation, expects `welcome`.
    fn greet(&mut self, name: &str) -> Result<(), Failure> {
        self.await_type(name, "greeting", None)?;
        let generation = self.variables.value(&format!("{name}.generation"))?.clone();
        let id = self.connection(name)?.next_id();
        let client = json!({"name": env!("CARGO_PKG_NAME"), "version": env!("CARGO_PKG_VERSION")});
        let hello = json!({
            "type": "hello", "id": id, "version": 1, "client": client, "role": "server", "generation": generation,
        });
        self.send_line(name, &hello, Validation::Required)?;
        let welcome = self.await_type(name, "welcome", None)?.object.unwrap_or_default();
        if welcome["re"] == id && welcome["generation"] == generation && welcome["version"] == 1 {
            return Ok(());
        }
        Err(Failure::Subject(format!("`welcome` answers another `hello`: {welcome}")))
    }

    fn quiet(&mut self, on: &[String]) -> Result<(), Failure> {
        on.iter().try_for_each(|name| self.ping(name))?;
        on.iter().try_for_each(|name| self.nothing_came(name))
    }
}
