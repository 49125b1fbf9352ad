//! The stateright model of a [`World`], and how a check is run and printed.

use std::collections::BTreeSet;
use std::time::{Duration, Instant};

use stateright::{Checker, HasDiscoveries, Model, Property};

use super::properties::properties;
use super::setup::Setup;
use super::step::Step;
use super::world::World;

/// A run from a setup.
pub struct Run {
    pub setup: Setup,
}

impl Model for Run {
    type State = World;
    type Action = Step;

    fn init_states(&self) -> Vec<World> {
        vec![World::new(self.setup.clone())]
    }

    fn actions(&self, world: &World, steps: &mut Vec<Step>) {
        steps.extend(world.steps());
        steps.extend(world.faults());
    }

    fn next_state(&self, world: &World, step: Step) -> Option<World> {
        let mut next = world.clone();
        next.apply(&step).then_some(next)
    }

    fn properties(&self) -> Vec<Property<Self>> {
        properties()
    }
}

/// What a check found.
pub struct Found {
    pub setup: Setup,
    /// The name of each property that failed, with the shortest list of steps.
    pub failures: Vec<(&'static str, Vec<Step>, World)>,
}

/// Checks breadth first until a property fails, up to so many transitions, and prints what
/// was counted.
pub fn check(name: &str, setup: Setup, transitions_max: usize) -> Found {
    check_until(name, setup, transitions_max, HasDiscoveries::AnyFailures)
}

/// As [`check`], until this property fails.
pub fn check_one(property: &'static str, setup: Setup, transitions_max: usize) -> Found {
    let name = format!("{:?}", setup.seeded);
    check_until(&name, setup, transitions_max, HasDiscoveries::AllOf(BTreeSet::from([property])))
}

fn check_until(name: &str, setup: Setup, transitions_max: usize, until: HasDiscoveries) -> Found {
    let began = Instant::now();
    let checker = Run { setup: setup.clone() }.checker();
    let checker = checker.threads(1).target_state_count(transitions_max).finish_when(until);
    let checker = checker.spawn_bfs().join();
    let states = checker.unique_state_count();
    let transitions = checker.state_count();
    let failed = checker.discoveries().len();
    let extent = match failed {
        0 if transitions >= transitions_max => "cut off",
        0 => "complete",
        _ => "until it failed",
    };
    println!(
        "{name}: {states} states, {transitions} transitions, depth {}, {extent}, {:.1?}",
        checker.max_depth(),
        began.elapsed().max(Duration::from_millis(1))
    );
    let failures = checker.discoveries().into_iter().map(|(name, path)| {
        let world = path.last_state().clone();
        (name, path.into_actions(), world)
    });
    Found { setup, failures: failures.collect() }
}

/// Checks, and fails with the first counterexample.
pub fn holds(name: &str, setup: Setup, transitions_max: usize) {
    let found = check(name, setup, transitions_max);
    if let Some((property, steps, world)) = found.failures.first() {
        let story = retold(&found.setup, steps);
        panic!("{name}: not so: {property}\n{story}\n{:?} {:?}", world.broken, world.misfit());
    }
}

/// What happened, a line a step, and every message that was sent by it.
pub fn retold(setup: &Setup, steps: &[Step]) -> String {
    let mut world = World::new(setup.clone());
    let mut story = Vec::new();
    for step in steps {
        let before = world.clone();
        world.apply(step);
        story.push(format!("{:>6}s {step:?}", (world.now - World::BEGINNING).as_secs()));
        for (id, wire) in &world.wires {
            let (up, down) = before.wires.get(id).map_or((0, 0), |wire| (wire.up.len(), wire.down.len()));
            let up = wire
                .up
                .iter()
                .skip(up)
                .map(|(message, _)| format!("        {} says {message:?}", wire.client));
            let down = wire.down.iter().skip(down);
            let down = down.map(|(message, _)| format!("        {} is sent {message:?}", wire.client));
            story.extend(up.chain(down));
        }
        let ended = before.living().filter(|pid| !world.is_alive(*pid));
        story.extend(ended.map(|pid| format!("        {pid} ends")));
    }
    story.join("\n")
}
