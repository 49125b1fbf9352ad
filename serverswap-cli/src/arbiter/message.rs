//! What a negotiated client says, and what it changes at once. What follows from it is
//! decided afterwards, once for everything that was read together.

use serverswap::protocol::message::{
    self, Closed, Code, Error, EventKind, Fail, FromArbiter, FromClient, OnTakedown, Pong, Progress,
    ReadyFor, Released, Role, Serving, TakedownReason,
};
use serverswap::protocol::{Address, Generation, SocketMode};
use serverswap::sys::process::Process;

use super::slot::{Claim, Party, Slot, Stage, Told};
use super::{Action, Arbiter, Link, Liveness, Supervision, Turn, Up};

/// Most addresses that one server may claim and hold at a time, and most whose takedown it
/// may handle: every one costs a place in the state file, which is written whole.
const ADDRESSES_PER_SERVER_MAX: usize = 4_096;

impl Arbiter {
    pub(super) fn said(&mut self, link: Link, message: FromClient, liveness: Liveness, turn: &mut Turn) {
        let Some(peer) = self.peers.get(&link) else {
            return;
        };
        let (process, role, generation) = (peer.process, peer.role, peer.generation);
        if let Some(id) = request_id(&message)
            && !self.is_fresh(link, id)
        {
            let message = format!("`id` {id} is not greater than the one before");
            return self.fatal(link, Code::IdReused, message, turn);
        }
        match (role, generation) {
            (Role::Server, Some(generation)) => {
                self.server_said(link, process, generation, message, liveness, turn);
            }
            (Role::Supervisor, Some(generation)) => {
                self.supervisor_said(link, process, generation, message, turn);
            }
            (Role::Observer | Role::Server | Role::Supervisor, _) => {
                self.observer_said(link, message, turn);
            }
        }
    }

    fn server_said(
        &mut self,
        link: Link,
        process: Process,
        generation: Generation,
        message: FromClient,
        liveness: Liveness,
        turn: &mut Turn,
    ) {
        match message {
            FromClient::ReadyFor(claim) => self.ready_for(link, process, generation, claim, turn),
            FromClient::Serving(Serving { address }) => self.serving(process, &address, liveness, turn),
            FromClient::OnTakedown(OnTakedown { address }) => self.handles(link, process, address, turn),
            FromClient::Released(released) => self.released(process, released, turn),
            FromClient::Progress(progress) => self.drain_progress(process, &progress, turn),
            FromClient::ServerUp(_) => self.server_up(generation, turn),
            FromClient::Fail(fail) => self.fail(process, generation, fail, turn),
            FromClient::Ping(ping) => turn.send(link, FromArbiter::Pong(Pong { re: ping.id })),
            FromClient::Error(error) => self.takedown_failed(process, &error, turn),
            FromClient::Pong(_) => {}
            FromClient::Hello(_)
            | FromClient::Holding(_)
            | FromClient::TimedOut(_)
            | FromClient::Closed(_)
            | FromClient::Stop(_) => self.out_of_order(link, "server", turn),
        }
    }

