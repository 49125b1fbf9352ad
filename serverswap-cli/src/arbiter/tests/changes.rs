//! Which records of the state a turn changes.

use std::collections::BTreeSet;
use std::time::Duration;

use serverswap::protocol::SocketMode::Inherit;
use serverswap::protocol::message::{FromClient, OnTakedown, Ping, Progress};

use super::world::{A, B, World, address, generation};
use crate::arbiter::Changes;

fn only(text: &str, pid: u32) -> Changes {
    let (addresses, generations) = (BTreeSet::from([address(text)]), BTreeSet::from([generation(pid)]));
    Changes { addresses, generations, ..Changes::default() }
}

#[test]
fn a_claim_changes_the_records_of_its_address_and_generation_only() {
    let mut world = World::new();
    world.server_is_up(10, &[A]);
    world.server(20);
    world.claims(20, B, Inherit);
    assert_eq!(world.changes, Changes { generations: BTreeSet::new(), ..only(B, 20) });
    world.serves(20, B);
    assert_eq!(world.changes, only(B, 20));
}

#[test]
fn what_decides_nothing_changes_no_record() {
    let mut world = World::new();
    world.server_is_up(10, &[A]);
    world.sends(10, FromClient::Ping(Ping { id: 900 }));
    assert!(world.changes.is_empty());
    world.sends(10, FromClient::OnTakedown(OnTakedown { address: address(B) }));
    assert!(world.changes.is_empty());
}

#[test]
fn the_connections_of_a_draining_server_are_recorded_twice_a_second_at_most() {
    let mut world = World::new();
    world.server_is_up(10, &[A]);
    world.server_is_up(20, &[A]);
    let progress = |connections| {
        FromClient::Progress(Progress { re: 1, connections: Some(connections), ..Progress::default() })
    };
    world.sends(10, progress(3));
    assert!(!world.changes.is_empty());
    world.sends(10, progress(2));
    assert!(world.changes.is_empty());
    world.passes(Duration::from_millis(500));
    world.sends(10, progress(1));
    assert!(!world.changes.is_empty());
}
