//! A story of one directory: servers and supervisors of three generations that say anything at
//! any moment, true about what they have; processes that die; arbiters that follow each other.
//!
//! The arbiter is the shipped one; `turn` drives it, and `judge` judges what it says.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use serverswap::protocol::message::{Form, Role, Timeouts};
use serverswap::protocol::{Address, Generation};
use serverswap::sys::process::Process;
use serverswap_cli::arbiter::{Arbiter, ArbiterEvent, ArbiterLimits, ClientHello, ConnectionId};
use serverswap_cli::state::{Snapshot, UnrecordedRecord};
use serverswap_protocol::trace::guarantees::Judge;

use super::choices::Choices;
use super::program::{Life, Program, Speaker};

/// Plays the story that the bytes tell.
///
/// # Panics
/// When the arbiter breaks a promise.
pub fn play(bytes: &[u8]) {
    let mut story = Story::new(bytes);
    while !story.choices.is_over() {
        story.step();
    }
    story.turn();
    story.answer_everything();
}

pub struct Story<'a> {
    pub(super) choices: Choices<'a>,
    pub(super) arbiter: Arbiter,
    pub(super) now: Duration,
    pub(super) programs: Vec<Program>,
    pub(super) addresses: Vec<Address>,
    /// What the state file says; `None` while it was written by the arbiter before.
    pub(super) written: Option<Snapshot>,
    pub(super) file: Snapshot,
    /// Read and not handled yet.
    pub(super) read: Vec<ArbiterEvent>,
    /// What the kernel has answered and the arbiter has not read.
    pub(super) answers: Vec<ArbiterEvent>,
    /// What is asked, by connection and `id`.
    pub(super) asked: BTreeMap<(ConnectionId, u64), Asked>,
    /// Connections that ended before this turn.
    pub(super) closed: BTreeSet<ConnectionId>,
    pub(super) takedown_ids: BTreeMap<ConnectionId, u64>,
    pub(super) judge: Judge<u32>,
    /// Whether the state file was ever lost: who had which duplicate was forgotten then.
    pub(super) lost: bool,
    /// How long the arbiter waits for those who ran when it took over.
    awaited_until: Duration,
    pub(super) next_link: u64,
    next_pid: u32,
}

/// A request that is owed a reply.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Asked {
    Hello,
    Claim(Address, serverswap::protocol::SocketMode),
    Verdict,
    Pong,
}

impl<'a> Story<'a> {
    fn new(bytes: &'a [u8]) -> Self {
        let mut story = Story {
            choices: Choices::new(bytes),
            arbiter: Arbiter::new(ArbiterLimits::default()),
            now: Duration::from_secs(1_000),
            programs: Vec::new(),
            addresses: [":1", ":2", "mailer"].map(|text| text.parse().expect("an address")).to_vec(),
            written: Some(Snapshot::default()),
            file: Snapshot::default(),
            read: Vec::new(),
            answers: Vec::new(),
            asked: BTreeMap::new(),
            closed: BTreeSet::new(),
            takedown_ids: BTreeMap::new(),
            judge: Judge::default(),
            lost: false,
            awaited_until: Duration::ZERO,
            next_link: 0,
            next_pid: 100,
        };
        for number in 1..=3 {
            let generation = Generation { start: number, pid: 1 };
            let form = *story.choices.one_of(&[Form::Leave, Form::Stay]);
            let programs = [
                (Role::Supervisor, Speaker::Itself),
                (Role::Server, Speaker::Itself),
                (Role::Server, Speaker::StandIn),
            ];
            for (role, speaker) in programs {
                let program = story.born(generation, role, form, speaker);
                story.programs.push(program);
            }
        }
        story
    }

    fn born(&mut self, generation: Generation, role: Role, form: Form, speaker: Speaker) -> Program {
        self.next_pid += 1;
        let start = u64::try_from(self.now.as_millis() / 10).expect("a short story");
        self.judge.appears(self.next_pid, generation);
        Program::new(Process { pid: self.next_pid, start }, generation, role, form, speaker)
    }

    fn step(&mut self) {
        let who = self.choices.below(self.programs.len());
        match self.choices.below(24) {
            0 => self.arrives(who),
            1 => self.connection_ends(who),
            2 => self.dies(who),
            3 => self.is_buried(who),
            4 => self.time_passes(),
            5 => self.follower_takes_over(),
            _ if self.programs[who].link.is_some() => {
                let event = self.say(who);
                self.read.push(event);
            }
            _ => self.arrives(who),
        }
        if !self.choices.once_in(4) {
            self.turn();
        }
    }

