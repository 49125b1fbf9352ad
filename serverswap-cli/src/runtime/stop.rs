//! Runs [`Stop`]: looks at the state, connects to the arbiter or becomes it, asks, and waits.
//!
//! A process has one connection to the arbiter. Generations without a supervisor are taken down one after the other on
//! connections in the place of their supervisors. Where more than one runs, this process is an observer after that, which is sent
//! every event.

use std::collections::BTreeSet;
use std::io;
use std::os::fd::OwnedFd;
use std::path::Path;
use std::rc::Rc;
use std::time::Duration;

use serverswap::connection::transport::SharedListener;
use serverswap::protocol::Generation;
use serverswap::protocol::message::{Form, Timeouts, UnixSockets};
use serverswap::session::{SupervisorEvent, SupervisorRole};
use serverswap::sys::clock::monotonic;
use serverswap::sys::listener::{is_in_use, owner_of};
use serverswap::sys::process::{Process, signal_generation};
use tokio::io::unix::AsyncFd;
use tokio::task::LocalSet;
use tokio::time::Instant;

use super::arbiter::until;
use super::arbiter_link::{self, ArbiterLink, LinkEvent};
use super::arbiter_role::ArbiterRole;
use super::signals::{SignalEvent, Signals, number};
use super::supervisor::{FIRST_LINK_WAIT, instant};
use super::trace::TraceWriter;
use super::{error_map, recovery, single_threaded};
use crate::cli;
use crate::history::{HistoryWriter, What, Who};
use crate::state::{Directory, DirectoryError, Header, Lock, Snapshot};
use crate::status::{hidden, is_alive, listens};
use crate::stop::{NotSelected, NotStopped, Running, Selection, Stop, StopAction, running};
use crate::supervisor::{Request, SupervisorSignal};
use crate::sys::async_fd::{first_end, living};
use crate::sys::descriptors;
use crate::sys::signals::{self, SignalDescriptor};
use crate::ui::{Conclusion, Console, Report, SetupError, StillTrue};
use crate::{acting_user, own_generation, runtime_directory};

/// How long a takedown may take to show in an event, before the next generation is taken down.
const BEGIN_WAIT_MAX: Duration = Duration::from_secs(2);

/// How often the state is looked at while nothing is heard: not every record that is gone is announced.
const LOOK_INTERVAL: Duration = Duration::from_millis(250);

/// Stops what is asked for and returns the exit status.
pub(crate) fn run(stop: cli::Stop) -> u8 {
    let own = own_generation::begin();
    let who = Who::of_this_command();
    // First, so that no signal of any moment is lost.
    let signals = SignalDescriptor::new();
    descriptors::raise_limit();
    let console = Console::plain(stop.result);
    let conclusion = try_run(stop, own, who, &console, signals)
        .unwrap_or_else(|error| console.setup_failed(&error, StillTrue::NothingAsked));
    console.finish(conclusion)
}

fn try_run(
    stop: cli::Stop,
    own: Generation,
    who: Who,
    console: &Console,
    signals: io::Result<SignalDescriptor>,
) -> Result<Conclusion, SetupError> {
    let signals = signals.map_err(|error| error_map::system("signalfd", &error))?;
    let path = std::path::absolute(runtime_directory::find(stop.dir.as_deref()))
        .map_err(|error| error_map::system("the working directory", &error))?;
    acting_user::become_owner_of(&path, |report| console.report(report))
        .map_err(|error| error_map::system("setresuid", &error))?;
    let is_of_another = Directory::check(&path).is_ok_and(|directory| directory.is_of_another());
    if is_of_another || Lock::is_left_to_others(&path.join("lock")) {
        return Err(SetupError::NotSeenFromHere { directory: path });
    }
    let header = recovery::header().map_err(|error| error_map::system("/proc", &error))?;
    let found = now(&path, &header, |report| console.report(&report), is_alive)?;
    let selection = match Selection::of(&found, stop.target, own) {
        Ok(selection) => selection,
        Err(reason) => {
            let reason = not_stopped(reason, &path);
            return Ok(console.concluded(&reason.summary(), reason.status(), |summary| reason.json(summary)));
        }
    };
    let directory = Directory::prepare(&path).map_err(error_map::directory)?;
    descriptors::room_for_a_runtime().map_err(|error| error_map::system("open", &error))?;
    let runtime = single_threaded().map_err(|error| error_map::system("epoll_create1", &error))?;
    LocalSet::new().block_on(&runtime, async {
        let signals = Signals::of_a_stop(signals).map_err(|error| error_map::system("epoll_ctl", &error))?;
        let report = Rc::new({
            let console = console.clone();
            move |report: Report| console.report(&report)
        });
        let role = ArbiterRole::new(Form::Leave, report, TraceWriter::default());
        let link = Some(link(&directory, None, SupervisorRole::observer(), role));
        let core = Stop::new(selection, stop.limits, monotonic());
        let (console, client, rest) = (console.clone(), Client::Observer, Rest::Awaited);
        StopDriver { core, who, directory, header, console, signals, link, client, rest }.run().await
    })
}

