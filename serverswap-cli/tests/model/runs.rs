//! The checks. Each is named after its beginning and its faults.

use serverswap::protocol::SocketMode::{Bind, Inherit};
use serverswap::protocol::message::Form::{self, Leave, Stay};

use super::checking::holds;
use super::setup::{Faults, Setup};

/// The variable that asks for the deep runs.
const DEPTH_VARIABLE: &str = "SERVERSWAP_MODEL";

/// Most transitions of a default run that is not complete.
const SHALLOW: usize = 4_000;

/// Most transitions of a deep run: enough for almost every pair of commands with one fault.
const DEEP: usize = 1_000_000;

/// Most transitions of a deep run that has no end in sight: two faults, three generations, or
/// more than one thing at once.
const WIDE: usize = 250_000;

const FORMS: [&[Form]; 4] = [&[Leave, Leave], &[Stay, Stay], &[Leave, Stay], &[Stay, Leave]];

/// As long, longer, shorter, none: the third after the second.
const PROBATIONS_OF_THREE: [[u64; 3]; 4] = [[0, 10, 10], [0, 10, 20], [0, 20, 10], [0, 10, 0]];

fn warm_pairs(socket: serverswap::protocol::SocketMode, faults: Faults, transitions_max: usize) {
    for forms in FORMS {
        let name = format!("{socket:?} {forms:?} warm, {faults}");
        holds(&name, Setup::new(socket, forms).warm().faults(faults), transitions_max);
    }
}

#[test]
fn an_inherited_address_is_swapped() {
    warm_pairs(Inherit, Faults::NONE, SHALLOW);
}

#[test]
fn an_exclusive_address_is_swapped() {
    warm_pairs(Bind, Faults::NONE, SHALLOW);
}

#[test]
fn two_addresses_are_swapped_each_on_its_own() {
    for socket in [Inherit, Bind] {
        let name = format!("{socket:?} two addresses, warm");
        holds(&name, Setup::new(socket, &[Leave, Leave]).warm().two_addresses(), SHALLOW);
    }
}

#[test]
fn whoever_is_killed_in_the_swap_of_an_inherited_address() {
    warm_pairs(Inherit, Faults::kills(1), SHALLOW);
}

#[test]
fn whoever_is_killed_in_the_swap_of_an_exclusive_address() {
    warm_pairs(Bind, Faults::kills(1), SHALLOW);
}

#[test]
fn whatever_wait_ends_too_early_in_a_swap() {
    for socket in [Inherit, Bind] {
        let name = format!("{socket:?} [Leave, Leave] warm, {}", Faults::kills_and_stalls(1));
        let setup = Setup::new(socket, &[Leave, Leave]).warm().faults(Faults::kills_and_stalls(1));
        holds(&name, setup, SHALLOW);
    }
}

#[test]
fn whoever_is_asked_to_stop() {
    for socket in [Inherit, Bind] {
        let name = format!("{socket:?} [Stay, Stay] warm, {}", Faults::stops(1));
        holds(&name, Setup::new(socket, &[Stay, Stay]).warm().faults(Faults::stops(1)), SHALLOW);
    }
}

#[test]
fn two_that_start_at_once() {
    for socket in [Inherit, Bind] {
        holds(&format!("{socket:?} [Leave, Leave] cold"), Setup::new(socket, &[Leave, Leave]), SHALLOW);
    }
}

#[test]
fn three_of_which_one_serves_already() {
    for socket in [Inherit, Bind] {
        let name = format!("{socket:?} [Stay, Stay, Stay] warm");
        holds(&name, Setup::new(socket, &[Stay, Stay, Stay]).warm(), SHALLOW);
    }
}

#[test]
fn servers_that_do_not_speak_the_protocol_are_swapped() {
    for forms in FORMS {
        holds_shallow(Setup::new(Inherit, forms).warm().spoken_for());
        holds_shallow(Setup::new(Inherit, forms).spoken_for());
        holds_shallow(Setup::new(Inherit, forms).warm().one_spoken_for(0));
        holds_shallow(Setup::new(Inherit, forms).warm().one_spoken_for(1));
    }
}