    fn supervisor_said(
        &mut self,
        link: Link,
        process: Process,
        generation: Generation,
        message: FromClient,
        turn: &mut Turn,
    ) {
        match message {
            FromClient::TimedOut(timed_out) => self.timed_out(link, generation, timed_out.id, turn),
            FromClient::Closed(Closed { address }) => self.closed(process, &address, turn),
            FromClient::Stop(_) => self.stop(process, generation, turn),
            FromClient::Ping(ping) => turn.send(link, FromArbiter::Pong(Pong { re: ping.id })),
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

    fn observer_said(&mut self, link: Link, message: FromClient, turn: &mut Turn) {
        match message {
            FromClient::Ping(ping) => turn.send(link, FromArbiter::Pong(Pong { re: ping.id })),
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
        link: Link,
        process: Process,
        generation: Generation,
        claim: ReadyFor,
        turn: &mut Turn,
    ) {
        let ReadyFor { id, address, socket, more } = claim;
        let refuse = |code, message: String, turn: &mut Turn| {
            turn.send(link, FromArbiter::Error(Error { re: Some(id), code, message, fatal: false }));
        };
        if socket == SocketMode::Inherit && !address.has_socket() {
            let message = format!("`{address}` is a name without a socket: claim it with `bind`");
            return refuse(Code::NotInheritable, message, turn);
        }
        let holds = |party: &Party| party.is_active() || party.is_taking();
        if self.slot(&address).parties.get(&process).is_some_and(holds) {
            return refuse(
                Code::AlreadyClaimed,
                format!("this server claims or holds `{address}` already"),
                turn,
            );
        }
        if matches!(self.progress(generation).supervision, Supervision::Stopping(_)) {
            return refuse(Code::Stopping, "the supervisor was asked to stop".to_owned(), turn);
        }
        if self.is_condemned(process, generation) {
            return refuse(
                Code::Stopping,
                "the server was not up in time and is being ended".to_owned(),
                turn,
            );
        }
        if self.has_as_many_as_it_may(process) {
            let message = format!(
                "one server may claim and hold {ADDRESSES_PER_SERVER_MAX} addresses, and has as many"
            );
            return refuse(Code::Exhausted, message, turn);
        }
        if more {
            let progress = self.progress(generation);
            if progress.up == Up::Implied {
                progress.up = Up::Awaited;
                turn.changed();
            }
        }
        let stage = Stage::Claim(Claim { id, socket, told: Told::Not });
        self.slot_mut(&address).parties.insert(process, Party { generation, stage });
        let event = message::Event::about(EventKind::Claimed, generation, &address);
        self.tell_supervisors_of(generation, &event, turn);
        turn.touched.insert(address);
    }

    fn serving(&mut self, process: Process, address: &Address, liveness: Liveness, turn: &mut Turn) {
        let Some(party) = self.slot(address).parties.get(&process).cloned() else {
            return;
        };
        let Stage::Granted { socket, .. } = party.stage else {
            return;
        };
        match liveness {
            Liveness::Dead => {}
            Liveness::Alive => {
                let stage = self.begins_to_serve(address, party.generation, socket, turn.now);
                let party = Party { generation: party.generation, stage };
                let is_for_good = party.serves();
                let generation = party.generation;
                self.slot_mut(address).parties.insert(process, party);
                if is_for_good {
                    self.takes_over(address, generation, turn);
                }
                turn.touched.insert(address.clone());
                turn.changed();
            }
        }
    }

    fn has_as_many_as_it_may(&self, process: Process) -> bool {
        // Cheap for everybody else: it is counted when there are as many addresses at all.
        self.slots.len() >= ADDRESSES_PER_SERVER_MAX
            && self.addresses_of(process).len() >= ADDRESSES_PER_SERVER_MAX
    }

    fn handles(&mut self, link: Link, process: Process, address: Address, turn: &mut Turn) {
        let Some(server) = self.servers.get_mut(&process) else {
            return;
        };
        if server.handlers.len() >= ADDRESSES_PER_SERVER_MAX && !server.handlers.contains(&address) {
            let message = format!("one server may handle {ADDRESSES_PER_SERVER_MAX} takedowns");
            return self.fatal(link, Code::Exhausted, message, turn);
        }
        let is_new = server.handlers.insert(address.clone());
        let is_taken = self.slot(&address).parties.get(&process).is_some_and(Party::is_taking);
        if is_new && is_taken {
            self.resume_drain(process, turn);
            self.send_takedown(&address, process, turn);
        }
    }

    fn released(&mut self, process: Process, released: Released, turn: &mut Turn) {
        let address = released.address;
        let Some(party) = self.slot(&address).parties.get(&process).cloned() else {
            return;
        };
        // With `re` it answers one takedown and means nothing else: the claim or the grant of
        // the moment may be a later one, when the two crossed.
        if released.re.is_some_and(|re| !party.stage.is_about_takedown(re)) {
            return;
        }
        match party.stage {
            Stage::Claim(_) => {
                let message = format!("the server withdrew its claim on `{address}`");
                self.refuse_claim(&address, process, Code::Withdrawn, message, turn);
            }
            Stage::Granted { .. } | Stage::Trial { .. } | Stage::Hold { .. } | Stage::Taking(_) => {
                let served = party.served();
                let stage = Stage::Released { takedown: released.re, served, since: turn.now };
                let party = Party { generation: party.generation, stage };
                self.slot_mut(&address).parties.insert(process, party);
                turn.changed();
            }
            Stage::Released { .. } => {}
        }
        turn.touched.insert(address);
    }

    fn drain_progress(&mut self, process: Process, progress: &Progress, turn: &mut Turn) {
        if let Some(extend) = progress.extend_ms {
            self.extend_drain(process, std::time::Duration::from_millis(extend), turn);
        }
        let Some(server) = self.servers.get_mut(&process) else {
            return;
        };
        if progress.connections.is_some() {
            server.connections = progress.connections;
        }
        let address = self.slots.iter().find_map(|(address, slot)| {
            let stage = &slot.parties.get(&process)?.stage;
            stage.is_about_takedown(progress.re).then(|| address.clone())
        });
        if let Some(address) = address {
            self.tell_draining(&address, process, turn);
            turn.changed();
        }
    }

    fn server_up(&mut self, generation: Generation, turn: &mut Turn) {
        let progress = self.progress(generation);
        match progress.up {
            Up::Implied | Up::Awaited => {
                progress.up = Up::Said;
                turn.changed();
            }
            Up::Said | Up::Yes => {}
        }
    }

    /// The server gives up: its claims and its probations end, and its supervisor ends it.
    fn fail(&mut self, process: Process, generation: Generation, fail: Fail, turn: &mut Turn) {
        let event = message::Event {
            pid: Some(process.pid),
            message: Some(fail.reason),
            ..message::Event::new(EventKind::Failed, generation)
        };
        self.tell_supervisors_of(generation, &event, turn);
        for address in self.addresses_of(process) {
            let message = "the server said `fail`".to_owned();
            self.refuse_claim(&address, process, Code::Withdrawn, message, turn);
            self.give_up_probation(&address, process, turn);
            turn.touched.insert(address);
        }
    }

    /// A server that answers a takedown with an error will not let go by itself.
    fn takedown_failed(&mut self, process: Process, error: &Error, turn: &mut Turn) {
        let Some(re) = error.re else {
            return;
        };
        let is_answered = |slot: &Slot| {
            slot.parties
                .get(&process)
                .is_some_and(|party| party.is_taking() && party.stage.is_about_takedown(re))
        };
        if self.slots.values().any(|slot| is_answered(slot)) {
            self.end_now(process, turn);
        }
    }

    fn closed(&mut self, process: Process, address: &Address, turn: &mut Turn) {
        let slot = self.slot_mut(address);
        if slot.keepers.remove(&process).is_some() {
            turn.changed();
        }
        turn.touched.insert(address.clone());
    }

    /// Takes down everything of a generation; its supervisor owns nothing from now on.
    fn stop(&mut self, supervisor: Process, generation: Generation, turn: &mut Turn) {
        self.progress(generation).supervision = Supervision::Stopping(supervisor);
        let addresses: Vec<Address> = self.slots.keys().cloned().collect();
        for address in addresses {
            let slot = self.slot(&address);
            let owns = slot.owners.contains_key(&supervisor);
            if !owns && !slot.parties.values().any(|party| party.generation == generation) {
                continue;
            }
            self.slot_mut(&address).owners.remove(&supervisor);
            for process in slot.processes(|party| party.generation == generation && party.claim().is_some()) {
                let message = "the supervisor was asked to stop".to_owned();
                self.refuse_claim(&address, process, Code::Stopping, message, turn);
            }
            self.take_down(&address, turn, TakedownReason::Stopping, |of| of == generation);
            turn.touched.insert(address);
            turn.changed();
        }
    }

    fn is_fresh(&mut self, link: Link, id: u64) -> bool {
        let Some(peer) = self.peers.get_mut(&link) else {
            return false;
        };
        let fresh = id > peer.last_id;
        peer.last_id = peer.last_id.max(id);
        fresh
    }

    fn out_of_order(&mut self, link: Link, role: &str, turn: &mut Turn) {
        self.fatal(link, Code::OutOfOrder, format!("a {role} may not say this now"), turn);
    }

    /// The connection is over at once: what else came with the fault is not heard any more.
    fn fatal(&mut self, link: Link, code: Code, message: String, turn: &mut Turn) {
        turn.send(link, FromArbiter::Error(Error { re: None, code, message, fatal: true }));
        self.unlink(link, turn);
        turn.actions.push(Action::Disconnect { link });
    }
}

impl Stage {
    /// Whether this is the takedown with that `id`, under way or answered.
    fn is_about_takedown(&self, id: u64) -> bool {
        match self {
            Stage::Taking(taking) => taking.message == Some(id),
            Stage::Released { takedown, .. } => *takedown == Some(id),
            Stage::Claim(_) | Stage::Granted { .. } | Stage::Trial { .. } | Stage::Hold { .. } => false,
        }
    }
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
