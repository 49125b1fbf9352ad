//! What each step does with a client: the [`SubjectUnderTest`] that is a driver.

use std::collections::BTreeMap;
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::path::Path;

use serverswap_protocol::trace::Side;

use super::arbiter_socket::ArbiterSocket;
use super::case::WIRE_VALID_SPEC;
use super::driver::Driver;
use super::progress_log::ProgressLog;
use crate::connection::{ScriptedConnection, Trace, Validation, ready};
use crate::runner::{Budget, CaseRun, Exited, Failure, Fault, MatchResult, SubjectUnderTest};
use crate::scenario::{Accept, Located, Pattern, Short, Step, Unlisten};

/// A case of a client under way.
pub(super) type ClientRun = CaseRun<Client>;

/// A driver, and the socket that its client connects to.
pub(super) struct Client {
    /// `None`: a person plays the driver.
    pub driver: Option<Driver>,
    pub arbiter: ArbiterSocket,
    /// Whether a connection to the arbiter is being waited for.
    accepting: bool,
    /// Numbers of descriptors, by name.
    pub counts: BTreeMap<String, u64>,
    /// Where a person reads what happens while it happens.
    pub progress_log: Option<ProgressLog>,
}

impl Client {
    /// A client that will find the arbiter's socket in this directory.
    pub fn run_in(directory: &Path, budget: Budget, fault: Box<dyn Fault>) -> ClientRun {
        let client = Client {
            driver: None,
            arbiter: ArbiterSocket::new(directory),
            accepting: false,
            counts: BTreeMap::new(),
            progress_log: None,
        };
        CaseRun::new(client, budget, fault)
    }
}

impl SubjectUnderTest for Client {
    const SUITE_SIDE: Side = Side::Arbiter;
    const NAME: &'static str = "client";
    const WIRE_VALID_SPEC: &'static [&'static str] = &WIRE_VALID_SPEC;

    fn play_step(run: &mut ClientRun, step: &Step) -> Result<(), Failure> {
        match step {
            Step::Driver(driver) => run.command(driver),
            Step::Accept(Short(accept)) => run.accept(accept),
            Step::Send(send) => run.send(send),
            Step::Greet(Short(greet)) => run.greet(greet),
            Step::Quiet(Short(quiet)) => run.quiet(&quiet.on),
            Step::Listener(listener) => run.listener(listener),
            Step::Descriptor(descriptor) => run.descriptor(descriptor),
            Step::ConnectTo(connect) => run.connect_to(connect),
            Step::Answered(answered) => run.answered(&answered.on, &answered.expect),
            Step::Close(Short(on)) => run.close(&on.on),
            Step::Shutdown(Short(on)) => run.connection(&on.on).map(|connection| connection.shutdown()),
            Step::Reset(Short(on)) => run.reset(&on.on),
            Step::Stall(Short(on)) => run.connection(&on.on).map(|connection| connection.stall(true)),
            Step::Resume(Short(on)) => run.connection(&on.on).map(|connection| connection.stall(false)),
            Step::Unlisten(Unlisten { leave }) => {
                run.trace.remark(None, "nobody listens on the socket of the arbiter any more");
                run.subject.arbiter.unlisten(*leave).map_err(Failure::io("cannot remove the socket"))
            }
            Step::Listen {} => {
                run.trace.remark(None, "another arbiter binds the socket");
                run.subject.arbiter.listen().map_err(Failure::io("cannot bind the socket"))
            }
            Step::Signal(signal) => run.signal(signal),
            Step::Exits(exits) => run.exits(exits),
            Step::Descriptors(descriptors) => run.descriptors_step(descriptors),
            Step::Limit(limit) => run.limit(limit.nofile),
            Step::Expect(_)
            | Step::Event(_)
            | Step::Closed(_)
            | Step::AnyOrder(_)
            | Step::Start(_)
            | Step::FakeServer(_)
            | Step::SilentServer(_)
            | Step::Kill(_)
            | Step::Probe(_) => Err(Failure::Suite(format!(
                "`{}` belongs to scenarios of the role `supervisor`",
                step.word()
            ))),
        }
    }

    fn descriptors(&self) -> Vec<BorrowedFd<'_>> {
        let arbiter = self.arbiter.descriptor().filter(|_| self.accepting);
        arbiter.into_iter().chain(self.driver.iter().flat_map(Driver::descriptors)).collect()
    }

    fn read(&mut self, fault: &mut dyn Fault, trace: &mut Trace) -> Result<(), Failure> {
        self.driver.as_mut().map_or(Ok(()), |driver| driver.read(fault, trace))
    }

    /// A server sends `onTakedown` whenever it likes (SS-TAKE-1), and may speak before its `welcome` or wait for that
    /// (SS-NEG-5): either is set aside until a step expects it.
    fn skip_passing(connection: &mut ScriptedConnection, _wanted: Option<&Pattern>) {
        connection.set_aside(|received| match received.kind() {
            Some("hello" | "holding" | "error" | "pong") | None => false,
            Some("onTakedown") => true,
            Some(_) => received.is_unwelcomed,
        });
    }

    fn exited(&self) -> Option<Exited> {
        self.driver.as_ref().and_then(Driver::exited)
    }

    fn trusts(&self, expected: &[Located<Step>]) -> bool {
        self.driver.is_none() && expected.iter().any(|step| matches!(step.value, Step::Event(_)))
    }

    fn look(run: &mut ClientRun, step: &Step, pending: &[&Step]) -> Result<MatchResult, Failure> {
        let Step::Event(event) = step else {
            return Err(Failure::Suite(format!("`{}` is nothing to wait for", step.word())));
        };
        run.look_at_event(event, pending)
    }

    fn begins(run: &mut ClientRun, number: usize, step: &Step) {
        run.log_step(number, step);
    }

    /// Each piece is read by itself; a process that stands still or is gone reads nothing.
    fn between_pieces(run: &mut ClientRun) -> Result<(), Failure> {
        let driver = run.subject.driver.as_ref();
        let reads = driver.is_some_and(|driver| !driver.stopped && driver.exited().is_none());
        if reads { run.sync() } else { Ok(()) }
    }

    fn refilter(&mut self, fault: &mut dyn Fault) {
        if let Some(driver) = &mut self.driver {
            let events = std::mem::take(driver.events());
            driver.events().extend(events.into_iter().flat_map(|event| fault.driver_line(event)));
        }
    }

    fn stderr(&mut self) -> String {
        self.driver.as_mut().map(Driver::stderr).unwrap_or_default()
    }
}

