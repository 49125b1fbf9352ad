//! Runs one generation: the supervisor's core, its server, its link to the arbiter, signals.
//!
//! The link is made before the server is started: if no arbiter can be reached or become,
//! nothing is started and nothing was touched.

use std::collections::BTreeMap;
use std::os::fd::OwnedFd;
use std::rc::Rc;
use std::sync::Arc;
use std::time::Duration;

use serverswap::protocol::Address;
use serverswap::sys::clock::monotonic;
use serverswap::sys::points;
use tokio::time::Instant;

use super::arbiter::until;
use super::arbiter_role::ArbiterRole;
use super::error_map;
use super::first_link::first_link;
use super::link::{Link, LinkEvent};
use super::owned::Owned;
use super::server::{Server, ServerEvent, reap_strangers};
use super::signals::{Arrived, Signals};
use super::trace::TraceWriter;
use crate::output_tail::{OutputFiles, OutputTail};
use crate::spawn::{self, ServerCommand, SpawnFailure};
use crate::state::Directory;
use crate::status::still_serving;
use crate::supervisor::{Action, Attached, Event, Plan, Supervisor};
use crate::ui::{Conclusion, Console, Ending, Report, RunOutcome, SetupError};

/// How long the first connection to an arbiter may take.
const FIRST_LINK_WAIT: Duration = Duration::from_secs(10);

/// One generation and everything around its core.
pub(super) struct SupervisorDriver {
    core: Supervisor,
    plan: Plan,
    console: Console,
    command: ServerCommand,
    directory: Directory,
    link: Link,
    signals: Signals,
    server: Server,
    /// Where the last server prints.
    output_files: OutputFiles,
    /// Duplicates that the core said to keep.
    kept: BTreeMap<Address, Arc<OwnedFd>>,
    /// What the core wants done, in order.
    actions: Vec<Action>,
    /// What came with the first `welcome`.
    heard: Vec<LinkEvent>,
}

impl SupervisorDriver {
    /// Becomes the arbiter or connects to it, and then begins.
    ///
    /// # Errors
    /// No arbiter can be had; nothing was started.
    pub(super) async fn begin(
        plan: Plan,
        command: ServerCommand,
        directory: Directory,
        console: Console,
        trace: TraceWriter,
    ) -> Result<Self, SetupError> {
        let signals = Signals::new().map_err(|error| error_map::system("sigaction", &error))?;
        let report = Rc::new({
            let console = console.clone();
            move |report: Report| console.report(&report)
        });
        let role = ArbiterRole::new(plan.form, report, trace.clone());
        let mut link = Link::new(directory.clone(), plan.clone(), role, trace);
        let too_late = until(Some(Instant::now() + FIRST_LINK_WAIT));
        let heard = first_link(&mut link, &directory, too_late).await?;
        let mut actions = Vec::new();
        let mut core = Supervisor::new(plan.clone(), monotonic());
        core.handle(Event::Linked, monotonic(), &mut actions);
        Ok(SupervisorDriver {
            core,
            plan,
            console,
            command,
            directory,
            link,
            signals,
            server: Server::None,
            output_files: OutputFiles::default(),
            kept: BTreeMap::new(),
            actions,
            heard,
        })
    }

    /// Goes on until the core says `Exit`; returns the conclusion.
    pub(super) async fn until_the_end(mut self) -> Conclusion {
        let heard = std::mem::take(&mut self.heard);
        let mut outcome = self.perform(None).or_else(|| self.hear(heard));
        loop {
            match outcome {
                Some(outcome) => return self.conclude(&outcome).await,
                None => outcome = self.next().await,
            }
        }
    }

    /// Waits for one thing to happen and lets the core take it in.
    async fn next(&mut self) -> Option<Box<RunOutcome>> {
        let deadline = self.core.deadline().map(|at| Instant::now() + at.saturating_sub(monotonic()));
        tokio::select! {
            arrived = self.signals.next() => match arrived {
                Arrived::Signal(signal) => self.handle(Event::Signal(signal), None),
                Arrived::Child => {
                    reap_strangers(&self.server);
                    None
                }
            },
            () = self.server.changed() => self.server_changed(),
            () = self.link.ready() => self.link_ready(),
            () = until(deadline) => self.handle(Event::Tick, None),
        }
    }

