//! What supervisors and observers are sent about one address, from what was known to what was decided.
//!
//! A status is sent when it differs from the last one that was sent on the same connection, so a
//! supervisor that has just come back learns everything anew. `replaced` means that a newer generation
//! serves (R5); a supervisor that was not there when its server was granted the address, or served it, is sent
//! that first. The duplicate of the listener goes with `serving` to a resident supervisor, and its keeping
//! is recorded before it is sent (R6, N6, N7).

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use serverswap::protocol::message::{Code, Event, EventKind, Form, LISTENER, TakedownReason};
use serverswap::protocol::{Address, Generation, SocketMode};
use serverswap::sys::process::Process;

use super::effects::begun_takedowns;
use super::state::{
    AddressState, Expected, GenerationStatus, Had, Keeper, ListenerState, Notified, Participant,
    PendingTakedown, Refused, Search, Served, Stage,
};
use crate::arbiter::{ConnectionId, Fetched};

/// A connected supervisor that the address concerns.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Reader {
    pub(crate) process: Process,
    pub(crate) generation: Generation,
    pub(crate) form: Form,
}

/// An event for one connection.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Notice {
    pub(crate) link: ConnectionId,
    /// With the name of the listener in `fds` if it is to be attached.
    pub(crate) event: Event,
}

/// Brings the readers up to date, and remembers in `state` what they were sent.
pub(crate) fn statuses(
    state: &mut AddressState,
    address: &Address,
    readers: &BTreeMap<ConnectionId, Reader>,
    now: Duration,
) -> Vec<Notice> {
    let mut notices = Vec::new();
    for (link, reader) in readers {
        let Some(status) = state.status(reader.generation) else {
            continue;
        };
        let before = state.notified.insert(reader.process, status);
        if before == Some(status) {
            continue;
        }
        if let Some(missed) = state.missed(before, status, reader) {
            let event = state.status_event(missed, reader.generation, address, now);
            notices.push(Notice { link: *link, event });
        }
        let mut event = state.status_event(status, reader.generation, address, now);
        if status == GenerationStatus::Serving && state.gives_duplicate_to(reader) {
            let keeper = Keeper { generation: reader.generation, asked_to_close: Notified::No };
            state.keepers.insert(reader.process, keeper);
            event.fds.push(LISTENER.to_owned());
        }
        notices.push(Notice { link: *link, event });
    }
    notices
}

impl AddressState {
    fn gives_duplicate_to(&self, reader: &Reader) -> bool {
        reader.form == Form::Stay
            && self.listener == ListenerState::Held
            && !self.keepers.contains_key(&reader.process)
    }

    /// What the server of a generation had and its supervisor, which does not own the address, was never told.
    fn missed(
        &self,
        before: Option<GenerationStatus>,
        status: GenerationStatus,
        reader: &Reader,
    ) -> Option<GenerationStatus> {
        if before.is_some()
            || status != GenerationStatus::Replaced
            || self.owners.contains_key(&reader.process)
        {
            return None;
        }
        let own =
            self.participants.values().filter(|participant| participant.generation == reader.generation);
        own.filter_map(Participant::had).max()
    }

    fn status_event(
        &self,
        status: GenerationStatus,
        generation: Generation,
        address: &Address,
        now: Duration,
    ) -> Event {
        let is_holder = |participant: &Participant| {
            participant.holds()
                && (participant.generation == generation || status == GenerationStatus::Replaced)
        };
        let holders = self.participants.iter().filter(|(_, participant)| is_holder(participant));
        let newest = holders.max_by_key(|(_, participant)| participant.generation);
        let pid = newest.map(|(process, _)| process.pid);
        let own = self.participants.values().filter(|participant| participant.generation == generation);
        let probation = own.filter_map(|participant| participant.stage.probation_until()).max();
        let probation = probation.filter(|_| status == GenerationStatus::Probation);
        let remaining_ms = probation.map(|until| millis(until.saturating_sub(now)));
        Event { pid, remaining_ms, ..Event::about(status.kind(), generation, address) }
    }
}

/// To observers: what the address has become to each generation with a server there, now or before the turn.
pub(crate) fn changes(
    before: &AddressState,
    after: &AddressState,
    address: &Address,
    now: Duration,
) -> Vec<Event> {
    let generations = before.generations_of_servers().chain(after.generations_of_servers());
    let generations: BTreeSet<Generation> = generations.collect();
    let changed = generations.into_iter().filter_map(|generation| {
        let status = after.status(generation).filter(|status| before.status(generation) != Some(*status))?;
        let is_owner = after.owners.values().any(|owner| *owner == generation);
        let concerns = status != GenerationStatus::Vacant || is_owner;
        concerns.then(|| after.status_event(status, generation, address, now))
    });
    changed.collect()
}

/// To the supervisors of the claimant's generation.
pub(crate) fn refusal(refused: &Refused, address: &Address) -> Event {
    let what = if refused.code == Code::Superseded { EventKind::Superseded } else { EventKind::Failed };
    Event {
        pid: Some(refused.process.pid),
        code: Some(refused.code.clone()),
        message: Some(refused.message.clone()),
        ..Event::about(what, refused.generation, address)
    }
}

/// To everybody whose generation participates: the address was or will be without a server for a moment,
/// because a holder is ended before a newer one serves (R10). `away` are the participants that are not
/// connected.
pub(crate) fn gaps(
    known: &AddressState,
    decided: &AddressState,
    address: &Address,
    away: &BTreeSet<Process>,
) -> Vec<Event> {
    let mut gaps = Vec::new();
    for (process, participant) in begun_takedowns(known, decided) {
        let Stage::TakingDown(takedown) = &participant.stage else {
            continue;
        };
        let found_nothing = known.expected.get(&process).is_some_and(Expected::is_without_listener);
        let is_unread = takedown.socket == SocketMode::Inherit
            && decided.listener == ListenerState::Absent
            && !decided.claimants(SocketMode::Inherit).is_empty();
        let is_exclusive = takedown.socket == SocketMode::Bind && away.contains(&process);
        let pid = process.pid;
        let message = if found_nothing {
            format!("pid {pid} was recorded as serving `{address}`, and has no listener of it")
        } else if !takedown.is_of_the_only_server(decided) {
            continue;
        } else if is_unread {
            format!(
                "the listener of `{address}` could not be taken from pid {pid}, which is ended before a new one \
                 is opened"
            )
        } else if is_exclusive {
            format!("pid {pid} holds `{address}` exclusively, does not come back, and is ended first")
        } else {
            continue;
        };
        let event = Event::about(EventKind::Gap, participant.generation, address);
        gaps.push(Event { pid: Some(pid), message: Some(message), ..event });
    }
    gaps
}

impl PendingTakedown {
    /// Whether nobody else serves: it is replaced before a newer one does.
    fn is_of_the_only_server(&self, decided: &AddressState) -> bool {
        let is_replaced = self.reason == TakedownReason::Replaced && self.served == Served::Fully;
        is_replaced && decided.newest_serving().is_none()
    }
}

impl Expected {
    /// Whether it was recorded as serving, and the search for its listener has found none.
    fn is_without_listener(&self) -> bool {
        let serves = matches!(self.had, Had::Grant { serving: true, probation_until: None, .. });
        serves && self.search == Search::Answered(Fetched::Absent)
    }
}

/// Whole milliseconds, rounded down.
pub(crate) fn millis(duration: Duration) -> u64 {
    u64::try_from(duration.as_millis()).unwrap_or(u64::MAX)
}