#[test]
fn whoever_is_killed_in_the_swap_of_servers_that_do_not_speak_the_protocol() {
    for forms in [[Leave, Leave], [Leave, Stay], [Stay, Leave]] {
        holds_shallow(Setup::new(Inherit, &forms).warm().spoken_for().faults(Faults::kills(1)));
    }
    holds_shallow(Setup::new(Inherit, &[Leave, Leave]).warm().one_spoken_for(1).faults(Faults::kills(1)));
}

#[test]
fn a_new_server_serves_on_probation() {
    for forms in FORMS {
        holds_shallow(Setup::new(Inherit, forms).warm().probations(&[0, 10]));
    }
}

#[test]
fn a_probation_is_longer_than_the_ready_timeout() {
    holds_shallow(Setup::new(Inherit, &[Leave, Leave]).warm().probations(&[0, 100]));
}

#[test]
fn a_third_generation_is_deployed_while_the_second_is_on_probation() {
    for probations in PROBATIONS_OF_THREE {
        let setup = Setup::new(Inherit, &[Leave, Leave, Leave]).probations(&probations);
        holds_shallow(setup.on_probation());
    }
}

#[test]
fn whoever_is_killed_while_a_server_is_on_probation() {
    for forms in FORMS {
        let setup = Setup::new(Inherit, forms).probations(&[0, 10]).on_probation();
        holds_shallow(setup.faults(Faults::kills(1)));
    }
}

#[test]
fn whatever_wait_ends_too_early_while_a_server_is_on_probation() {
    let setup = Setup::new(Inherit, &[Leave, Leave]).probations(&[0, 10]).on_probation();
    holds_shallow(setup.faults(Faults::kills_and_stalls(1)));
}

#[test]
fn whichever_server_sends_fail() {
    for forms in [[Leave, Leave], [Stay, Stay]] {
        let setup = Setup::new(Inherit, &forms).faults(Faults::fails(1));
        holds_shallow(setup.clone().warm());
        holds_shallow(setup.probations(&[0, 10]).on_probation());
    }
    holds_shallow(Setup::new(Bind, &[Stay, Stay]).warm().faults(Faults::fails(1)));
}

#[test]
fn whichever_connection_ends_by_itself() {
    for forms in [[Leave, Leave], [Stay, Stay]] {
        let inherited = Setup::new(Inherit, &forms).faults(Faults::drops(1));
        holds_shallow(inherited.clone().warm());
        holds_shallow(inherited.probations(&[0, 10]).on_probation());
        holds_shallow(Setup::new(Bind, &forms).warm().faults(Faults::drops(1)));
    }
}

#[test]
fn whatever_comes_before_the_kernel_has_answered() {
    for forms in [[Leave, Leave], [Stay, Stay]] {
        let pair = Setup::new(Inherit, &forms).answered_later();
        holds_shallow(pair.clone());
        holds_shallow(pair.clone().faults(Faults::kills_and_stalls(1).and_drops().and_fails()));
        holds_shallow(pair.warm().probations(&[0, 10]).faults(Faults::kills(1)));
    }
}

fn holds_shallow(setup: Setup) {
    holds(&setup.to_string(), setup, SHALLOW);
}

/// Minutes, and some gigabytes. With `deep TEXT`, only the beginnings whose name has the text.
#[test]
fn deep() {
    let depth = std::env::var(DEPTH_VARIABLE).unwrap_or_default();
    if let Some(text) = depth.strip_prefix("deep") {
        let all = deep_setups().into_iter();
        for (setup, transitions_max) in all.filter(|(setup, _)| setup.to_string().contains(text.trim())) {
            holds(&setup.to_string(), setup, transitions_max);
        }
    }
}

/// A beginning, and the most transitions from it.
type Deep = (Setup, usize);

