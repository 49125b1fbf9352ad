//! Runs one generation: the supervisor's core, its server, its link to the arbiter, signals.
//!
//! The link is made before the server is started: if no arbiter can be reached or become,
//! nothing is started and nothing was touched.

use std::collections::BTreeMap;
use std::os::fd::AsFd;
use std::rc::Rc;
use std::time::Duration;

use serverswap::connection::transport::SharedListener;
use serverswap::protocol::Address;
use serverswap::protocol::message::EventKind;
use serverswap::session::SupervisorEvent;
use serverswap::sys::clock::monotonic;
use serverswap::sys::points;
use tokio::time::Instant;

use super::adoption::Adoption;
use super::arbiter::until;
use super::arbiter_link::{ArbiterLink, LinkEvent, owned};
use super::arbiter_role::ArbiterRole;
use super::caretaker::Caretaker;
use super::deploy_reply::DeployReply;
use super::error_map;
use super::listener_store::PassedListeners;
use super::other_program::OtherProgram;
use super::resident::Resident;
use super::server::{Answer, ServerProcess};
use super::signals::{SignalEvent, Signals};
use super::stand_in::{Change, Outcome, StandInDriver, StandInPlan};
use super::successors::Asker;
use super::trace::TraceWriter;
use super::waiting_lookup::{Found, WaitingLookup};
use crate::history::DeployHistory;
use crate::output::{Copies, OutputTail, ServerOutput};
use crate::post::Post;
use crate::spawn::{self, ServerCommand};
use crate::state::Directory;
use crate::status::still_serving;
use crate::supervisor::{
    Due, EventAttachment, Plan, Reminder, Supervisor, SupervisorAction, SupervisorInput, SupervisorSignal,
};
use crate::sys::signals::SignalDescriptor;
use crate::ui::{Conclusion, Console, DeployResult, Report, RunEnding, RunOutcome, SetupError, WaitingFor};

/// How long the first connection to an arbiter may take.
pub(super) const FIRST_LINK_WAIT: Duration = Duration::from_secs(10);

/// What a generation is started with.
pub(super) struct Start {
    pub(super) plan: Plan,
    pub(super) post: Option<Post>,
    pub(super) passed: PassedListeners,
    pub(super) command: ServerCommand,
    /// For a server that does not speak the protocol.
    pub(super) stand_in: Option<StandInPlan>,
    pub(super) adoption: Adoption,
    pub(super) output: ServerOutput,
    pub(super) history: DeployHistory,
    pub(super) directory: Directory,
}

/// One generation and everything around its core.
pub(super) struct SupervisorDriver<'a> {
    core: Supervisor,
    plan: Plan,
    post: Option<Post>,
    trace: TraceWriter,
    console: Console,
    command: ServerCommand,
    stand_in_plan: Option<StandInPlan>,
    /// That of the present server.
    stand_in: Option<StandInDriver>,
    directory: Directory,
    link: ArbiterLink,
    signals: Signals,
    resident: Resident,
    reply: &'a DeployReply,
    server: ServerProcess,
    output: ServerOutput,
    history: DeployHistory,
    reminder: Reminder,
    waiting_lookup: WaitingLookup,
    other_program: OtherProgram,
    /// Duplicates that the core wants kept.
    kept: BTreeMap<Address, SharedListener>,
    /// What the core wants done, in order.
    actions: Vec<SupervisorAction>,
}

impl<'a> SupervisorDriver<'a> {
    /// Runs a generation to its end.
    ///
    /// # Errors
    /// No arbiter can be had; nothing was started.
    pub(super) async fn run(
        start: Start,
        console: Console,
        trace: TraceWriter,
        signals: SignalDescriptor,
        reply: &'a DeployReply,
    ) -> Result<(Conclusion, Copies), SetupError> {
        let Start { plan, post, passed, command, stand_in, adoption, output, history, directory } = start;
        let signals =
            Signals::new(signals, plan.form).map_err(|error| error_map::system("epoll_ctl", &error))?;
        let report = Rc::new({
            let console = console.clone();
            move |report: Report| console.report(&report)
        });
        let driver_trace = trace.clone();
        let generation = plan.generation;
        let resident = Resident::new(&plan, passed, &directory, &console);
        if matches!(post, Some(Post::MainOfUnit { .. })) && !resident.service.is_there() {
            console.report(&Report::ServiceManagerDeaf);
        }
        let role = ArbiterRole::new(plan.form, report, trace.clone()).with_store(&resident.store);
        let mut driver = SupervisorDriver {
            core: Supervisor::new(plan.clone(), monotonic()),
            link: ArbiterLink::new(directory.clone(), &plan, role, trace),
            reminder: Reminder::new(monotonic()),
            waiting_lookup: WaitingLookup::new(),
            other_program: OtherProgram::new(directory.clone(), plan.generation),
            plan,
            post,
            trace: driver_trace,
            console,
            command,
            stand_in_plan: stand_in,
            stand_in: None,
            directory,
            signals,
            server: ServerProcess::none(generation, Rc::clone(&resident.successors)),
            resident,
            reply,
            output,
            history,
            kept: BTreeMap::new(),
            actions: Vec::new(),
        };
        let mut outcome = driver.connect(&adoption).await?;
        loop {
            match outcome {
                Some(outcome) => return Ok(driver.conclude(&outcome).await),
                None => outcome = driver.next().await,
            }
        }
    }