/// What runs in a directory, which need not exist any more.
fn now(
    path: &Path,
    header: &Header,
    report: impl Fn(Report),
    lives: impl Fn(Process) -> bool,
) -> Result<Vec<Running>, SetupError> {
    let proc_error = |error: io::Error| error_map::system("/proc", &error);
    let snapshot = match Directory::check(path) {
        Ok(directory) => recovery::snapshot(&directory, header, &report).map_err(proc_error)?,
        Err(DirectoryError::Io { source, .. }) if source.kind() == io::ErrorKind::NotFound => {
            recovery::census(path).map_err(proc_error)?
        }
        Err(error) => return Err(error_map::directory(error)),
    };
    Ok(of(path, &snapshot, lives))
}

fn of(path: &Path, snapshot: &Snapshot, lives: impl Fn(Process) -> bool) -> Vec<Running> {
    let hidden = hidden(path, snapshot);
    running(snapshot, &hidden, lives, |process| listens(process).unwrap_or_default())
}

fn not_stopped(reason: NotSelected, path: &Path) -> NotStopped {
    let directory = path.to_owned();
    match reason {
        NotSelected::Nothing => NotStopped::Nothing(directory),
        NotSelected::Several(services) => NotStopped::Several { directory, services },
        NotSelected::NotHeld(address) => {
            let owner = if is_in_use(&address) { owner_of(&address) } else { None };
            NotStopped::NotHeld { directory, address, owner }
        }
    }
}

fn link(
    directory: &Directory,
    generation: Option<Generation>,
    client: SupervisorRole<SharedListener>,
    role: ArbiterRole,
) -> ArbiterLink {
    ArbiterLink::of_client(directory.clone(), generation, client, role, TraceWriter::default())
}

/// Whether the arbiter has done everything that follows from the end of what was stopped.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Rest {
    /// Something is left.
    Awaited,
    /// Nothing is left, and the arbiter was asked for a barrier.
    Settling,
    /// It has closed what it had to close.
    Settled,
}

/// What this process is to the arbiter.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Client {
    Observer,
    /// In the place of the supervisor of a generation that is taken down.
    Supervisor,
}

struct StopDriver {
    core: Stop,
    who: Who,
    directory: Directory,
    /// Of this boot, and of this process.
    header: Header,
    console: Console,
    signals: Signals,
    /// Taken while it becomes another one.
    link: Option<ArbiterLink>,
    client: Client,
    rest: Rest,
}

impl StopDriver {
    async fn run(mut self) -> Result<Conclusion, SetupError> {
        let too_late = Some(Instant::now() + FIRST_LINK_WAIT);
        if let Some(link) = &mut self.link {
            link.connect_first(until(too_late)).await?;
        }
        let running = loop {
            // The record of a process that has ended stays until the arbiter knows what else runs of its generation.
            let running = now(self.directory.path(), &self.header, |_| {}, |_| true)?;
            match (self.core.look(&running, is_alive, monotonic()), self.rest) {
                (None, Rest::Settled) => break running,
                (None, Rest::Awaited) => self.settle(),
                (None, Rest::Settling) => {}
                (Some(actions), _) => {
                    self.rest = Rest::Awaited;
                    for action in actions {
                        self.perform(action, &running).await;
                    }
                }
            }
            self.next(&running).await;
        };
        if let Some(mut link) = self.link.take() {
            link.give_up_role().await;
        }
        let stopped = self.core.over(&running, monotonic());
        let history = HistoryWriter::new(self.directory.path());
        history.write(&stopped.record(self.who, history.record(What::Stop)));
        if let Some(report) = history.finish().await {
            self.console.report(&report);
        }
        Ok(self.console.concluded(&stopped.summary(), 0, |summary| stopped.json(summary)))
    }

    fn settle(&mut self) {
        self.rest = Rest::Settling;
        if let Some(link) = &mut self.link {
            link.send(Request::Barrier);
        }
    }

