//! Messages of negotiated clients, and what each changes at once. What follows from it is decided
//! afterwards, once for everything that was read together.

use std::collections::BTreeSet;
use std::time::Duration;

use serverswap::protocol::message::{
    self, Closed, Code, Error, EventKind, Fail, FromArbiter, FromClient, OnTakedown, Pong, Progress,
    ReadyFor, Released, Role, Serving,
};
use serverswap::protocol::{Address, Generation, SocketMode};
use serverswap::sys::process::Process;

use super::address::state::{Participant, PendingClaim, Refused, Stage};
use super::generation::{SupervisorPresence, UpStatus};
use super::peer::Intent;
use super::{Arbiter, Attached, ConnectionId, Liveness, Turn};

/// Most addresses that one server may claim and hold at a time, and most whose takedown it
/// may handle: every one costs a place in the state.
const ADDRESSES_PER_SERVER_MAX: usize = 16_384;

/// A change of the number of open connections is recorded at most so often: it decides nothing, and is
/// shown by `serverswap status`.
const CONNECTIONS_RECORDED_EVERY: Duration = Duration::from_millis(500);

impl Arbiter {
    pub(super) fn received(
        &mut self,
        link: ConnectionId,
        message: FromClient,
        liveness: Liveness,
        turn: &mut Turn,
    ) {
        let Some(peer) = self.peers.get(link) else {
            return;
        };
        let (process, role, generation) = (peer.process, peer.role, peer.generation);
        if let Some(id) = request_id(&message)
            && !self.is_fresh(link, id)
        {
            let message = format!("`id` {id} is not greater than the one before");
            return self.fatal(link, Code::IdReused, message, turn);
        }
        if is_fatal(&message) {
            self.connection_ended(link, turn);
            return turn.disconnect(link, None);
        }
        match (role, generation) {
            (Role::Server, Some(generation)) => {
                self.server_sent(link, process, generation, message, liveness, turn);
            }
            (Role::Supervisor, Some(generation)) => {
                self.supervisor_sent(link, process, generation, message, turn);
            }
            (Role::Observer | Role::Server | Role::Supervisor, _) => {
                self.observer_sent(link, message, turn);
            }
        }
    }

    fn server_sent(
        &mut self,
        link: ConnectionId,
        process: Process,
        generation: Generation,
        message: FromClient,
        liveness: Liveness,
        turn: &mut Turn,
    ) {
        let gives_up = self.peers.get(link).is_some_and(|peer| peer.intent == Intent::GiveUp);
        match message {
            FromClient::Serving(_)
            | FromClient::OnTakedown(_)
            | FromClient::ServerUp(_)
            | FromClient::Fail(_)
                if gives_up => {}
            FromClient::ReadyFor(claim) => self.ready_for(link, process, generation, claim, turn),
            FromClient::Serving(serving) => self.serving(link, process, serving, liveness, turn),
            FromClient::OnTakedown(OnTakedown { address }) => {
                self.handles_takedown(link, process, address, turn)
            }
            FromClient::Released(released) => self.released(process, released, turn),
            FromClient::Progress(progress) => self.drain_progress(process, &progress, turn),
            FromClient::ServerUp(_) => self.server_up(generation, turn),
            FromClient::Fail(fail) => self.fail(link, process, generation, fail, turn),
            FromClient::Ping(ping) => turn.send_last(link, FromArbiter::Pong(Pong { re: ping.id })),
            FromClient::Error(error) => self.takedown_failed(process, &error, turn),
            FromClient::Pong(_) => {}
            FromClient::Hello(_)
            | FromClient::Holding(_)
            | FromClient::TimedOut(_)
            | FromClient::Closed(_)
            | FromClient::Stop(_) => self.out_of_order(link, "server", turn),
        }
    }

    fn supervisor_sent(
        &mut self,
        link: ConnectionId,
        process: Process,
        generation: Generation,
        message: FromClient,
        turn: &mut Turn,
    ) {
        match message {
            FromClient::TimedOut(timed_out) => self.timed_out(link, generation, timed_out.id, turn),
            FromClient::Closed(Closed { address }) => self.closed(process, &address, turn),
            FromClient::Stop(_) => self.stop(process, generation, turn),
            FromClient::Ping(ping) => turn.send_last(link, FromArbiter::Pong(Pong { re: ping.id })),
            FromClient::Pong(_) | FromClient::Error(_) => {}
            FromClient::Hello(_)
            | FromClient::Holding(_)
            | FromClient::ReadyFor(_)
            | FromClient::Serving(_)
            | FromClient::OnTakedown(_)
            | FromClient::Released(_)
            | FromClient::Progress(_)
            | FromClient::ServerUp(_)
            | FromClient::Fail(_) => self.out_of_order(link, "supervisor", turn),
        }
    }