fn deep_setups() -> Vec<Deep> {
    let mut setups = Vec::new();
    for socket in [Inherit, Bind] {
        for forms in FORMS {
            let pair = Setup::new(socket, forms);
            setups.push((pair.clone(), DEEP));
            setups.push((pair.clone().warm().two_addresses(), DEEP));
            let ends = Faults::drops(1).and_fails();
            for faults in [Faults::kills_and_stalls(1), Faults::stops(1), ends] {
                setups.push((pair.clone().warm().faults(faults), DEEP));
            }
        }
        for forms in [[Leave, Leave], [Stay, Stay]] {
            let pair = Setup::new(socket, &forms);
            let one = Faults::kills_and_stalls(1);
            let wide = [pair.clone().faults(one), pair.warm().two_addresses().faults(one)];
            setups.extend(wide.map(|setup| (setup, WIDE)));
        }
        for (forms, transitions_max) in [([Leave, Leave], 2 * DEEP), ([Stay, Stay], WIDE)] {
            let pair = Setup::new(socket, &forms).warm();
            setups.push((pair.faults(Faults::kills_and_stalls(2)), transitions_max));
        }
        for forms in [[Stay, Stay, Stay], [Leave, Leave, Leave]] {
            let three = Setup::new(socket, &forms).warm();
            setups.extend([(three.clone(), WIDE), (three.faults(Faults::kills(1)), WIDE)]);
        }
    }
    for forms in FORMS {
        let pair = Setup::new(Inherit, forms).answered_later();
        let faults = Faults::kills_and_stalls(1).and_drops().and_fails();
        setups.extend([(pair.clone(), DEEP), (pair.faults(faults), WIDE)]);
    }
    setups.extend(deep_setups_with_probation());
    setups.extend(deep_setups_with_stand_ins());
    setups
}

fn deep_setups_with_stand_ins() -> Vec<Deep> {
    let mut setups = Vec::new();
    for forms in FORMS {
        let cold = Setup::new(Inherit, forms);
        let warm = cold.clone().warm();
        let pairs = [warm.clone().spoken_for(), warm.clone().one_spoken_for(0), warm.one_spoken_for(1)];
        setups.extend(pairs.clone().map(|pair| (pair.faults(Faults::kills_and_stalls(1)), DEEP)));
        let twice = pairs.map(|pair| pair.faults(Faults::kills(2)));
        setups.extend(twice.map(|pair| (pair, WIDE)));
        setups.push((cold.spoken_for().faults(Faults::kills(1)), WIDE));
    }
    setups
}

fn deep_setups_with_probation() -> Vec<Deep> {
    let mut setups = Vec::new();
    let ends = |budget| Faults::kills(budget).and_fails();
    for forms in FORMS {
        let pair = Setup::new(Inherit, forms).warm().probations(&[0, 10]);
        setups.extend([(pair.clone(), DEEP), (pair.clone().two_addresses(), DEEP)]);
        for faults in [ends(1), Faults::kills_and_stalls(1).and_drops(), Faults::stops(1)] {
            setups.push((pair.clone().faults(faults), DEEP));
        }
    }
    for forms in [[Leave, Leave], [Stay, Stay]] {
        let pair = Setup::new(Inherit, &forms).warm().probations(&[0, 10]);
        for faults in [ends(2), Faults::kills_and_stalls(2).and_drops().and_fails()] {
            setups.push((pair.clone().faults(faults), WIDE));
        }
    }
    for forms in FORMS {
        let pair = Setup::new(Inherit, forms).probations(&[0, 10]).on_probation();
        for faults in [ends(2), Faults::kills_and_stalls(2).and_drops().and_fails()] {
            setups.push((pair.clone().faults(faults), WIDE));
        }
    }
    for probations in PROBATIONS_OF_THREE {
        for forms in [[Stay, Stay, Stay], [Leave, Leave, Leave]] {
            let three = Setup::new(Inherit, &forms).probations(&probations).on_probation();
            setups.extend([(three.clone(), DEEP), (three.faults(ends(1)), WIDE)]);
        }
    }
    setups
}