    /// Becomes the arbiter or connects to it, unless a signal ends the command before.
    async fn connect(&mut self, adoption: &Adoption) -> Result<Option<Box<RunOutcome>>, SetupError> {
        let deadline = Some(Instant::now() + FIRST_LINK_WAIT);
        loop {
            let reminder = self.reminder.deadline().map(instant);
            tokio::select! {
                events = self.link.connect_first(until(deadline)) => {
                    let events = events?;
                    self.resident.store.linked(self.link.arbiter_pid());
                    for report in adoption.run(&self.directory, &self.resident.store).await? {
                        self.console.report(&report);
                    }
                    return Ok(self.handle(SupervisorInput::Linked, None).or_else(|| self.link_events(events)));
                }
                // Nothing was read yet that could be read anew.
                event = self.signals.next() => {
                    let event = match event {
                        SignalEvent::Reload(_) => SignalEvent::Core(SupervisorSignal::Hangup),
                        event @ (SignalEvent::Core(_) | SignalEvent::Child) => event,
                    };
                    if let Some(outcome) = self.signalled(event) {
                        return Ok(Some(outcome));
                    }
                }
                () = until(reminder) => self.remind(),
            }
        }
    }

    /// Waits for one thing to happen and lets the core take it in.
    async fn next(&mut self) -> Option<Box<RunOutcome>> {
        let deadline = self.core.deadline().map(instant);
        let reminder = self.reminder.deadline().map(instant);
        tokio::select! {
            event = self.signals.next() => self.signalled(event),
            client = self.resident.asked() => {
                self.resident.successors.start(Asker::Client(client));
                None
            }
            answer = self.server.changed() => self.server_changed(answer),
            () = self.link.ready() => self.link_ready(),
            change = stand_in_changed(&mut self.stand_in) => self.stand_in_changed(change),
            () = until(deadline) => self.handle(SupervisorInput::Tick, None),
            () = until(reminder) => {
                self.remind();
                None
            }
            found = self.waiting_lookup.found() => {
                self.tell(&found);
                None
            }
            reports = self.other_program.found() => {
                reports.iter().for_each(|report| self.console.report(report));
                None
            }
        }
    }

    /// Looks first, where there is something to be seen.
    fn remind(&mut self) {
        let now = monotonic();
        let what = self.core.waits_for(now);
        let Some((due, what)) = self.reminder.due(what.as_ref(), now).zip(what) else { return };
        let addresses_of = |pid| self.core.addresses_of(pid);
        let looks = self.waiting_lookup.start(due, &what, self.plan.generation, addresses_of);
        if due == Due::Remind && !looks {
            self.console.report(&Report::StillWaiting(what));
        }
    }

    /// Of what was seen, what is still waited for.
    fn tell(&mut self, found: &Found) {
        let Some(mut what) = self.core.waits_for(monotonic()) else { return };
        found.complete(&mut what);
        if let WaitingFor::Claim { .. } = what {
            for address in self.reminder.untold(found.listens.keys().cloned()) {
                let pid = found.listens[&address];
                self.console.report(&Report::UnclaimedListener { pid, address });
            }
        }
        if found.due == Due::Remind {
            self.console.report(&Report::StillWaiting(what));
        }
    }