    fn observer_sent(&mut self, link: ConnectionId, message: FromClient, turn: &mut Turn) {
        match message {
            FromClient::Ping(ping) => turn.send_last(link, FromArbiter::Pong(Pong { re: ping.id })),
            FromClient::Pong(_) | FromClient::Error(_) => {}
            FromClient::Hello(_)
            | FromClient::Holding(_)
            | FromClient::ReadyFor(_)
            | FromClient::Serving(_)
            | FromClient::OnTakedown(_)
            | FromClient::Released(_)
            | FromClient::Progress(_)
            | FromClient::ServerUp(_)
            | FromClient::Fail(_)
            | FromClient::TimedOut(_)
            | FromClient::Closed(_)
            | FromClient::Stop(_) => self.out_of_order(link, "observer", turn),
        }
    }

    fn ready_for(
        &mut self,
        link: ConnectionId,
        process: Process,
        generation: Generation,
        claim: ReadyFor,
        turn: &mut Turn,
    ) {
        let ReadyFor { id, address, socket, more, provide } = claim;
        if let Some((code, message)) = self.objection(link, process, generation, &address, socket) {
            let error = Error { re: Some(id), code, message, fatal: false };
            return turn.send(link, FromArbiter::Error(error));
        }
        if let Some((code, message)) = self.overlap(&address) {
            let refused = Refused { process, generation, link, id, code, message };
            return self.send_refusal(refused, &address, turn);
        }
        if more && self.generation(generation).up == UpStatus::Implied {
            self.edit_generation(generation, turn, |state| state.up = UpStatus::Awaited);
        }
        let is_stand_in = self.servers.get(process).is_some_and(|server| server.stand_in().is_some());
        let provides = provide && is_stand_in && socket == SocketMode::Inherit;
        let stage = Stage::Claim(PendingClaim { link, id, socket, provides, waits_for: BTreeSet::new() });
        self.edit(&address, turn, |state| state.participate(process, generation, stage));
        let event = message::Event::about(EventKind::Claimed, generation, &address);
        self.notify(&event, [generation], turn);
        turn.touched.insert(address);
    }

    /// The generation that a connected client belongs to.
    pub fn generation_of_client(&self, link: ConnectionId) -> Option<Generation> {
        self.peers.get(link)?.generation
    }

    /// The connections of the supervisors of a generation.
    pub fn supervisors_of(&self, generation: Generation) -> Vec<ConnectionId> {
        self.peers.supervisors_of(generation).collect()
    }

    /// Why a claim is refused at once, whatever anybody else does.
    fn objection(
        &self,
        link: ConnectionId,
        process: Process,
        generation: Generation,
        address: &Address,
        socket: SocketMode,
    ) -> Option<(Code, String)> {
        if socket == SocketMode::Inherit && !address.has_socket() {
            let message = format!("`{address}` is a name without a socket: claim it with `bind`");
            return Some((Code::NotInheritable, message));
        }
        if self.peers.get(link).is_some_and(|peer| peer.intent == Intent::GiveUp) {
            return Some((Code::Withdrawn, "the server sent `fail`".to_owned()));
        }
        let has_it = |participant: &Participant| participant.is_active() || participant.is_taking_down();
        let state = self.address(address);
        let is_expected = state.expected.contains_key(&process);
        if is_expected || state.participants.get(&process).is_some_and(has_it) {
            return Some((Code::AlreadyClaimed, format!("this server claims or holds `{address}` already")));
        }
        if matches!(self.generation(generation).supervisor, SupervisorPresence::Stopping(_)) {
            return Some((Code::Stopping, "the supervisor was asked to stop".to_owned()));
        }
        if self.is_late(process, generation) {
            return Some(state.refusal_of_late(generation, address));
        }
        if self.index.count_of(process) >= ADDRESSES_PER_SERVER_MAX {
            let message = format!(
                "one server may claim and hold {ADDRESSES_PER_SERVER_MAX} addresses, and has as many"
            );
            return Some((Code::Exhausted, message));
        }
        None
    }

    /// The kernel would bind no socket for the address. Refused whatever its mode, and within one generation too:
    /// else no later one could have both.
    pub(super) fn overlap(&self, address: &Address) -> Option<(Code, String)> {
        let other = self.index.overlapping(address).next()?;
        let occupant = self.address(other).occupant()?;
        let message =
            format!("`{address}` overlaps `{other}`, which pid {} has in this directory", occupant.pid);
        Some((Code::AddressOverlaps, message))
    }

