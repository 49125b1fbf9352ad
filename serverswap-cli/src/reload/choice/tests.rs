//! Three addresses: one of a resident and its successor, one of a resident alone, one of nobody.

use std::path::PathBuf;
use std::time::{Duration, SystemTime};

use serverswap::protocol::Generation;

use super::*;
use crate::status::{Holder, HolderState};

fn address(text: &str) -> Address {
    text.parse().expect("an address")
}

fn served(text: &str, supervisor: SupervisedBy) -> AddressReport {
    let holder = Holder {
        pid: 99,
        generation: Generation { start: 1, pid: 1 },
        state: HolderState::Serving,
        says: None,
        age: Duration::ZERO,
        supervisor,
    };
    let (holders, draining, owners) = (vec![holder], vec![], vec![]);
    AddressReport { address: address(text), holders, draining, owners }
}

/// `:80` is served by 12, a child of 11, which is one of 10; `:81` by 20; nobody supervises `:82`. 11 cannot be asked.
fn chosen(wanted: Wanted<'_>) -> Choice {
    let addresses = vec![
        served(":80", SupervisedBy::Pid(12)),
        served(":81", SupervisedBy::Pid(20)),
        served(":82", SupervisedBy::Nobody),
    ];
    let (directory, now) = (PathBuf::from("/run/serverswap"), SystemTime::UNIX_EPOCH);
    let report = StatusReport { directory, now, arbiter: None, addresses, unrecorded: vec![] };
    let ancestors = |pid| if pid == 12 { vec![11, 10, 1] } else { vec![1] };
    choose(&report, wanted, |pid| [10, 12, 20, 30].contains(&pid), ancestors)
}

#[test]
fn the_outermost_resident_of_what_serves_an_address_is_asked() {
    assert_eq!(chosen(Wanted::Only(&[address(":80")])), Choice::Residents([10].into()));
}

#[test]
fn without_an_address_everybody_is_asked_whose_server_holds_one() {
    assert_eq!(chosen(Wanted::All { main: None }), Choice::Residents([10, 20].into()));
    assert_eq!(chosen(Wanted::All { main: Some(40) }), Choice::Residents([10, 20].into()));
}

#[test]
fn in_a_unit_its_main_process_is_asked() {
    assert_eq!(chosen(Wanted::All { main: Some(30) }), Choice::Residents([30].into()));
}

#[test]
fn nobody_is_asked_when_one_of_the_addresses_has_no_resident() {
    let wanted = [address(":80"), address(":82")];
    assert_eq!(chosen(Wanted::Only(&wanted)), Choice::NoResident(Some(address(":82"))));
    assert_eq!(chosen(Wanted::Only(&[address(":83")])), Choice::NoResident(Some(address(":83"))));
}