    fn signalled(&mut self, event: SignalEvent) -> Option<Box<RunOutcome>> {
        match event {
            SignalEvent::Core(signal) => {
                if signal.asks_to_stop() {
                    self.resident.successors.stop();
                }
                self.handle(SupervisorInput::Signal(signal), None)
            }
            SignalEvent::Reload(who) => {
                self.resident.successors.start(Asker::Signal(who));
                None
            }
            SignalEvent::Child => {
                self.server.child_ended();
                self.resident.store.sweep();
                None
            }
        }
    }

    fn server_changed(&mut self, answer: Option<Answer>) -> Option<Box<RunOutcome>> {
        let input = self.server.handle(answer)?;
        if let SupervisorInput::ServerExited { pid, .. } = input {
            points::at("after the server is reaped");
            self.stand_in.take_if(|stand_in| stand_in.pid() == pid);
        }
        self.handle(input, None)
    }

    fn stand_in_changed(&mut self, change: Change) -> Option<Box<RunOutcome>> {
        let outcomes = self.stand_in.as_mut().map(|stand_in| stand_in.handle(change));
        for outcome in outcomes.into_iter().flatten() {
            let outcome = match outcome {
                Outcome::Input(input) => self.handle(input, None),
                Outcome::Report(report) => self.report(&report),
                Outcome::Ready(address) => {
                    self.other_program.takes(&address);
                    None
                }
            };
            if outcome.is_some() {
                return outcome;
            }
        }
        None
    }

    fn link_ready(&mut self) -> Option<Box<RunOutcome>> {
        let events = self.link.step(|| owned(self.core.holding(), &self.kept));
        self.link_events(events)
    }

    fn link_events(&mut self, events: Vec<LinkEvent>) -> Option<Box<RunOutcome>> {
        for event in events {
            let outcome = match event {
                LinkEvent::Unreachable(error) => {
                    self.report(&Report::ArbiterUnreachable { problem: error.to_string() })
                }
                LinkEvent::Session(event) => self.session_event(event),
            };
            if outcome.is_some() {
                return outcome;
            }
        }
        None
    }

    fn session_event(&mut self, event: SupervisorEvent<SharedListener>) -> Option<Box<RunOutcome>> {
        match event {
            SupervisorEvent::Linked => {
                self.resident.store.linked(self.link.arbiter_pid());
                self.handle(SupervisorInput::Linked, None)
            }
            SupervisorEvent::LinkLost => self.handle(SupervisorInput::LinkLost, None),
            SupervisorEvent::Notice(event, listener) => {
                let attached =
                    if listener.is_some() { EventAttachment::Listener } else { EventAttachment::Nothing };
                let is_up = event.what == EventKind::Up && event.generation == self.plan.generation;
                let outcome = self.handle(SupervisorInput::FromArbiter(event, attached), listener);
                if is_up {
                    self.history.up();
                }
                outcome
            }
            SupervisorEvent::Verdict(verdict) => self.handle(SupervisorInput::Verdict(verdict), None),
            SupervisorEvent::BarrierPassed => self.handle(SupervisorInput::BarrierPassed, None),
            SupervisorEvent::NotResponding { pid } => {
                self.handle(SupervisorInput::ArbiterNotResponding { pid }, None)
            }
            SupervisorEvent::Responding => self.handle(SupervisorInput::ArbiterResponding, None),
            SupervisorEvent::Refused(error) => {
                self.report(&Report::ArbiterUnreachable { problem: error.message })
            }
        }
    }

    fn handle(
        &mut self,
        event: SupervisorInput,
        listener: Option<SharedListener>,
    ) -> Option<Box<RunOutcome>> {
        let now = monotonic();
        let is_done = self.tell_service_manager(&event);
        self.core.handle(event, now, &mut self.actions);
        if is_done {
            self.resident.store.sweep();
        }
        self.reminder.turned(now);
        self.perform(listener)
    }

    /// Does what the core wants; `listener` came with the event just handled.
    fn perform(&mut self, listener: Option<SharedListener>) -> Option<Box<RunOutcome>> {
        let mut listener = listener;
        while !self.actions.is_empty() {
            for action in std::mem::take(&mut self.actions) {
                match action {
                    SupervisorAction::Spawn => self.spawn(),
                    SupervisorAction::Send(request) => self.link.send(request),
                    SupervisorAction::Keep { address } => {
                        if let Some(listener) = listener.take() {
                            self.resident.store.keep(&address, listener.as_fd());
                            self.kept.insert(address, listener);
                        }
                    }
                    SupervisorAction::Close { address, reason } => {
                        self.kept.remove(&address);
                        self.resident.store.close(&address, reason);
                    }
                    SupervisorAction::SignalGeneration { pid, signal, addresses } => {
                        self.server.signal(pid, signal, addresses)
                    }
                    SupervisorAction::Report(report) => {
                        self.observe(&report);
                        self.console.report(&report);
                    }
                    SupervisorAction::Deployed(outcome) => {
                        self.history.deployed(&outcome);
                        let serving = || still_serving(&self.directory);
                        self.reply.send(|| DeployResult::of(&outcome, &serving(), &OutputTail::default()));
                    }
                    SupervisorAction::Exit(outcome) => return Some(outcome),
                }
            }
        }
        None
    }

