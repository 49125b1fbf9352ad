//! What an observer is sent: the events of every generation (SS-SUP-10).

use serverswap::protocol::message::EventKind::{
    self, Claimed, Done, Draining, Gone, Granted, Replaced, Serving, Up, Vacant,
};
use serverswap::protocol::message::Form::{Leave, Stay};
use serverswap::protocol::message::Role;

use super::world::{A, Sent, World, of};

/// The kinds of the events that 30 is sent, which watches.
fn seen(sent: &[(u32, Sent)]) -> Vec<EventKind> {
    let kind = |sent: Sent| if let Sent::Event(kind, _) = sent { Some(kind) } else { None };
    of(30, sent).into_iter().filter_map(kind).collect()
}

fn watched() -> World {
    let mut world = World::new();
    world.arrives(30, Role::Observer, Leave, Vec::new());
    world
}

#[test]
fn an_observer_is_sent_how_a_server_takes_an_address() {
    let mut world = watched();
    let kinds = seen(&world.server_is_up(10, &[A]));
    assert!([Claimed, Granted, Up, Serving].iter().all(|kind| kinds.contains(kind)), "{kinds:?}");
    assert_eq!(kinds.iter().filter(|kind| **kind == Serving).count(), 1, "{kinds:?}");
}

#[test]
fn it_is_sent_how_one_replaces_another() {
    let mut world = watched();
    world.server_is_up(10, &[A]);
    world.supervisor(21, Leave);
    let mut kinds = seen(&world.server_is_up(20, &[A]));
    kinds.extend(seen(&world.ends(10)));
    for kind in [Replaced, Serving, Up, Draining, Gone, Done] {
        assert_eq!(kinds.iter().filter(|other| **other == kind).count(), 1, "{kind:?} in {kinds:?}");
    }
}

#[test]
fn that_an_address_is_vacant_it_is_sent_if_a_supervisor_may_start_a_server_again() {
    for (form, is_owned) in [(Stay, true), (Leave, false)] {
        let mut world = watched();
        world.supervisor(11, form);
        world.server_is_up(10, &[A]);
        let kinds = seen(&world.ends(10));
        assert_eq!(kinds.contains(&Vacant), is_owned, "{kinds:?}");
    }
}
