use std::time::Duration;

use serverswap::protocol::SocketMode::{Bind, Inherit};
use serverswap::protocol::message::{
    Code,
    EventKind::Failed,
    Form::{Leave, Stay},
    Role::{Server, Supervisor},
};

use super::world::{A, B, Sent, World, address, held, of};
use crate::arbiter::Attached::{Listener, Nothing};

const LOCAL: &str = "127.0.0.1:8080";
const REFUSED: Sent = Sent::Refused(Code::AddressOverlaps);

#[test]
fn a_claim_that_overlaps_a_served_address_is_refused_by_name_and_touches_nobody() {
    for (old, new) in [(A, LOCAL), (LOCAL, A), ("0.0.0.0:8080", A), (A, "[::]:8080")] {
        let mut world = World::new();
        world.server_is_up(10, &[old]);
        world.server(20);
        for socket in [Inherit, Bind] {
            assert_eq!(world.claims(20, new, socket), [(20, REFUSED)], "{old} and {new}");
        }
        assert_eq!(world.serving(old), [10]);
        let overlap = world.arbiter.overlap(&address(new)).expect("they overlap");
        assert_eq!(overlap.1, format!("`{new}` overlaps `{old}`, which pid 10 has in this directory"));
    }
}

#[test]
fn so_is_one_beside_an_exclusive_holder_or_a_waiting_claim() {
    let mut world = World::new();
    world.server(10);
    world.claims(10, A, Bind);
    world.server(20);
    world.handles_takedown(10, A);
    world.claims(20, A, Bind);
    world.server(30);
    assert_eq!(world.claims(30, LOCAL, Inherit), [(30, REFUSED)]);
    assert_eq!(of(20, &world.ends(10)), [Sent::Granted(Nothing)]);
}

#[test]
fn one_server_has_one_of_two_overlapping_addresses() {
    let mut world = World::new();
    world.server(10);
    world.claims(10, LOCAL, Inherit);
    assert_eq!(world.claims(10, A, Inherit), [(10, REFUSED)]);
    assert_eq!(world.claims(10, "127.0.0.2:8080", Inherit), [(10, Sent::Granted(Listener))]);
    assert_eq!(world.claims(10, B, Inherit), [(10, Sent::Granted(Listener))]);
}

#[test]
fn nothing_overlaps_what_was_released() {
    let mut world = World::new();
    world.server_is_up(10, &[A]);
    world.releases(10, A);
    world.server(20);
    assert_eq!(world.claims(20, LOCAL, Inherit), [(20, Sent::Granted(Listener))]);
}

#[test]
fn what_a_resident_supervisor_owns_is_overlapped_while_its_server_is_restarted() {
    let mut world = World::new();
    world.arrives(11, Supervisor, Stay, Vec::new());
    world.server_is_up(10, &[A]);
    world.ends(10);
    world.server(20);
    assert_eq!(world.claims(20, LOCAL, Inherit), [(20, REFUSED)]);
}

#[test]
fn the_next_arbiter_knows_what_overlaps_before_the_server_is_back() {
    let mut world = World::new();
    world.server_is_up(10, &[A]);
    let mut world = world.taken_over(&[]);
    world.server(20);
    assert_eq!(world.claims(20, LOCAL, Inherit), [(20, REFUSED)]);
}

#[test]
fn a_server_that_no_state_names_overlaps_once_it_is_back() {
    let mut world = World::new();
    world.held_by_absent.insert(address(LOCAL));
    world.server(20);
    assert_eq!(world.claims(20, LOCAL, Inherit), []);
    world.arrives(10, Server, Leave, vec![held(A, true)]);
    assert_eq!(world.passes(Duration::from_secs(3)), [(20, REFUSED)]);
}

#[test]
fn the_supervisor_of_the_refused_server_is_sent_the_reason() {
    let mut world = World::new();
    world.server_is_up(10, &[A]);
    world.supervisor(21, Leave);
    world.server(20);
    let sent = world.claims(20, LOCAL, Inherit);
    assert_eq!(sent, [(20, REFUSED), (21, Sent::Event(Failed, Nothing))]);
    assert_eq!(world.last_event_to(21).code, Some(Code::AddressOverlaps));
}