    fn server_changed(&mut self) -> Option<Box<RunOutcome>> {
        let event = match self.server.step(self.plan.generation)? {
            ServerEvent::Exited { pid, exit, leftovers } => Event::ServerExited { pid, exit, leftovers },
            ServerEvent::LeftoversGone { pid } => Event::LeftoversGone { pid },
        };
        self.signals.after_reaping(&self.server);
        points::at("after the server is reaped");
        self.handle(event, None)
    }

    fn link_ready(&mut self) -> Option<Box<RunOutcome>> {
        let owned = Owned { holding: self.core.holding(), kept: &self.kept };
        let events = self.link.step(owned);
        self.hear(events)
    }

    fn hear(&mut self, events: Vec<LinkEvent>) -> Option<Box<RunOutcome>> {
        for event in events {
            let outcome = match event {
                LinkEvent::Linked => self.handle(Event::Linked, None),
                LinkEvent::Lost => self.handle(Event::LinkLost, None),
                LinkEvent::Told(event, listener) => {
                    let attached = if listener.is_some() { Attached::Listener } else { Attached::Nothing };
                    self.handle(Event::FromArbiter(event, attached), listener)
                }
                LinkEvent::Verdict(verdict) => self.handle(Event::Verdict(verdict), None),
                LinkEvent::BarrierPassed => self.handle(Event::BarrierPassed, None),
                LinkEvent::NotResponding { pid } => self.handle(Event::ArbiterNotResponding { pid }, None),
                LinkEvent::Refused { message, .. } => {
                    self.tell(&Report::ArbiterUnreachable { problem: message })
                }
                LinkEvent::Unreachable(error) => {
                    self.tell(&Report::ArbiterUnreachable { problem: error.to_string() })
                }
            };
            if outcome.is_some() {
                return outcome;
            }
        }
        None
    }

    fn handle(&mut self, event: Event, listener: Option<OwnedFd>) -> Option<Box<RunOutcome>> {
        self.core.handle(event, monotonic(), &mut self.actions);
        self.perform(listener)
    }

    /// Does what the core wants; `listener` came with the event just handled.
    fn perform(&mut self, listener: Option<OwnedFd>) -> Option<Box<RunOutcome>> {
        let mut listener = listener;
        while !self.actions.is_empty() {
            for action in std::mem::take(&mut self.actions) {
                match action {
                    Action::Spawn => self.spawn(),
                    Action::Send(said) => self.link.say(said),
                    Action::Keep { address } => {
                        if let Some(listener) = listener.take() {
                            self.kept.insert(address, Arc::new(listener));
                        }
                    }
                    Action::Close { address } => drop(self.kept.remove(&address)),
                    Action::SignalGroup { pid, signal } => {
                        self.server.signal(pid, signal, self.plan.generation)
                    }
                    Action::Report(report) => self.console.report(&report),
                    Action::Exit(outcome) => return Some(outcome),
                }
            }
        }
        None
    }

    fn spawn(&mut self) {
        points::at("before the server is started");
        self.output_files = OutputFiles::now();
        let started = spawn::start(&self.command).and_then(|pid| {
            let server = Server::started(pid).map_err(|error| self.not_watched(&error))?;
            self.server = server;
            Ok(pid)
        });
        points::at("after the server is started");
        let event = match started {
            Ok(pid) => Event::Spawned { pid },
            Err(failure) => Event::SpawnFailed(failure),
        };
        self.core.handle(event, monotonic(), &mut self.actions);
    }

    fn not_watched(&self, error: &std::io::Error) -> SpawnFailure {
        SpawnFailure::Other {
            program: self.command.program.to_string_lossy().into_owned(),
            errno: error.raw_os_error().unwrap_or(libc::EIO),
        }
    }

    fn tell(&self, report: &Report) -> Option<Box<RunOutcome>> {
        self.console.report(report);
        None
    }

    async fn conclude(mut self, outcome: &RunOutcome) -> Conclusion {
        let output = match outcome.ending {
            Ending::SaidFail(_) | Ending::Exited(_) | Ending::NotUp => self.output_files.tail(),
            Ending::Done
            | Ending::DoneInPart
            | Ending::Replaced
            | Ending::Stopped(_)
            | Ending::Left(_)
            | Ending::Ended
            | Ending::Interrupted(_)
            | Ending::LeftServing(_)
            | Ending::Superseded
            | Ending::NotUpKept
            | Ending::NotStarted(_) => OutputTail::default(),
        };
        let conclusion = self.console.conclude(outcome, &still_serving(&self.directory), &output);
        points::at("before the exit");
        self.link.leave_office().await;
        points::at("after the office is left");
        conclusion
    }
}
