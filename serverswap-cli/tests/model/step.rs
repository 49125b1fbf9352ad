//! What may happen next, and its happening.

use std::time::Duration;

use serverswap::protocol::Address;
use serverswap_cli::supervisor::ServerExit;

use super::arbiter_process::{Cut, Done};
use super::fault::Seeded;
use super::seal::Seal;
use super::server::{Doing, Life, Server, Watch, Will};
use super::setup::Allowed;
use super::supervision::Link;
use super::wire::{End, Wire};
use super::world::{Broken, Lock, World};

/// One thing that happens to one process, or to the machine.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Step {
    /// The kernel frees the lock of a process that has ended.
    Unlock,
    /// A supervisor without a connection tries the lock, and connects.
    Look(usize),
    Hear(usize),
    Reap(usize),
    Boot(u32),
    Receive(u32),
    Notice(u32),
    Serve(u32, Address),
    Release(u32, Address),
    /// A server that has nothing left exits.
    Leave(u32),
    /// A server that has given up and serves nobody exits.
    Quit(u32),
    /// The arbiter reads a line, or an end.
    Deliver(u64),
    /// The arbiter reads everything that lies there, in one turn.
    DeliverEverything,
    /// A pidfd notifies the arbiter that a process has ended.
    Bury(u32),
    /// The arbiter gets an answer of the kernel.
    Answer,
    /// Somebody whose deadline has come.
    Due(Who),
    /// Nothing else can happen, and the next deadline comes.
    Pass,
    /// A fault: kill -9.
    Kill(u32),
    /// A fault: the arbiter is killed within the turn.
    DeliverCut(u64, usize),
    BuryCut(u32, usize),
    /// A fault: the machine stands still until this deadline has passed.
    Stall(Who),
    /// TERM to a supervisor.
    Stop(usize),
    /// A fault: a connection ends, and both its ends live on.
    Drop(u64, Closes, Unread),
    /// A server says `fail`.
    Fail(u32),
}

/// Who closes a connection. What it has not read is lost.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Closes {
    Arbiter,
    Client,
}

/// What becomes of that which it had said and the other has not read: the kernel delivers what
/// was written before the close, and not what still lay in a buffer of the process.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Unread {
    Arrives,
    IsLost,
}

/// Who has deadlines.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Who {
    Arbiter,
    Supervisor(usize),
    Server(u32),
}

/// Deepest cut: after the write and so many actions.
const CUTS: usize = 3;

impl World {
    /// What can happen without a fault; the passing of time only if nothing else can.
    pub fn steps(&self) -> Vec<Step> {
        let mut steps = Vec::new();
        self.steps_of_the_kernel(&mut steps);
        self.steps_of_supervisors(&mut steps);
        self.steps_of_servers(&mut steps);
        steps.extend(self.due().map(Step::Due));
        if steps.is_empty() && self.next_deadline().is_some() {
            steps.push(Step::Pass);
        }
        steps
    }

    /// What can go wrong.
    pub fn faults(&self) -> Vec<Step> {
        let mut steps = Vec::new();
        if self.faults_left == 0 {
            return steps;
        }
        let faults = self.setup.faults;
        if faults.kills == Allowed::Yes {
            steps.extend(self.living().map(Step::Kill));
            let readable = self.wires.iter().filter(|(_, wire)| wire.is_readable_above());
            steps.extend(readable.flat_map(|(id, _)| (0..CUTS).map(|cut| Step::DeliverCut(*id, cut))));
            let unburied = self.unburied().into_iter();
            steps.extend(unburied.flat_map(|pid| (0..CUTS).map(move |cut| Step::BuryCut(pid, cut))));
        }
        if faults.stalls == Allowed::Yes {
            let later = self.deadlines().into_iter().filter(|(_, at)| *at > self.now);
            steps.extend(later.map(|(who, _)| Step::Stall(who)));
        }
        if faults.stops == Allowed::Yes {
            let running = self.supervisors.iter().take(self.launched).filter(|one| one.is_alive());
            steps.extend(running.map(|one| Step::Stop(one.index)));
        }
        if faults.drops == Allowed::Yes {
            steps.extend(self.drops());
        }
        if faults.fails == Allowed::Yes {
            let goes_on = |server: &Server| {
                server.program().is_some_and(|program| program.will == Will::GoesOn) && !server.is_done()
            };
            let failing = self.servers.iter().filter(|(_, server)| goes_on(server));
            steps.extend(failing.map(|(pid, _)| Step::Fail(*pid)));
        }
        steps
    }