    fn arrives(&mut self, who: usize) {
        if !self.programs[who].is_alive() {
            return;
        }
        self.next_link += 1;
        let link = ConnectionId(self.next_link);
        // Without a state nobody knows that what it holds is inherited: it is taken down first.
        let may_be_minimal = self.programs[who].role == Role::Server && !self.lost;
        let is_minimal =
            self.choices.once_in(8) && may_be_minimal && self.programs[who].speaker == Speaker::Itself;
        let probation_ms = if self.choices.once_in(2) { 2_000 } else { 0 };
        let timeouts = self.choices.once_in(2).then_some(Timeouts {
            drain_ms: 3_000,
            kill_ms: 500,
            probation_ms,
            stream_ms: Some(9_000),
            ready_ms: Some(10_000),
        });
        let program = &mut self.programs[who];
        program.loses_connection();
        program.is_forgotten = false;
        self.judge.returns(&program.process.pid);
        (program.link, program.last_id) = (Some(link), 1);
        self.asked.insert((link, 1), Asked::Hello);
        let arrival = ClientHello {
            link,
            process: program.process,
            liveness: program.liveness(),
            id: 1,
            role: program.role,
            generation: Some(program.generation),
            holding: program.holding(is_minimal),
            draining: program.draining.iter().cloned().collect(),
            form: Some(program.form),
            timeouts,
            stand_in: program.stand_in(),
        };
        self.read.push(ArbiterEvent::Hello(arrival));
    }

    fn connection_ends(&mut self, who: usize) {
        if let Some(link) = self.programs[who].link {
            self.programs[who].loses_connection();
            self.read.push(ArbiterEvent::Disconnected { link });
        }
    }

    /// What it had is nobody's; what it has sent is still read.
    fn dies(&mut self, who: usize) {
        self.programs[who].dies();
        self.judge.holds_only(&self.programs[who].process.pid, &BTreeSet::new());
    }

    /// The end of a dead one is noticed, and another one takes its place.
    fn is_buried(&mut self, who: usize) {
        if self.programs[who].life != Life::Dead {
            return;
        }
        self.connection_ends(who);
        let Program { process, generation, role, form, speaker, .. } = self.programs[who];
        self.judge.ends(&process.pid);
        self.read.push(ArbiterEvent::Gone { process, remains: Default::default() });
        // Where the generation is not up, nobody else will ask whether its server is late.
        if role == Role::Supervisor {
            self.judge.may_stop(generation);
        }
        self.programs[who] = self.born(generation, role, form, speaker);
    }

    /// Until the next deadline, or some time.
    fn time_passes(&mut self) {
        self.turn();
        let some = Duration::from_millis(250 << self.choices.below(8));
        let deadline = self.arbiter.deadline().filter(|_| self.choices.once_in(2));
        self.now = self.now.max(deadline.unwrap_or(self.now + some));
        self.read.push(ArbiterEvent::Tick);
        if self.now >= self.awaited_until {
            let forgotten = self.programs.iter().filter(|one| one.is_forgotten);
            forgotten.for_each(|one| self.judge.does_not_return(&one.process.pid));
        }
        self.turn();
        assert!(self.arbiter.deadline().is_none_or(|next| next > self.now), "the arbiter waits for the past");
    }

    /// What the next arbiter knows then is who runs.
    fn lose_the_file(&mut self) {
        let servers = self.programs.iter_mut().filter(|one| one.is_alive() && one.role == Role::Server);
        let record = |one: &mut Program| {
            one.is_forgotten = true;
            UnrecordedRecord { process: one.process, generation: one.generation }
        };
        self.file = Snapshot { unrecorded: servers.map(record).collect(), ..Snapshot::default() };
        self.lost = true;
        self.judge.state_is_lost();
    }

    /// The arbiter ends, perhaps between the write of its state and what it was to say then.
    fn follower_takes_over(&mut self) {
        if self.choices.once_in(2) {
            let (next, turn) = self.decide();
            self.write(&next, &turn);
        } else {
            self.turn();
        }
        self.read.clear();
        self.answers.clear();
        if self.choices.once_in(8) {
            self.lose_the_file();
        }
        let text = serde_json::to_vec(&self.file).expect("a snapshot is JSON");
        let snapshot: Snapshot = serde_json::from_slice(&text).expect("what was written is readable");
        assert_eq!(snapshot, self.file);
        let named = snapshot.processes();
        let alive = self.programs.iter().filter(|one| one.is_alive() && named.contains(&one.process));
        let alive = alive.map(|one| one.process).collect();
        self.arbiter =
            Arbiter::recover(ArbiterLimits::default(), &snapshot, &alive, &Default::default(), self.now);
        self.awaited_until = self.now + ArbiterLimits::default().recover_wait;
        self.written = None;
        for who in 0..self.programs.len() {
            self.programs[who].loses_connection();
            if !self.programs[who].is_alive() {
                self.is_buried(who);
            }
        }
        self.closed.extend((0..=self.next_link).map(ConnectionId));
        self.asked.clear();
    }
}
