//! Keeps the process of a supervisor that has ended, for as long as others would end with it ([`Post`]) or it is the parent
//! of the next generation.
//!
//! It reaps, reloads, and waits until nothing of the directory is left. A request to stop is passed on: supervisors get it as
//! a signal; a generation without a supervisor is stopped in the place of one, so that its servers drain.

use std::collections::BTreeSet;
use std::os::fd::OwnedFd;
use std::rc::Rc;

use serverswap::protocol::Generation;
use serverswap::protocol::message::{Form, Timeouts};
use serverswap::session::{SupervisorEvent, SupervisorRole};
use serverswap::sys::process::{Process, Signal, signal_generation};
use tokio::io::unix::AsyncFd;
use tokio::time::Instant;

use super::arbiter::until;
use super::arbiter_link::{self, ArbiterLink, LinkEvent};
use super::arbiter_role::ArbiterRole;
use super::recovery;
use super::resident::Resident;
use super::server::reap_others;
use super::signals::{SignalEvent, Signals};
use super::successors::Asker;
use super::supervisor::FIRST_LINK_WAIT;
use super::trace::TraceWriter;
use crate::post::Post;
use crate::state::{self, Directory, GenerationRecord, Snapshot};
use crate::supervisor::{Plan, Request, ServerExit, SupervisorSignal};
use crate::sys::async_fd::{first_end, living};
use crate::sys::signals;
use crate::ui::{Conclusion, Console, Report};

/// The exit status when those for whom it stayed have ended by themselves: a container or a unit has failed then.
const DESERTED: u8 = 1;

/// Everything that it needs.
pub(super) struct Caretaker {
    pub(super) post: Option<Post>,
    pub(super) plan: Plan,
    pub(super) directory: Directory,
    pub(super) console: Console,
    pub(super) trace: TraceWriter,
    pub(super) signals: Signals,
    pub(super) resident: Resident,
}

/// Why it could end.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum CaretakerEnd {
    /// Nothing else was there from the beginning.
    NotNeeded,
    /// It was asked to stop, and so were those who were left.
    Stopped,
    /// Those who were left have ended by themselves; the last one with this status, if it was the next generation.
    Deserted(Option<u8>),
    /// The next generation has ended after this one was asked to stop.
    StoppedBefore,
}

impl CaretakerEnd {
    /// How the command ends then.
    pub(super) fn concluded(self, conclusion: Conclusion) -> Conclusion {
        match self {
            CaretakerEnd::NotNeeded | CaretakerEnd::StoppedBefore => conclusion,
            CaretakerEnd::Stopped => Conclusion { status: 0, ..conclusion },
            CaretakerEnd::Deserted(status) => Conclusion { status: status.unwrap_or(DESERTED), ..conclusion },
        }
    }
}

impl Caretaker {
    /// How the command ended is written before it waits.
    pub(super) async fn run(mut self, conclusion: &mut Conclusion) -> CaretakerEnd {
        let (mut stops, mut link) = (0, None);
        let is_stopped_before = self.resident.successors.is_stopping();
        // Those that ended before the server was reaped.
        reap_others(None, &self.resident.successors);
        if self.others(stops).is_empty() && !self.resident.successors.is_any_living() {
            return CaretakerEnd::NotNeeded;
        }
        self.console.announce(conclusion);
        self.resident.store.ended(std::process::id());
        let pid = std::process::id();
        self.console.report(&match self.resident.successors.is_any_living() {
            true => Report::ParentOfNext { pid },
            false => Report::KeepsPost { pid },
        });
        loop {
            let others = self.others(stops);
            if !self.resident.successors.is_any_living() {
                if others.is_empty() {
                    break;
                }
                self.resident.successors.forget_exit();
            }
            self.resident.store.sweep();
            tokio::select! {
                event = self.signals.next() => match event {
                    SignalEvent::Core(SupervisorSignal::Terminate | SupervisorSignal::Interrupt) => {
                        stops += 1;
                        self.stop(stops, &mut link).await;
                    }
                    SignalEvent::Core(SupervisorSignal::Hangup) => {}
                    SignalEvent::Reload(who) => self.resident.successors.start(Asker::Signal(who)),
                    SignalEvent::Child => reap_others(None, &self.resident.successors),
                },
                client = self.resident.asked() => self.resident.successors.start(Asker::Client(client)),
                () = first_end(&others) => {}
                () = arbiter_link::ready(link.as_ref()) => drop(link.as_mut().map(|link| link.step(Vec::new))),
            }
        }
        if let Some(mut link) = link {
            link.give_up_role().await;
        }
        match stops {
            0 if is_stopped_before => CaretakerEnd::StoppedBefore,
            0 => CaretakerEnd::Deserted(self.resident.successors.last_exit().map(ServerExit::shell_status)),
            _ => CaretakerEnd::Stopped,
        }
    }

