//! A world that goes step by step, with some of its steps held back.

use serverswap::protocol::Address;

use super::arbiter_process::Cut;
use super::server::Doing;
use super::setup::Setup;
use super::step::Step;
use super::supervision::Presence;
use super::world::World;

/// The servers of the first and the second generation.
pub const OLD: u32 = 1000;
pub const NEW: u32 = 2000;

/// One run.
pub struct Play {
    pub world: World,
    held: Vec<Step>,
}

pub fn at(text: &str) -> Address {
    text.parse().expect("an address")
}

impl Play {
    pub fn new(setup: Setup) -> Self {
        Play { world: World::new(setup), held: Vec::new() }
    }

    /// Keeps a step from happening.
    pub fn hold(&mut self, step: Step) -> &mut Self {
        self.held.push(step);
        self
    }

    /// Lets everything happen that was held back.
    pub fn let_happen(&mut self) -> &mut Self {
        self.held.clear();
        self
    }

    /// The next thing that happens, if anything can.
    pub fn next(&mut self) -> Option<Step> {
        let held = &self.held;
        let step = self.world.steps().into_iter().find(|step| !held.contains(step));
        let step = step.filter(|step| *step != Step::Pass || held.is_empty())?;
        self.world.apply(&step);
        assert_eq!(self.world.broken, [], "after {step:?}");
        Some(step)
    }

    /// Goes on until nothing can happen.
    pub fn rest(&mut self) -> &mut Self {
        while self.next().is_some() {}
        self
    }

    /// Goes on until something is so.
    pub fn until(&mut self, is_so: impl Fn(&World) -> bool) -> &mut Self {
        while !is_so(&self.world) {
            self.next().expect("it comes to be so");
        }
        self
    }

    /// kill -9 of the arbiter, after the write of its next turn, before anything is sent.
    pub fn cut_next_turn_of(&mut self, pid: u32) -> &mut Self {
        let wires = &self.world.wires;
        let wire = wires.iter().find(|(_, wire)| wire.client == pid && wire.is_readable_above());
        let id = *wire.expect("it has said something").0;
        self.world.deliver(id, Cut::After(0));
        self
    }

    pub fn kill(&mut self, pid: u32) -> &mut Self {
        self.world.kill(pid);
        self
    }

    pub fn accepting(&self, address: &str) -> Vec<u32> {
        self.world.accepting(&at(address)).map(|server| server.process.pid).collect()
    }

    pub fn presence(&self, index: usize) -> Presence {
        self.world.supervisors[index].life.clone()
    }
}

pub fn doing(world: &World, pid: u32, address: &str) -> Option<Doing> {
    world.servers.get(&pid)?.doing(&at(address))
}

pub fn prepares(world: &World, pid: u32, address: &str) -> bool {
    matches!(doing(world, pid, address), Some(Doing::Prepares(_)))
}

pub fn leaves(world: &World, pid: u32, address: &str) -> bool {
    matches!(doing(world, pid, address), Some(Doing::Leaves { .. }))
}
