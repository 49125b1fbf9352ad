//! Three addresses: one of a resident and its successor, one of a resident alone, one of nobody.

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::time::{Duration, SystemTime};

use super::*;
use crate::status::{Holder, HolderState, SupervisedBy};

fn address(text: &str) -> Address {
    text.parse().expect("an address")
}

/// That of the supervisor with this pid.
fn generation(pid: u32) -> Generation {
    Generation { start: u64::from(pid), pid }
}

fn residents(pids: impl IntoIterator<Item = u32>) -> Choice {
    Choice::Residents(pids.into_iter().map(generation).collect())
}

fn served(text: &str, pid: u32, supervisor: SupervisedBy) -> AddressReport {
    let holder = Holder {
        pid: 99,
        generation: generation(pid),
        state: HolderState::Serving,
        says: None,
        age: Duration::ZERO,
        supervisor,
    };
    let (holders, draining, owners) = (vec![holder], vec![], vec![]);
    AddressReport { address: address(text), holders, draining, owners }
}

fn report(numbers: Numbers, addresses: Vec<AddressReport>) -> StatusReport {
    let (directory, now) = (PathBuf::from("/run/serverswap"), SystemTime::UNIX_EPOCH);
    let (unrecorded, servers, generations) = (vec![], vec![], BTreeMap::new());
    StatusReport { directory, now, arbiter: None, numbers, addresses, unrecorded, servers, generations }
}

/// `:80` is served by 12, a child of 11, which is one of 10; `:81` by 20; nobody supervises `:82`. 11 cannot be asked.
fn chosen(wanted: Wanted<'_>) -> Choice {
    let addresses = vec![
        served(":80", 12, SupervisedBy::Pid(12)),
        served(":81", 20, SupervisedBy::Pid(20)),
        served(":82", 13, SupervisedBy::Nobody),
    ];
    let ancestors = |pid| if pid == 12 { vec![11, 10, 1] } else { vec![1] };
    let askable = [10, 12, 20, 30].map(|pid| (generation(pid), pid)).into();
    choose(&report(Numbers::Own, addresses), wanted, &askable, ancestors)
}

#[test]
fn the_outermost_resident_of_what_serves_an_address_is_asked() {
    assert_eq!(chosen(Wanted::Only(&[address(":80")])), residents([10]));
}

#[test]
fn without_an_address_everybody_is_asked_whose_server_holds_one() {
    assert_eq!(chosen(Wanted::All { main: None }), residents([10, 20]));
    assert_eq!(chosen(Wanted::All { main: Some(40) }), residents([10, 20]));
}

#[test]
fn in_a_unit_its_main_process_is_asked() {
    assert_eq!(chosen(Wanted::All { main: Some(30) }), residents([30]));
}

#[test]
fn nobody_is_asked_when_one_of_the_addresses_has_no_resident() {
    let wanted = [address(":80"), address(":82")];
    assert_eq!(chosen(Wanted::Only(&wanted)), Choice::NoResident(Some(address(":82"))));
    assert_eq!(chosen(Wanted::Only(&[address(":83")])), Choice::NoResident(Some(address(":83"))));
}

/// Both supervisors are PID 1 of a container; the arbiter, outside, sees them as 700 and 800.
#[test]
fn of_two_residents_with_the_same_pid_the_one_of_this_container_is_asked_or_the_one_of_the_address() {
    let [first, second] = [7, 8].map(|start| Generation { start, pid: 1 });
    let of = |text, generation, pid| {
        let mut served = served(text, 1, SupervisedBy::Pid(pid));
        served.holders[0].generation = generation;
        served
    };
    let addresses = vec![of(":80", first, 700), of(":81", second, 800)];
    let chosen = |numbers, pids: [u32; 2], wanted: Wanted<'_>| {
        let askable = [(first, pids[0]), (second, pids[1])].into();
        choose(&report(numbers, addresses.clone()), wanted, &askable, |_| Vec::new())
    };
    let everything = Wanted::All { main: None };
    assert_eq!(chosen(Numbers::OfArbiter, [1, 0], everything), Choice::Residents([first].into()));
    assert_eq!(chosen(Numbers::OfArbiter, [0, 1], everything), Choice::Residents([second].into()));
    let other = [address(":81")];
    let found = chosen(Numbers::OfArbiter, [1, 0], Wanted::Only(&other));
    assert_eq!(found, Choice::Residents([second].into()));
    assert_eq!(chosen(Numbers::Own, [700, 800], everything), Choice::Residents([first, second].into()));
}
