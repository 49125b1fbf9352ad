//! One turn, as `src/runtime/arbiter/mod.rs` does it: what is read together is handled together, the
//! state is written before anything is said, and the kernel's answers come in a later turn.

use std::collections::BTreeSet;

use serverswap::protocol::message::Code;
use serverswap::protocol::{Address, Generation};
use serverswap::sys::process::Process;
use serverswap_cli::arbiter::{
    Arbiter, ArbiterAction, ArbiterEvent, Changed, ConnectionId, Fetched, Liveness, Turn,
};
use serverswap_cli::state::Snapshot;

use super::story::Story;

impl Story<'_> {
    /// Everything that was read is handled, written, and said; what is asked is answered, now or later.
    pub(super) fn turn(&mut self) {
        loop {
            self.decide_and_act();
            if self.answers.is_empty() || self.choices.once_in(4) {
                return;
            }
            self.read.append(&mut self.answers);
        }
    }

    /// What is still to be answered.
    pub(super) fn answer_everything(&mut self) {
        while !self.answers.is_empty() {
            self.read.append(&mut self.answers);
            self.decide_and_act();
        }
    }

    fn decide_and_act(&mut self) {
        let (next, turn) = self.decide();
        self.write(&next, &turn);
        self.arbiter = next;
        self.read.clear();
        for action in turn.actions {
            match self.answer(&action) {
                Some(answer) => self.answers.push(answer),
                None => self.judge(action),
            }
        }
        let open: BTreeSet<ConnectionId> = self.programs.iter().filter_map(|one| one.link).collect();
        self.closed.extend((0..=self.next_link).map(ConnectionId).filter(|link| !open.contains(link)));
        self.asked.retain(|(link, _), _| open.contains(link));
    }

    pub(super) fn decide(&mut self) -> (Arbiter, Turn) {
        let mut next = self.arbiter.clone();
        let mut turn = Turn::new(self.now);
        next.handle(self.read.iter().cloned(), &mut turn);
        (next, turn)
    }

    /// R1: whatever was decided is in the file before it is sent.
    pub(super) fn write(&mut self, next: &Arbiter, turn: &Turn) {
        let snapshot = next.snapshot();
        match (turn.state_changed(), &self.written) {
            (Changed::Not, Some(written)) => is_in_the_file(written, &snapshot),
            (Changed::Not, None) => {}
            (Changed::State, _) => {
                self.file = snapshot.clone();
                self.written = Some(snapshot);
            }
        }
    }

    /// What the kernel says.
    fn answer(&mut self, question: &ArbiterAction) -> Option<ArbiterEvent> {
        match question.clone() {
            ArbiterAction::Open { address }
                if self.programs.iter().any(|one| one.has_socket_of(&address)) =>
            {
                let message = "somebody has it".to_owned();
                Some(if self.choices.once_in(2) {
                    let generations: Vec<Generation> =
                        self.programs.iter().map(|one| one.generation).collect();
                    let generation = *self.choices.one_of(&generations);
                    ArbiterEvent::HeldByAbsent { address, generation, holder: message }
                } else {
                    ArbiterEvent::Opened { address, result: Err((Code::AddressInUse, message)) }
                })
            }
            ArbiterAction::Open { address } => {
                let fails = self.choices.once_in(8);
                let result = if fails { Err((Code::Exhausted, "no descriptor".to_owned())) } else { Ok(()) };
                Some(ArbiterEvent::Opened { address, result })
            }
            ArbiterAction::Fetch { process, address } => {
                let mut holders = self.programs.iter().filter(|one| one.process == process);
                let has = holders.any(|one| one.has_listener_of(&address));
                let refuses = self.choices.once_in(8);
                if refuses {
                    self.judge.descriptors_are_hidden();
                }
                let found = match (refuses, has) {
                    (true, _) => Fetched::Refused,
                    (false, true) => Fetched::Found,
                    (false, false) => Fetched::Absent,
                };
                Some(ArbiterEvent::Fetched { process, address, found })
            }
            ArbiterAction::Poll { process, address } => {
                let is_alive = self.programs.iter().any(|one| one.process == process && one.is_alive());
                let liveness = if is_alive { Liveness::Alive } else { Liveness::Dead };
                Some(ArbiterEvent::Polled { process, address, liveness })
            }
            ArbiterAction::Look { generation, servers } => {
                let mut listening = servers;
                listening.retain(|(process, address)| {
                    let mut programs = self.programs.iter().filter(|one| one.process == *process);
                    programs.any(|one| one.has_listener_of(address)) && self.choices.once_in(2)
                });
                for (process, address) in &listening {
                    self.judge.serves(&process.pid, address);
                }
                Some(ArbiterEvent::Looked { generation, listening })
            }
            ArbiterAction::Send { .. }
            | ArbiterAction::Disconnect { .. }
            | ArbiterAction::KeepListener { .. }
            | ArbiterAction::CloseListener { .. }
            | ArbiterAction::Signal { .. }
            | ArbiterAction::SignalGeneration { .. } => None,
        }
    }
}

/// Who has what, and which events are still to be sent. A server that drains may be in the file for longer
/// than it drains.
fn is_in_the_file(written: &Snapshot, decided: &Snapshot) {
    let holds = |snapshot: &Snapshot| {
        let addresses = snapshot.addresses.iter();
        let held = addresses
            .map(|(address, record)| (address.clone(), record.holders.clone(), record.supervisors.clone()));
        let held: Vec<_> =
            held.filter(|(_, holders, supervisors)| !holders.is_empty() || !supervisors.is_empty()).collect();
        (held, snapshot.pending_events.clone())
    };
    assert_eq!(holds(written), holds(decided), "decided, and not written");
    let drains = |snapshot: &Snapshot| -> BTreeSet<(Address, Process)> {
        let addresses = snapshot.addresses.iter();
        addresses
            .flat_map(|(address, record)| record.draining.iter().map(|one| (address.clone(), one.process)))
            .collect()
    };
    assert!(drains(decided).is_subset(&drains(written)), "drains, and is not written");
}