    /// Those who would end with this process, but for its own next generation, whose end SIGCHLD tells. Once it is asked to
    /// stop, it waits for servers and supervisors only.
    fn others(&self, stops: u32) -> Vec<AsyncFd<OwnedFd>> {
        if self.post.is_none() {
            return Vec::new();
        }
        let mut processes = self.snapshot().processes();
        if stops == 0 {
            let census = recovery::census(self.directory.path()).unwrap_or_default();
            processes.extend(census.unrecorded.iter().map(|record| record.process));
        }
        processes.into_iter().filter_map(|process| self.living(process)).collect()
    }

    fn living(&self, process: Process) -> Option<AsyncFd<OwnedFd>> {
        let is_held = self.post.as_ref().is_some_and(|post| post.holds(process.pid));
        let is_other =
            is_held && process.pid != std::process::id() && !self.resident.successors.is_one(process.pid);
        if is_other { living(process) } else { None }
    }

    fn snapshot(&self) -> Snapshot {
        state::read(&self.directory.state()).ok().flatten().map(|file| file.snapshot).unwrap_or_default()
    }

    async fn stop(&self, stops: u32, link: &mut Option<ArbiterLink>) {
        self.resident.successors.stop();
        if self.post.is_none() {
            return;
        }
        let snapshot = self.snapshot();
        let mut supervised = BTreeSet::new();
        for (generation, record) in &snapshot.generations {
            if record.supervisor.is_some_and(|supervisor| self.resident.successors.is_one(supervisor.pid)) {
                supervised.insert(*generation);
            } else if let Some(supervisor) = record.supervisor.and_then(|supervisor| self.living(supervisor))
            {
                supervised.insert(*generation);
                // It may have ended just now.
                let _ = signals::pass_on(supervisor.get_ref(), stops);
            }
        }
        for generation in snapshot.generations_of_servers().difference(&supervised) {
            let record = snapshot.generations.get(generation);
            match stops {
                1 => self.take_down(*generation, record, link).await,
                2 => drop(signal_generation(*generation, [], &[], &[], Signal::SIGTERM)),
                _ => drop(signal_generation(*generation, [], &[], &[], Signal::SIGKILL)),
            }
        }
    }

    /// In the place of its supervisor. A process has one connection to the arbiter, so one generation comes after
    /// the other; the role of the arbiter is kept.
    async fn take_down(
        &self,
        generation: Generation,
        record: Option<&GenerationRecord>,
        link: &mut Option<ArbiterLink>,
    ) {
        let role = link.take().map(ArbiterLink::into_role).unwrap_or_else(|| {
            let console = self.console.clone();
            ArbiterRole::new(Form::Stay, Rc::new(move |report| console.report(&report)), self.trace.clone())
        });
        let own = self.plan.timeouts();
        let Timeouts { drain_ms, stream_ms, kill_ms, .. } = record.map_or(own, |record| record.timeouts);
        let timeouts = Timeouts { drain_ms, stream_ms, kill_ms, ..own };
        let supervisor = SupervisorRole::new(Form::Stay, timeouts, self.plan.unix_sockets);
        let (directory, trace) = (self.directory.clone(), self.trace.clone());
        let link = link.insert(ArbiterLink::of_client(directory, Some(generation), supervisor, role, trace));
        let too_late = Some(Instant::now() + FIRST_LINK_WAIT);
        if link.connect_first(until(too_late)).await.is_err() {
            return;
        }
        link.send(Request::Stop);
        link.send(Request::Barrier);
        loop {
            tokio::select! {
                () = link.ready() => {}
                () = until(too_late) => return,
            }
            let passed =
                |event: &LinkEvent| matches!(event, LinkEvent::Session(SupervisorEvent::BarrierPassed));
            if link.step(Vec::new).iter().any(passed) {
                return;
            }
        }
    }
}