    fn drops(&self) -> Vec<Step> {
        let lives = |wire: &Wire| wire.client_end == End::Open && wire.arbiter_end == End::Open;
        let mut steps = Vec::new();
        for (id, wire) in self.wires.iter().filter(|(_, wire)| lives(wire)) {
            for (closes, said) in [(Closes::Arbiter, wire.down.len()), (Closes::Client, wire.up.len())] {
                steps.push(Step::Drop(*id, closes, Unread::Arrives));
                if said > 0 {
                    steps.push(Step::Drop(*id, closes, Unread::IsLost));
                }
            }
        }
        steps
    }

    fn steps_of_the_kernel(&self, steps: &mut Vec<Step>) {
        if self.lock == Lock::Ending {
            steps.push(Step::Unlock);
        }
        let readable = self.wires.iter().filter(|(_, wire)| wire.is_readable_above());
        let readable: Vec<u64> = readable.map(|(id, _)| *id).collect();
        steps.extend(readable.iter().map(|id| Step::Deliver(*id)));
        if readable.len() > 1 {
            steps.push(Step::DeliverEverything);
        }
        steps.extend(self.unburied().into_iter().map(Step::Bury));
        if self.arbiter_process.as_ref().is_some_and(|arbiter_process| !arbiter_process.answers.is_empty()) {
            steps.push(Step::Answer);
        }
    }

    fn steps_of_supervisors(&self, steps: &mut Vec<Step>) {
        for supervisor in self.supervisors.iter().take(self.launched).filter(|one| one.is_alive()) {
            let index = supervisor.index;
            match supervisor.link {
                Link::Down => {
                    let in_vain = self.setup.seeded == Seeded::LockTriedOnce && self.lock == Lock::Ending;
                    if self.lock == Lock::Free || self.arbiter_process.is_some() || in_vain {
                        steps.push(Step::Look(index));
                    }
                }
                Link::GivenUp => {}
                Link::Greeted(id) | Link::Up(id) => {
                    if self.wires.get(&id).is_some_and(|wire| wire.is_readable_below()) {
                        steps.push(Step::Hear(index));
                    }
                }
            }
            if self.unreaped(supervisor).is_some() {
                steps.push(Step::Reap(index));
            }
        }
    }

    fn steps_of_servers(&self, steps: &mut Vec<Step>) {
        for (pid, server) in &self.servers {
            let program = match &server.life {
                Life::Booting => {
                    steps.push(Step::Boot(*pid));
                    continue;
                }
                Life::Ended(_) => continue,
                Life::Running(program) => program,
            };
            let wire = program.wire.and_then(|id| self.wires.get(&id));
            if wire.is_some_and(|wire| wire.is_readable_below()) {
                steps.push(Step::Receive(*pid));
            }
            if program.watch == Watch::Changed {
                steps.push(Step::Notice(*pid));
            }
            for (address, doing) in server.doings() {
                match doing {
                    Doing::Prepares(_) if program.will == Will::GivesUp => {}
                    Doing::Prepares(_) => steps.push(Step::Serve(*pid, address.clone())),
                    Doing::Leaves { .. } => steps.push(Step::Release(*pid, address.clone())),
                    Doing::Waits | Doing::Serves(_) | Doing::Released | Doing::Lost => {}
                }
            }
            if server.is_done() {
                steps.push(Step::Leave(*pid));
            }
            if server.may_quit() {
                steps.push(Step::Quit(*pid));
            }
        }
    }

    fn deadlines(&self) -> Vec<(Who, Duration)> {
        let arbiter = self
            .arbiter_process
            .as_ref()
            .and_then(|arbiter_process| Some((Who::Arbiter, arbiter_process.core.deadline()?)));
        let supervisors = self.supervisors.iter().filter_map(|supervisor| {
            Some((Who::Supervisor(supervisor.index), supervisor.core.as_ref()?.deadline()?))
        });
        let servers = self
            .servers
            .iter()
            .filter_map(|(pid, server)| Some((Who::Server(*pid), server.session_deadline()?)));
        arbiter.into_iter().chain(supervisors).chain(servers).collect()
    }