impl ClientRun {
    /// The next connection to the arbiter.
    fn accept(&mut self, accept: &Accept) -> Result<(), Failure> {
        self.subject.accepting = true;
        let accepted = self.wait(&"a connection of the client", accept.within_ms, &mut |run| {
            if !run.fault.connects() {
                return Ok(None);
            }
            run.subject.arbiter.accept().map_err(Failure::io("cannot accept a connection of the client"))
        });
        self.subject.accepting = false;
        let socket: OwnedFd = accepted?;
        self.add_connection(&accept.on, socket);
        Ok(())
    }

    /// Closes a connection on which something was not read: the kernel then tells the other side
    /// that it was reset. After half a line of ours nothing can be asked: what was not read has to
    /// be there.
    fn reset(&mut self, name: &str) -> Result<(), Failure> {
        let connection = self.connection(name)?;
        connection.stall(true);
        let asks = connection.is_open() && !connection.is_mid_line();
        if asks {
            let id = connection.next_id();
            self.send_line(name, &serde_json::json!({"type": "ping", "id": id}), Validation::Waived)?;
        }
        let deadline = self.budget.deadline(None);
        let readable =
            ready(&[self.connection(name)?.as_fd()], deadline).map_err(Failure::io("cannot wait"))?;
        if readable != [true] {
            return Err(if asks {
                Failure::Subject(format!("`pong` on `{name}` was awaited and did not come"))
            } else {
                Failure::scenario(
                    "`reset` after half a line needs unread data; `stall` before the client sends anything",
                )
            });
        }
        self.trace.remark(Some(name), "closed by the suite, with unread data");
        self.connections.remove(name);
        Ok(())
    }
}
