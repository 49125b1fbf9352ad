//! `serverswap hold`: an arbiter that starts nothing, and stays.
//!
//! Servers in containers of their own have an arbiter that sees them all, and that no deploy ends. It is an observer of the
//! arbiter, which it is itself, or becomes when the present one ends. It keeps nothing that the servers have not: when it ends,
//! they serve on, and the next arbiter finds them.

use std::collections::BTreeSet;
use std::os::unix::fs::PermissionsExt;
use std::rc::Rc;
use std::time::Duration;
use std::{fs, io};

use nix::sys::wait::{WaitPidFlag, WaitStatus, waitpid};
use nix::unistd::geteuid;
use serverswap::protocol::Address;
use serverswap::protocol::message::{Event, EventKind, Form};
use serverswap::session::{SupervisorEvent, SupervisorRole};
use serverswap::sys::clock::boottime_micros;
use tokio::task::LocalSet;
use tokio::time::Instant;

use super::arbiter::until;
use super::arbiter_link::{ArbiterLink, LinkEvent};
use super::arbiter_role::ArbiterRole;
use super::service_manager::ServiceManager;
use super::signals::{SignalEvent, Signals};
use super::supervisor::FIRST_LINK_WAIT;
use super::trace::TraceWriter;
use super::{error_map, single_threaded};
use crate::cli::Hold;
use crate::state::{Directory, Lock};
use crate::supervisor::SupervisorSignal;
use crate::sys::descriptors;
use crate::sys::signals::SignalDescriptor;
use crate::ui::{Conclusion, Console, DrainStatus, Report, ResultFormat, SetupError, StillTrue, Summary};
use crate::{acting_user, own_generation, runtime_directory};

/// Holds a directory until it is asked to stop, and returns the exit status.
pub(crate) fn run(hold: &Hold) -> u8 {
    // It ends with no server that has started it.
    own_generation::begin();
    // First, so that no signal of any moment is lost.
    let signals = SignalDescriptor::new();
    descriptors::raise_limit();
    let console = Console::new(hold.verbosity, hold.log, ResultFormat::None);
    let try_run = || {
        let signals = signals.map_err(|error| error_map::system("signalfd", &error))?;
        let path = runtime_directory::find(hold.dir.as_deref());
        acting_user::become_owner_of(&path, |report| console.report(report))
            .map_err(|error| error_map::system("setresuid", &error))?;
        let directory = Directory::prepare(&path).map_err(error_map::directory)?;
        if !hold.users.is_empty() && !geteuid().is_root() {
            return Err(SetupError::AllowsNobody);
        }
        let opened =
            Lock::allow(&directory.lock(), &hold.users).and_then(|()| open_for(&directory, &hold.users));
        opened.map_err(|error| error_map::unreachable(&directory, &error))?;
        descriptors::room_for_a_runtime().map_err(|error| error_map::system("open", &error))?;
        let runtime = single_threaded().map_err(|error| error_map::system("epoll_create1", &error))?;
        LocalSet::new().block_on(&runtime, async {
            let trace = TraceWriter::open(hold.trace.as_deref(), &console);
            // HUP is for whoever starts something.
            let signals = Signals::new(signals, Form::Leave);
            let signals = signals.map_err(|error| error_map::system("epoll_ctl", &error))?;
            HoldDriver::new(directory, console.clone(), signals, trace).run().await
        })
    };
    let conclusion = try_run().unwrap_or_else(|error| console.setup_failed(&error, StillTrue::NothingAsked));
    console.finish(conclusion)
}

/// The arbiter may be another process at this moment: its socket is there already.
fn open_for(directory: &Directory, users: &BTreeSet<u32>) -> io::Result<()> {
    directory.open_for(users)?;
    let mode = if users.is_empty() { 0o600 } else { 0o666 };
    match fs::set_permissions(directory.socket(), fs::Permissions::from_mode(mode)) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => Err(error),
        Ok(()) | Err(_) => Ok(()),
    }
}

struct HoldDriver {
    directory: Directory,
    console: Console,
    signals: Signals,
    service: ServiceManager,
    link: ArbiterLink,
    seen: Seen,
}

impl HoldDriver {
    fn new(directory: Directory, console: Console, signals: Signals, trace: TraceWriter) -> Self {
        let report = Rc::new({
            let console = console.clone();
            move |report: Report| console.report(&report)
        });
        let role = ArbiterRole::holder(report, trace.clone());
        let link = ArbiterLink::of_client(directory.clone(), None, SupervisorRole::observer(), role, trace);
        let service = ServiceManager::of_a_holder();
        HoldDriver { directory, console, signals, service, link, seen: Seen::default() }
    }

    async fn run(mut self) -> Result<Conclusion, SetupError> {
        if self.connect().await? == Asked::Nothing {
            self.serve().await;
        }
        self.service.stopping();
        self.link.give_up_role().await;
        let ended = "ended; what serves serves on, and the next `serverswap hold` finds it".to_owned();
        Ok(self.console.failed(&Summary::Success(ended), 0))
    }

