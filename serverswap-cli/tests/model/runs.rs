//! The checks. Each is named after its beginning and its faults.

use serverswap::protocol::SocketMode::{Bind, Inherit};
use serverswap::protocol::message::Form::{self, Leave, Stay};

use super::checking::holds;
use super::setup::{Faults, Setup};

/// The variable that asks for the deep runs.
const DEPTH_VARIABLE: &str = "SERVERSWAP_MODEL";

/// Most transitions of a default run that is not complete.
const SHALLOW: usize = 8_000;

/// Most transitions of a deep run.
const DEEP: usize = 4_000_000;

const FORMS: [&[Form]; 4] = [&[Leave, Leave], &[Stay, Stay], &[Leave, Stay], &[Stay, Leave]];

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

/// Minutes, and some gigabytes.
#[test]
fn deep() {
    if std::env::var(DEPTH_VARIABLE).is_ok_and(|depth| depth == "deep") {
        for setup in deep_setups() {
            let addresses = setup.addresses.len();
            let forms: Vec<Form> = setup.supervisors.iter().map(|one| one.form).collect();
            let socket = setup.supervisors[0].socket;
            let name =
                format!("{socket:?} {forms:?} {:?}, {addresses} addresses, {}", setup.start, setup.faults);
            holds(&name, setup, DEEP);
        }
    }
}

fn deep_setups() -> Vec<Setup> {
    let mut setups = Vec::new();
    for socket in [Inherit, Bind] {
        for forms in FORMS {
            let pair = Setup::new(socket, forms);
            setups.push(pair.clone());
            setups.push(pair.clone().warm().two_addresses());
            for faults in [Faults::kills_and_stalls(1), Faults::stops(1), Faults::kills_and_stalls(2)] {
                setups.push(pair.clone().warm().faults(faults));
            }
            setups.push(pair.clone().faults(Faults::kills_and_stalls(1)));
            setups.push(pair.warm().two_addresses().faults(Faults::kills_and_stalls(1)));
        }
        for forms in [[Stay, Stay, Stay], [Leave, Leave, Leave]] {
            let three = Setup::new(socket, &forms).warm();
            setups.extend([three.clone(), three.faults(Faults::kills(1))]);
        }
    }
    setups
}
