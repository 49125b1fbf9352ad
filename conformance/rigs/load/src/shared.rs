//! What the slots of one load share: its limits, its phase and its tally.

use std::cell::{Cell, RefCell};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::{Duration, Instant};

use tokio::sync::{mpsc, watch};

use super::connection::Connection;
use super::failure::Failure;
use super::load::Plan;
use super::response::Answer;
use super::tally::{Answerer, FailedRequest, Phase, Tally};
use super::timeline::Timeline;

/// What the thread of the load and its owner tell each other.
pub(super) struct Signals {
    /// Counts the changes of phase: an odd number means that a swap is under way.
    epoch: AtomicU64,
    stopping: AtomicBool,
}

impl Signals {
    pub(super) fn new() -> Self {
        Signals { epoch: AtomicU64::new(0), stopping: AtomicBool::new(false) }
    }

    pub(super) fn enter(&self, phase: Phase) {
        let now = self.epoch.load(Ordering::Acquire);
        if phase_of(now) != phase {
            self.epoch.store(now + 1, Ordering::Release);
        }
    }

    pub(super) fn stop(&self) {
        self.stopping.store(true, Ordering::Release);
    }
}

fn phase_of(epoch: u64) -> Phase {
    if epoch.is_multiple_of(2) { Phase::Between } else { Phase::Swap }
}

/// A swap touched what lies between these two moments if it was under way at one of them or
/// came and went in between.
fn phase_between(begin: u64, end: u64) -> Phase {
    if begin == end { phase_of(begin) } else { Phase::Swap }
}

/// The shared part of all slots; it lives on the load's own thread.
pub(super) struct Shared {
    pub(super) plan: Plan,
    signals: Arc<Signals>,
    ok: watch::Sender<u64>,
    seen: mpsc::UnboundedSender<Answerer>,
    began: Instant,
    requests_left: Cell<u64>,
    last_ok: Cell<Moment>,
    tally: RefCell<Tally>,
    /// With its beginning, if there is one.
    timeline: Option<(Instant, RefCell<Timeline>)>,
}

/// A point in time and the phase it lies in.
#[derive(Debug, Clone, Copy)]
pub(super) struct Moment {
    at: Instant,
    epoch: u64,
}

impl Shared {
    pub(super) fn new(
        plan: Plan,
        signals: Arc<Signals>,
        ok: watch::Sender<u64>,
        seen: mpsc::UnboundedSender<Answerer>,
    ) -> Self {
        let began = Instant::now();
        let last_ok = Moment { at: began, epoch: signals.epoch.load(Ordering::Acquire) };
        Shared {
            requests_left: Cell::new(plan.requests_max),
            last_ok: Cell::new(last_ok),
            tally: RefCell::default(),
            timeline: plan.timeline_since.map(|since| (since, RefCell::default())),
            plan,
            signals,
            ok,
            seen,
            began,
        }
    }

    /// Permission for one more request; `false` ends the slot.
    pub(super) fn goes_on(&self) -> bool {
        let left = self.requests_left.get();
        let over =
            self.signals.stopping.load(Ordering::Acquire) || self.began.elapsed() > self.plan.duration_max;
        if over || left == 0 {
            return false;
        }
        self.requests_left.set(left - 1);
        true
    }

    pub(super) fn now(&self) -> Moment {
        Moment { at: Instant::now(), epoch: self.signals.epoch.load(Ordering::Acquire) }
    }

    /// A good answer to a request that began at `begin` and was served in `latency`.
    pub(super) fn succeeded(
        &self,
        begin: Moment,
        latency: Duration,
        answer: &Answer,
        connection: &Connection,
    ) {
        let end = self.now();
        if let (Some((since, timeline)), Some(number)) = (&self.timeline, connection.number) {
            timeline.borrow_mut().answered(end.at - *since, number, answer.pid, latency);
        }
        self.close_gap(end);
        let mut tally = self.tally.borrow_mut();
        tally.of(phase_between(begin.epoch, end.epoch)).succeeded(latency);
        note_answerer(&mut tally, answer, end.at, &self.seen);
        let ok = tally.ok();
        self.ok.send_replace(ok);
    }

    pub(super) fn lost(&self, begin: Moment, failure: Failure) {
        let end = self.now();
        if let Some((since, timeline)) = &self.timeline {
            timeline.borrow_mut().lost(end.at - *since, failure);
        }
        let phase = phase_between(begin.epoch, end.epoch);
        let mut tally = self.tally.borrow_mut();
        tally.of(phase).lost(failure);
        let after = end.at - self.began;
        tally.first_failed.get_or_insert(FailedRequest { failure, after, phase });
    }

    pub(super) fn idle_closed(&self) {
        self.tally.borrow_mut().idle_closed += 1;
    }

    /// A connection is open; its number, if there is a timeline.
    pub(super) fn opened(&self) -> Option<usize> {
        let (since, timeline) = self.timeline.as_ref()?;
        Some(timeline.borrow_mut().opened(since.elapsed()))
    }

    /// The connection of this number is closed.
    pub(super) fn closed(&self, number: usize) {
        if let Some((_, timeline)) = &self.timeline {
            timeline.borrow_mut().closed(number);
        }
    }

    /// The tally so far, with the gap that is still open.
    pub(super) fn finish(&self) -> Tally {
        let end = self.now();
        self.close_gap(end);
        let timeline = self.timeline.as_ref().map(|(since, timeline)| {
            let mut timeline = timeline.take();
            timeline.end(end.at - *since);
            timeline
        });
        Tally { timeline, ..self.tally.take() }
    }

    fn close_gap(&self, end: Moment) {
        let last = self.last_ok.replace(end);
        let mut tally = self.tally.borrow_mut();
        let figures = tally.of(phase_between(last.epoch, end.epoch));
        figures.longest_gap = figures.longest_gap.max(end.at - last.at);
    }
}

fn note_answerer(tally: &mut Tally, answer: &Answer, at: Instant, seen: &mpsc::UnboundedSender<Answerer>) {
    let known =
        tally.answerers.iter_mut().rev().find(|one| one.pid == answer.pid && one.version == answer.version);
    if let Some(known) = known {
        known.answers += 1;
        return;
    }
    let new = Answerer { pid: answer.pid, version: answer.version.clone(), first: at, answers: 1 };
    // The owner may have stopped listening; the tally still has it.
    let _ = seen.send(new.clone());
    tally.answerers.push(new);
}