    /// Returns whether the last server that was replaced is gone.
    fn tell_service_manager(&self, event: &SupervisorInput) -> bool {
        if let SupervisorInput::NeedsTime { time, .. } = event {
            self.resident.service.needs(*time);
        }
        let SupervisorInput::FromArbiter(event, _) = event else { return false };
        if event.what == EventKind::Draining
            && let Some(remaining) = event.remaining_ms
        {
            self.resident.service.drains(Duration::from_millis(remaining));
        }
        event.what == EventKind::Done && event.generation == self.plan.generation
    }

    fn observe(&mut self, report: &Report) {
        self.resident.service.observe(report);
        self.history.observe(report);
        if let Report::Up { .. } = report {
            self.resident.store.up();
        }
        if let Report::Serving { address, .. } = report {
            self.output.served(address);
        }
        // The process of a server with a stand-in runs our program at first.
        if let Report::Claimed { address } | Report::Granted { address, .. } = report
            && self.stand_in.is_none()
        {
            self.other_program.takes(address);
        }
    }

    fn spawn(&mut self) {
        points::at("before the server is started");
        let streams = self.output.open(|report| self.console.report(&report));
        let started = streams.and_then(|streams| match &self.stand_in_plan {
            None => spawn::start(&self.command, streams),
            Some(plan) => {
                let stand_in = self.stand_in.insert(StandInDriver::start(plan, &self.command, streams)?);
                Ok(stand_in.pid())
            }
        });
        points::at("after the server is started");
        let event = match started {
            Ok(pid) => {
                self.server.started(pid);
                SupervisorInput::Spawned { pid }
            }
            Err(failure) => SupervisorInput::SpawnFailed(failure),
        };
        self.core.handle(event, monotonic(), &mut self.actions);
    }

    fn report(&self, report: &Report) -> Option<Box<RunOutcome>> {
        self.console.report(report);
        None
    }

    async fn conclude(mut self, outcome: &RunOutcome) -> (Conclusion, Copies) {
        let output = match outcome.ending {
            RunEnding::SaidFail(_) | RunEnding::Exited(_) | RunEnding::NotUp => self.output.tail(),
            RunEnding::Done
            | RunEnding::DoneInPart
            | RunEnding::Replaced
            | RunEnding::Stopped(_)
            | RunEnding::Left(_)
            | RunEnding::Ended
            | RunEnding::Interrupted(_)
            | RunEnding::LeftServing(_)
            | RunEnding::Superseded
            | RunEnding::NotUpKept
            | RunEnding::NotStarted(_) => OutputTail::default(),
        };
        self.history.ended(outcome);
        let serving = still_serving(&self.directory);
        self.reply.send(|| DeployResult::of(outcome, &serving, &output));
        let mut conclusion = self.console.conclude(outcome, &serving, &output);
        self.server.finish().await;
        if let Some(report) = self.history.finish().await {
            self.console.report(&report);
        }
        points::at("before the exit");
        self.link.give_up_role().await;
        points::at("after the lock is released");
        let SupervisorDriver {
            plan,
            post,
            directory,
            console,
            trace,
            signals,
            resident,
            link,
            kept,
            output,
            ..
        } = self;
        drop((link, kept));
        let successors = Rc::clone(&resident.successors);
        let caretaker = Caretaker { post, plan, directory, console, trace, signals, resident };
        let end = caretaker.run(&mut conclusion).await;
        successors.finish().await;
        (end.concluded(conclusion), output.into_copies())
    }
}

async fn stand_in_changed(stand_in: &mut Option<StandInDriver>) -> Change {
    match stand_in {
        Some(stand_in) => stand_in.changed().await,
        None => std::future::pending().await,
    }
}

/// When the clock of the cores says `at`.
pub(super) fn instant(at: Duration) -> Instant {
    Instant::now() + at.saturating_sub(monotonic())
}