    async fn connect(&mut self) -> Result<Asked, SetupError> {
        let too_late = Some(Instant::now() + FIRST_LINK_WAIT);
        loop {
            tokio::select! {
                events = self.link.connect_first(until(too_late)) => {
                    let events = events?;
                    self.linked();
                    self.link_events(events);
                    return Ok(Asked::Nothing);
                }
                event = self.signals.next() => if asked(&event) == Asked::ToStop { return Ok(Asked::ToStop) },
            }
        }
    }

    async fn serve(&mut self) {
        loop {
            tokio::select! {
                () = self.link.ready() => {
                    let events = self.link.step(Vec::new);
                    self.link_events(events);
                }
                event = self.signals.next() => if asked(&event) == Asked::ToStop { return },
            }
        }
    }

    fn linked(&self) {
        let arbiter = self.link.arbiter_pid().filter(|_| !self.link.is_arbiter());
        let report = Report::Holds { directory: self.directory.path().to_owned(), arbiter };
        self.service.holds(&report.text());
        self.console.report(&report);
    }

    fn link_events(&mut self, events: Vec<LinkEvent>) {
        for event in events {
            match event {
                LinkEvent::Unreachable(error) => {
                    self.console.report(&Report::ArbiterUnreachable { problem: error.to_string() });
                }
                LinkEvent::Session(SupervisorEvent::Linked) => self.linked(),
                LinkEvent::Session(SupervisorEvent::Notice(event, _)) => {
                    if let Some(report) = self.seen.report(event) {
                        self.console.report(&report);
                    }
                }
                LinkEvent::Session(SupervisorEvent::NotResponding { pid }) => {
                    self.console.report(&Report::ArbiterSilent { pid });
                }
                LinkEvent::Session(SupervisorEvent::Responding) => {}
                LinkEvent::Session(SupervisorEvent::Refused(error)) => {
                    self.console.report(&Report::ArbiterUnreachable { problem: error.message });
                }
                LinkEvent::Session(
                    SupervisorEvent::LinkLost | SupervisorEvent::Verdict(_) | SupervisorEvent::BarrierPassed,
                ) => {}
            }
        }
    }
}

/// What a signal asks for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Asked {
    Nothing,
    ToStop,
}

/// As PID 1 of a container it is the parent of whoever has lost his own.
fn asked(event: &SignalEvent) -> Asked {
    match event {
        SignalEvent::Core(SupervisorSignal::Terminate | SupervisorSignal::Interrupt) => Asked::ToStop,
        SignalEvent::Child => {
            while waitpid(None, Some(WaitPidFlag::WNOHANG)).is_ok_and(|child| child != WaitStatus::StillAlive)
            {
            }
            Asked::Nothing
        }
        SignalEvent::Core(SupervisorSignal::Hangup) | SignalEvent::Reload(_) => Asked::Nothing,
    }
}

/// What was reported: after a reconnect the arbiter sends every status again.
#[derive(Default)]
struct Seen {
    serving: BTreeSet<(Option<Address>, u32)>,
    draining: BTreeSet<u32>,
}

impl Seen {
    fn report(&mut self, event: Event) -> Option<Report> {
        let pid = event.pid.unwrap_or_default();
        match event.what {
            EventKind::Serving => {
                let address = event.address.clone()?;
                let after = boottime_micros().saturating_sub(event.generation.start);
                let is_new = self.serving.insert((event.address, pid));
                is_new.then_some(Report::Serving { address, pid, after: Duration::from_micros(after) })
            }
            EventKind::Draining if self.draining.insert(pid) => {
                Some(Report::Draining(DrainStatus::of(pid, event)))
            }
            EventKind::Gone => {
                self.serving.retain(|(_, other)| *other != pid);
                self.draining.remove(&pid);
                Some(Report::Gone { pid })
            }
            EventKind::Gap => {
                Some(Report::Gap { address: event.address, message: event.message.unwrap_or_default() })
            }
            EventKind::Draining
            | EventKind::Claimed
            | EventKind::Granted
            | EventKind::Probation
            | EventKind::Up
            | EventKind::Busy
            | EventKind::Vacant
            | EventKind::Replaced
            | EventKind::Superseded
            | EventKind::Failed
            | EventKind::Close
            | EventKind::Done
            | EventKind::Terminated
            | EventKind::Killed
            | EventKind::Other(_) => None,
        }
    }
}

#[cfg(test)]
mod tests {
    use serverswap::protocol::Generation;

    use super::*;

    fn event(what: EventKind, pid: u32) -> Event {
        let address = ":1".parse().expect("an address");
        Event { pid: Some(pid), ..Event::about(what, Generation { start: 1, pid: 1 }, &address) }
    }

    #[test]
    fn what_is_sent_again_after_a_reconnect_is_reported_once() {
        let mut seen = Seen::default();
        let mut reports = |what: &EventKind| [(); 2].map(|()| seen.report(event(what.clone(), 7)).is_some());
        assert_eq!(reports(&EventKind::Serving), [true, false]);
        assert_eq!(reports(&EventKind::Draining), [true, false]);
        assert_eq!(reports(&EventKind::Up), [false, false]);
        assert!(seen.report(event(EventKind::Serving, 8)).is_some());
        assert!(seen.report(event(EventKind::Gone, 7)).is_some());
        assert!(seen.report(event(EventKind::Serving, 7)).is_some(), "the number is another's by now");
    }
}