    fn due(&self) -> impl Iterator<Item = Who> + '_ {
        self.deadlines().into_iter().filter(|(_, at)| *at <= self.now).map(|(who, _)| who)
    }

    fn next_deadline(&self) -> Option<Duration> {
        self.deadlines().into_iter().map(|(_, at)| at).min()
    }

    /// Lets it happen; `false` if there was nothing in it that happened.
    pub fn apply(&mut self, step: &Step) -> bool {
        match step {
            Step::Unlock => self.lock = Lock::Free,
            Step::Look(index) => self.look_for_arbiter(*index),
            Step::Hear(index) => self.supervisor_reads(*index),
            Step::Reap(index) => self.reap(*index),
            Step::Boot(pid) => self.boot(*pid),
            Step::Receive(pid) => self.receive(*pid),
            Step::Notice(pid) => self.notice(*pid),
            Step::Serve(pid, address) => self.serve(*pid, address),
            Step::Release(pid, address) => self.release(*pid, address),
            Step::Leave(pid) => self.end_server(*pid, self.servers[pid].status()),
            Step::Quit(pid) => self.end_server(*pid, ServerExit::Status(1)),
            Step::Deliver(id) => {
                self.deliver(*id, Cut::Never);
            }
            Step::DeliverEverything => self.deliver_everything(),
            Step::Bury(pid) => {
                self.bury(*pid, Cut::Never);
            }
            Step::Answer => self.answer(),
            Step::Due(who) => self.come_due(*who),
            Step::Pass => self.passes(self.next_deadline()),
            Step::Kill(_)
            | Step::DeliverCut(..)
            | Step::BuryCut(..)
            | Step::Stall(_)
            | Step::Stop(_)
            | Step::Drop(..)
            | Step::Fail(_) => {
                self.faults_left -= 1;
                return self.go_wrong(step);
            }
        }
        true
    }

    fn go_wrong(&mut self, step: &Step) -> bool {
        match step {
            Step::Kill(pid) => self.kill(*pid),
            Step::DeliverCut(id, cut) => return self.deliver(*id, Cut::After(*cut)) == Done::Killed,
            Step::BuryCut(pid, cut) => return self.bury(*pid, Cut::After(*cut)) == Done::Killed,
            Step::Stall(who) => {
                let at = self.deadlines().into_iter().find(|(one, _)| one == who).map(|(_, at)| at);
                self.passes(at);
            }
            Step::Stop(index) => {
                self.stopped.insert(*index);
                self.terminate(*index);
            }
            Step::Drop(id, closes, unread) => self.drop_link(*id, *closes, *unread),
            Step::Fail(pid) => self.fail(*pid),
            Step::Unlock
            | Step::Look(_)
            | Step::Hear(_)
            | Step::Reap(_)
            | Step::Boot(_)
            | Step::Receive(_)
            | Step::Notice(_)
            | Step::Serve(..)
            | Step::Release(..)
            | Step::Leave(_)
            | Step::Quit(_)
            | Step::Deliver(_)
            | Step::DeliverEverything
            | Step::Bury(_)
            | Step::Answer
            | Step::Due(_)
            | Step::Pass => {}
        }
        true
    }

    fn drop_link(&mut self, id: u64, closes: Closes, unread: Unread) {
        match (closes, unread) {
            (Closes::Arbiter | Closes::Client, Unread::Arrives) => {}
            (Closes::Arbiter, Unread::IsLost) => self.edit_wire(id, |wire| wire.down.clear()),
            (Closes::Client, Unread::IsLost) => self.edit_wire(id, |wire| wire.up.clear()),
        }
        let client = self.wires[&id].client;
        let supervisor = self.supervisors.iter().position(|one| one.process.pid == client);
        match (closes, supervisor) {
            (Closes::Arbiter, _) => self.close_link_of_arbiter(id),
            (Closes::Client, Some(index)) => self.lose_link_of_supervisor(index),
            (Closes::Client, None) => self.lose_link_of_server(client),
        }
    }

    fn come_due(&mut self, who: Who) {
        let before = self.print_of(who);
        match who {
            Who::Arbiter => self.arbiter_due(),
            Who::Supervisor(index) => self.supervisor_due(index),
            Who::Server(pid) => self.server_due(pid),
        }
        if self.print_of(who) == before && self.due().any(|one| one == who) {
            self.broken.push(Broken::Spinning(format!("{who:?}")));
        }
    }

    fn print_of(&self, who: Who) -> Option<u64> {
        match who {
            Who::Arbiter => self.arbiter_process.as_ref().map(Seal::print),
            Who::Supervisor(index) => self.supervisors.get(index).map(Seal::print),
            Who::Server(pid) => self.servers.get(&pid).map(Seal::print),
        }
    }
}