    /// A `serving` of a process that is dead by now is ignored (N4). The driver has checked the listener that is
    /// attached.
    fn serving(
        &mut self,
        link: ConnectionId,
        process: Process,
        serving: Serving,
        liveness: Liveness,
        turn: &mut Turn,
    ) {
        let Serving { address, fds } = serving;
        let address = &address;
        match liveness {
            Liveness::Dead => return,
            Liveness::Alive => {}
        }
        let state = self.address(address);
        let expected = state.expected.get(&process);
        let recorded = expected.and_then(|expected| Some((expected.generation, expected.recorded_stage()?)));
        let present = state.participants.get(&process);
        let present = present.map(|participant| (participant.generation, participant.stage.clone()));
        let (generation, socket, provided) = match present.or(recorded) {
            Some((generation, Stage::Granted { socket, .. })) => (generation, socket, Attached::Nothing),
            Some((_, Stage::Providing { .. })) if fds.is_empty() => {
                let message = format!("`serving`: the listener of `{address}` is not attached");
                return self.fatal(link, Code::InvalidMessage, message, turn);
            }
            Some((generation, Stage::Providing { .. })) => {
                (generation, SocketMode::Inherit, Attached::Listener)
            }
            Some(_) | None => return,
        };
        let now = turn.now;
        let stage = self.begins_to_serve(&state, generation, socket, now);
        self.edit(address, turn, |state| {
            match provided {
                Attached::Listener => state.listener_arrives(),
                Attached::Nothing => {}
            }
            match state.expected.get_mut(&process) {
                // Its listener is being looked for: it will count as if it had been recorded so.
                Some(expected) => expected.begins_to_serve(&stage, now),
                None => state.participate(process, generation, stage),
            }
        });
        turn.touched.insert(address.clone());
    }

    fn handles_takedown(&mut self, link: ConnectionId, process: Process, address: Address, turn: &mut Turn) {
        let Some(server) = self.servers.get_mut(process) else {
            return;
        };
        if server.handlers.contains(&address) {
            return;
        }
        if server.handlers.size() >= ADDRESSES_PER_SERVER_MAX {
            let message = format!("one server may handle {ADDRESSES_PER_SERVER_MAX} takedowns");
            return self.fatal(link, Code::Exhausted, message, turn);
        }
        server.handlers.insert_mut(address.clone());
        let state = self.address(&address);
        let participant = state.participants.get(&process);
        if participant.is_some_and(Participant::occupies) || state.expected.contains_key(&process) {
            turn.changes.addresses.insert(address.clone());
        }
        if participant.is_some_and(Participant::is_taking_down) {
            self.resume_drain(&address, process, turn);
            turn.touched.insert(address);
        }
    }

    fn released(&mut self, process: Process, released: Released, turn: &mut Turn) {
        let Released { re, address } = released;
        let state = self.address(&address);
        if let Some(expected) = state.expected.get(&process).filter(|_| re.is_none()) {
            let (generation, served) = (expected.generation, expected.served());
            let stage = Stage::Released { takedown: None, served, since: turn.now };
            self.edit(&address, turn, |state| {
                state.expected.remove(&process);
                state.participate(process, generation, stage);
            });
            turn.touched.insert(address);
            return;
        }
        let Some(participant) = state.participants.get(&process) else {
            return;
        };
        // With `re` it answers one takedown and means nothing else: the claim or the grant of
        // the moment may be a later one, when the two crossed.
        if re.is_some_and(|re| !participant.stage.is_about_takedown(re)) {
            return;
        }
        match participant.stage {
            Stage::Claim(_) => {
                let message = format!("the server withdrew its claim on `{address}`");
                self.edit(&address, turn, |state| state.refuse(process, Code::Withdrawn, message));
            }
            Stage::Granted { .. }
            | Stage::Providing { .. }
            | Stage::Probation { .. }
            | Stage::Serving { .. }
            | Stage::TakingDown(_) => {
                let (generation, served) = (participant.generation, participant.served());
                let stage = Stage::Released { takedown: re, served, since: turn.now };
                self.edit(&address, turn, |state| state.participate(process, generation, stage));
            }
            Stage::Released { .. } => {}
        }
        turn.touched.insert(address);
    }

    fn drain_progress(&mut self, process: Process, progress: &Progress, turn: &mut Turn) {
        let Some(server) = self.servers.get_mut(process) else {
            return;
        };
        if progress.connections.is_some() {
            server.connections = progress.connections;
        }
        server.cut = server.cut.max(progress.cut);
        let is_recorded = |at: Duration| at + CONNECTIONS_RECORDED_EVERY > turn.now;
        let is_to_be_recorded =
            progress.connections.is_some() && !server.connections_recorded.is_some_and(is_recorded);
        let about = server.takedowns.get(&progress.re).cloned();
        if let Some(extend) = progress.extend_ms {
            self.extend_drain(about.as_ref(), process, Duration::from_millis(extend), turn);
        }
        let Some(address) = about else {
            return;
        };
        let state = self.address(&address);
        let stage = state.participants.get(&process).map(|participant| &participant.stage);
        if !stage.is_some_and(|stage| stage.is_about_takedown(progress.re)) {
            return;
        }
        self.notify_draining(&address, process, turn);
        if is_to_be_recorded && let Some(server) = self.servers.get_mut(process) {
            server.connections_recorded = Some(turn.now);
            turn.changes.addresses.insert(address);
        }
    }