    async fn perform(&mut self, action: StopAction, running: &[Running]) {
        match action {
            StopAction::Report(report) => self.console.report(&report),
            StopAction::Ask { supervisor, request } => {
                if let Ok(Some(pidfd)) = supervisor.pidfd() {
                    // It may have ended just now.
                    let _ = signals::pass_on(&pidfd, request);
                }
            }
            StopAction::Signal { generation, signal } => {
                drop(signal_generation(generation, [], &[], &[], number(signal)));
            }
            StopAction::TakeDown { generation, timeouts, servers } => {
                self.take_down(generation, timeouts, &servers).await;
                if running.len() > 1 {
                    self.observe();
                }
            }
        }
    }

    /// In the place of its supervisor.
    async fn take_down(&mut self, generation: Generation, timeouts: Timeouts, servers: &BTreeSet<Process>) {
        let Some(before) = self.link.take() else { return };
        let supervisor = SupervisorRole::new(Form::Leave, timeouts, UnixSockets::default());
        let link = self.link.insert(link(&self.directory, Some(generation), supervisor, before.into_role()));
        let too_late = Some(Instant::now() + FIRST_LINK_WAIT);
        match link.connect_first(until(too_late)).await {
            Ok(events) => {
                self.client = Client::Supervisor;
                link.send(Request::Stop);
                link.send(Request::Barrier);
                self.link_events(events);
                self.begun(servers).await;
            }
            Err(_) => {
                self.core.not_taken_down(generation);
                self.observe();
            }
        }
    }

    fn observe(&mut self) {
        if let Some(before) = self.link.take() {
            let role = before.into_role();
            self.client = Client::Observer;
            self.link = Some(link(&self.directory, None, SupervisorRole::observer(), role));
            // It connects with its first step.
            self.link_ready();
        }
    }

    /// Waits until the arbiter has taken the request, and what follows from it shows.
    async fn begun(&mut self, servers: &BTreeSet<Process>) {
        let too_late = Some(Instant::now() + BEGIN_WAIT_MAX);
        self.rest = Rest::Settling;
        while !(self.rest == Rest::Settled && self.core.is_under_way(servers)) {
            tokio::select! {
                () = arbiter_link::ready(self.link.as_ref()) => self.link_ready(),
                () = until(too_late) => break,
            }
        }
        self.rest = Rest::Awaited;
    }

    /// Waits for one thing to happen.
    async fn next(&mut self, running: &[Running]) {
        let processes = running.iter().flat_map(|one| one.servers.iter().chain(&one.supervisor));
        let pidfds: Vec<AsyncFd<OwnedFd>> = processes.filter_map(|process| living(*process)).collect();
        let deadline = self.core.deadline().map(instant);
        let look = Some(Instant::now() + LOOK_INTERVAL);
        tokio::select! {
            event = self.signals.next() => match event {
                SignalEvent::Core(SupervisorSignal::Terminate | SupervisorSignal::Interrupt) => self.core.hasten(),
                SignalEvent::Core(SupervisorSignal::Hangup) | SignalEvent::Reload(_) | SignalEvent::Child => {}
            },
            () = arbiter_link::ready(self.link.as_ref()) => self.link_ready(),
            () = first_end(&pidfds) => {}
            () = until(deadline) => {}
            () = until(look) => {}
        }
    }

    /// A next arbiter has not heard it.
    fn stop_again(&mut self) {
        if let (Client::Supervisor, Some(link)) = (self.client, &mut self.link) {
            link.send(Request::Stop);
        }
    }

    fn link_ready(&mut self) {
        let events = self.link.as_mut().map(|link| link.step(Vec::new)).unwrap_or_default();
        self.link_events(events);
    }

    fn link_events(&mut self, events: Vec<LinkEvent>) {
        for event in events {
            match event {
                LinkEvent::Unreachable(error) => {
                    self.console.report(&Report::ArbiterUnreachable { problem: error.to_string() });
                }
                LinkEvent::Session(SupervisorEvent::Notice(event, _)) => {
                    for report in self.core.on_event(event) {
                        self.console.report(&report);
                    }
                }
                LinkEvent::Session(SupervisorEvent::BarrierPassed) => self.rest = Rest::Settled,
                // A next arbiter may know of more.
                LinkEvent::Session(SupervisorEvent::Linked) => {
                    self.rest = Rest::Awaited;
                    self.stop_again();
                }
                LinkEvent::Session(SupervisorEvent::NotResponding { pid }) => {
                    self.console.report(&Report::ArbiterSilent { pid });
                }
                LinkEvent::Session(SupervisorEvent::Responding) => {}
                LinkEvent::Session(SupervisorEvent::Refused(error)) => {
                    self.console.report(&Report::ArbiterUnreachable { problem: error.message });
                }
                LinkEvent::Session(SupervisorEvent::LinkLost | SupervisorEvent::Verdict(_)) => {}
            }
        }
    }
}