    pub(super) fn server_up(&mut self, generation: Generation, turn: &mut Turn) {
        match self.generation(generation).up {
            UpStatus::Implied | UpStatus::Awaited => {
                self.edit_generation(generation, turn, |state| state.up = UpStatus::Announced);
            }
            UpStatus::Announced | UpStatus::Yes => {}
        }
    }

    /// The server gives up: its claims and its probations end, and its supervisor ends it.
    fn fail(
        &mut self,
        link: ConnectionId,
        process: Process,
        generation: Generation,
        fail: Fail,
        turn: &mut Turn,
    ) {
        if let Some(peer) = self.peers.get_mut(link) {
            peer.intent = Intent::GiveUp;
        }
        let event = message::Event {
            pid: Some(process.pid),
            message: Some(fail.reason),
            ..message::Event::new(EventKind::Failed, generation)
        };
        self.notify_own(generation, &event, turn);
        self.end_if_abandoned(generation, turn);
        turn.touched.extend(self.index.addresses_of(process));
    }

    /// A server that answers a takedown with an error will not release the address by itself.
    fn takedown_failed(&mut self, process: Process, error: &Error, turn: &mut Turn) {
        // Of a server with a stand-in, the signal has its time.
        let server = self.servers.get(process).filter(|server| server.stand_in().is_none());
        let takedowns = server.map(|server| &server.takedowns);
        let Some((re, address)) = error.re.and_then(|re| Some((re, takedowns?.get(&re)?.clone()))) else {
            return;
        };
        let state = self.address(&address);
        let is_under_way = state.participants.get(&process).is_some_and(|participant| {
            participant.is_taking_down() && participant.stage.is_about_takedown(re)
        });
        if is_under_way {
            self.end_now(process, turn);
        }
    }

    fn closed(&mut self, process: Process, address: &Address, turn: &mut Turn) {
        self.edit(address, turn, |state| state.keepers.remove(&process));
        turn.touched.insert(address.clone());
    }

    /// Everything of a generation is taken down; its supervisor owns nothing from now on.
    fn stop(&mut self, supervisor: Process, generation: Generation, turn: &mut Turn) {
        self.edit_generation(generation, turn, |state| {
            state.supervisor = SupervisorPresence::Stopping(supervisor)
        });
        let owned = self.index.addresses_of(supervisor);
        for address in &owned {
            self.edit(address, turn, |state| state.owners.remove(&supervisor));
        }
        turn.touched.extend(owned);
        turn.touched.extend(self.index.addresses_of_generation(generation));
    }

    fn is_fresh(&mut self, link: ConnectionId, id: u64) -> bool {
        let Some(peer) = self.peers.get_mut(link) else {
            return false;
        };
        let fresh = id > peer.last_id;
        peer.last_id = peer.last_id.max(id);
        fresh
    }

    fn out_of_order(&mut self, link: ConnectionId, role: &str, turn: &mut Turn) {
        self.fatal(link, Code::OutOfOrder, format!("a {role} may not say this now"), turn);
    }

    /// The connection is over at once: what else came with the fault is ignored.
    fn fatal(&mut self, link: ConnectionId, code: Code, message: String, turn: &mut Turn) {
        self.connection_ended(link, turn);
        turn.disconnect(link, Some(FromArbiter::Error(Error { re: None, code, message, fatal: true })));
    }
}

/// Whether it is the last message of its connection.
fn is_fatal(message: &FromClient) -> bool {
    matches!(message, FromClient::Error(error) if error.fatal)
}

/// The `id` of a message that is owed a reply.
fn request_id(message: &FromClient) -> Option<u64> {
    match message {
        FromClient::Hello(hello) => Some(hello.id),
        FromClient::ReadyFor(claim) => Some(claim.id),
        FromClient::TimedOut(timed_out) => Some(timed_out.id),
        FromClient::Ping(ping) => Some(ping.id),
        FromClient::Holding(_)
        | FromClient::Serving(_)
        | FromClient::OnTakedown(_)
        | FromClient::Released(_)
        | FromClient::Progress(_)
        | FromClient::ServerUp(_)
        | FromClient::Fail(_)
        | FromClient::Closed(_)
        | FromClient::Stop(_)
        | FromClient::Pong(_)
        | FromClient::Error(_) => None,
    }
}
