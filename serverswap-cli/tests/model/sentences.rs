//! The main paths as sentences: real sessions, supervisors and arbiters, joined in memory.

use serverswap::protocol::SocketMode::{Bind, Inherit};
use serverswap::protocol::message::Form::{self, Leave, Stay};
use serverswap_cli::supervisor::StopSignal;
use serverswap_cli::ui::RunEnding;

use super::play::{NEW, OLD, Play, at, doing, leaves, prepares};
use super::server::Doing;
use super::setup::{Allowed, Faults, Setup};
use super::step::Step;
use super::supervision::Presence;
use super::world::World;

fn ended(ending: RunEnding) -> Presence {
    Presence::Exited(Box::new(ending))
}

#[test]
fn a_command_leaves_when_its_server_serves() {
    let mut play = Play::new(Setup::new(Inherit, &[Leave]));
    play.rest();
    assert_eq!((play.accepting(":1"), play.presence(0)), (vec![OLD], ended(RunEnding::Done)));
}

#[test]
fn both_have_an_inherited_address_until_the_new_one_serves_it() {
    let mut play = Play::new(Setup::new(Inherit, &[Leave, Leave]).warm());
    play.hold(Step::Serve(NEW, at(":1"))).rest();
    assert!(prepares(&play.world, NEW, ":1"));
    assert_eq!(play.accepting(":1"), [OLD]);
    play.let_happen().rest();
    assert_eq!((play.accepting(":1"), play.presence(1)), (vec![NEW], ended(RunEnding::Done)));
}

#[test]
fn an_exclusive_address_is_granted_when_the_old_one_has_released_it() {
    let mut play = Play::new(Setup::new(Bind, &[Leave, Leave]).warm());
    play.hold(Step::Release(OLD, at(":1"))).rest();
    assert_eq!(doing(&play.world, NEW, ":1"), Some(Doing::Waits));
    play.let_happen().rest();
    assert_eq!((play.accepting(":1"), play.presence(1)), (vec![NEW], ended(RunEnding::Done)));
}

#[test]
fn a_listener_is_opened_once_however_often_it_is_swapped() {
    let mut play = Play::new(Setup::new(Inherit, &[Stay, Leave, Stay]).warm());
    play.rest();
    assert_eq!((play.accepting(":1"), play.world.listeners.len()), (vec![3000], 1));
}

#[test]
fn whenever_the_arbiter_is_killed_the_swap_ends_well() {
    for socket in [Inherit, Bind] {
        for kill_after in 0.. {
            let faults = Faults { stalls: Allowed::Yes, ..Faults::kills(1) };
            let mut play = Play::new(Setup::new(socket, &[Stay, Stay]).warm().faults(faults));
            let steps = (0..kill_after).take_while(|_| play.next().is_some()).count();
            play.world.faults_left = 0;
            if let Some(arbiter) =
                play.world.arbiter_process.as_ref().map(|arbiter_process| arbiter_process.pid)
            {
                play.kill(arbiter);
            }
            play.rest();
            assert_eq!(
                (play.accepting(":1").len(), play.world.misfit()),
                (1, None),
                "killed after {kill_after}"
            );
            if steps < kill_after {
                break;
            }
        }
    }
}

#[test]
fn whenever_the_arbiter_is_killed_a_command_that_reconnects_late_ends_as_done_replaced_or_superseded() {
    const LATE: usize = 1;
    for (socket, form) in [(Inherit, Leave), (Inherit, Stay), (Bind, Leave), (Bind, Stay)] {
        for kill_after in 0.. {
            let faults = Faults { stalls: Allowed::Yes, ..Faults::kills(1) };
            let mut play = Play::new(Setup::new(socket, &[Stay, form, Leave]).warm().faults(faults));
            let steps = (0..kill_after).take_while(|_| play.next().is_some()).count();
            play.world.faults_left = 0;
            let arbiter = play.world.arbiter_process.as_ref().map(|arbiter_process| arbiter_process.pid);
            if let Some(arbiter) = arbiter.filter(|pid| *pid != play.world.supervisors[LATE].process.pid) {
                play.kill(arbiter);
                play.hold(Step::Look(LATE)).rest().let_happen().rest();
                let end = play.presence(LATE);
                let lost = [RunEnding::Done, RunEnding::Replaced, RunEnding::Superseded].map(ended);
                assert!(lost.contains(&end), "{socket:?}, {form:?}, killed after {kill_after}: {end:?}");
            }
            if steps < kill_after {
                break;
            }
        }
    }
}

#[test]
fn a_takedown_that_is_under_way_when_the_arbiter_dies_is_obeyed() {
    let mut play = Play::new(Setup::new(Inherit, &[Stay, Leave]).warm().faults(Faults::kills(1)));
    play.until(|world| leaves(world, OLD, ":1"));
    play.world.faults_left = 0;
    play.kill(101).rest();
    assert_eq!((play.accepting(":1"), play.presence(1)), (vec![NEW], ended(RunEnding::Done)));
}

#[test]
fn a_grant_that_was_written_and_not_sent_is_granted_again() {
    let mut play = Play::new(Setup::new(Inherit, &[Stay, Leave]).warm().faults(Faults::kills(1)));
    let asked = |pid| {
        move |world: &World| {
            world.wires.values().any(|wire| {
                wire.client == pid
                    && matches!(
                        wire.up.front(),
                        Some((serverswap::protocol::message::FromClient::ReadyFor(_), _))
                    )
            })
        }
    };
    play.until(asked(NEW)).cut_next_turn_of(NEW);
    play.world.faults_left = 0;
    play.rest();
    assert_eq!((play.accepting(":1"), play.world.listeners.len()), (vec![NEW], 1));
}

#[test]
fn a_withdrawn_claim_that_crosses_its_grant_leaves_the_old_one_serving() {
    let mut play = Play::new(Setup::new(Inherit, &[Stay, Leave]).warm());
    play.hold(Step::Receive(NEW));
    play.until(|world| doing(world, NEW, ":1") == Some(Doing::Waits));
    play.let_happen().until(|world| {
        world.wires.values().any(|wire| {
            wire.client == NEW
                && matches!(
                    wire.down.front(),
                    Some((serverswap::protocol::message::FromArbiter::Granted(_), _))
                )
        })
    });
    play.world.withdraw(NEW, &at(":1"));
    play.rest();
    assert_eq!((play.accepting(":1"), play.world.misfit()), (vec![OLD], None));
}

#[test]
fn each_address_of_a_server_is_swapped_on_its_own() {
    let mut play = Play::new(Setup::new(Inherit, &[Leave, Leave]).warm().two_addresses());
    play.hold(Step::Serve(NEW, at(":2"))).rest();
    assert_eq!((play.accepting(":1"), play.accepting(":2")), (vec![NEW], vec![OLD]));
    play.let_happen().rest();
    assert_eq!((play.accepting(":1"), play.accepting(":2")), (vec![NEW], vec![NEW]));
}

#[test]
fn a_generation_that_is_stopped_drains_and_leaves_nothing() {
    let mut play = Play::new(Setup::new(Inherit, &[Stay]).warm());
    play.world.stopped.insert(0);
    play.world.terminate(0);
    play.rest();
    assert_eq!(play.presence(0), ended(RunEnding::Stopped(StopSignal::Terminate)));
    assert_eq!(play.world.living().count(), 0);
}

#[test]
fn a_server_that_crashes_is_started_again_on_the_same_listener() {
    let mut play = Play::new(Setup::new(Inherit, &[Stay]).warm().faults(Faults::kills(1)));
    play.world.faults_left = 0;
    play.kill(OLD).rest();
    assert_eq!((play.accepting(":1"), play.world.listeners.len()), (vec![OLD + 1], 1));
}

#[test]
fn a_server_whose_supervisor_dies_before_the_grant_gives_up_and_the_old_one_serves() {
    let mut play = Play::new(Setup::new(Inherit, &[Leave, Leave]).warm().faults(Faults::kills(1)));
    play.until(|world| doing(world, NEW, ":1") == Some(Doing::Waits));
    play.world.faults_left = 0;
    play.kill(102).rest();
    assert_eq!((play.accepting(":1"), play.world.living().collect::<Vec<_>>()), (vec![OLD], vec![OLD]));
}

#[test]
fn of_three_that_start_at_once_one_serves_and_the_others_end_with_a_reason() {
    let mut play = Play::new(Setup::new(Bind, &[Stay, Stay, Stay]));
    play.rest();
    assert_eq!(play.accepting(":1"), [3000]);
    assert_eq!((play.presence(2), play.world.living().count()), (Presence::Present, 2));
}

fn on_probation(forms: &[Form]) -> Play {
    let play = Play::new(Setup::new(Inherit, forms).probations(&[0, 10]).on_probation());
    assert_eq!(play.accepting(":1"), [OLD, NEW]);
    play
}

#[test]
fn on_probation_both_serve_and_afterwards_the_old_one_releases_the_address() {
    let mut play = on_probation(&[Stay, Leave]);
    play.rest();
    assert_eq!((play.accepting(":1"), play.presence(1)), (vec![NEW], ended(RunEnding::Done)));
}

#[test]
fn a_server_that_sends_fail_on_probation_is_rolled_back() {
    let mut play = on_probation(&[Stay, Leave]);
    play.world.fail(NEW);
    play.rest();
    let failed = ended(RunEnding::SaidFail("no database".to_owned()));
    assert_eq!((play.accepting(":1"), play.presence(1)), (vec![OLD], failed));
}

#[test]
fn whenever_the_arbiter_is_killed_the_probation_is_over_when_it_was_to_be() {
    for forms in [[Stay, Stay], [Stay, Leave]] {
        for kill_after in 0.. {
            let mut play = Play::new(Setup::new(Inherit, &forms).warm().probations(&[0, 10]));
            let steps = (0..kill_after).take_while(|_| play.next().is_some()).count();
            let arbiter = play.world.arbiter_process.as_ref().map(|arbiter_process| arbiter_process.pid);
            if let Some(pid) = arbiter {
                play.kill(pid);
            }
            play.until(|world| world.accepting(&at(":1")).all(|server| server.process.pid == NEW));
            let seconds = (play.world.now - World::BEGINNING).as_secs();
            assert_eq!(seconds, 10, "killed after {kill_after}");
            if steps < kill_after {
                break;
            }
        }
    }
}

#[test]
fn whenever_the_arbiter_is_killed_a_server_that_sent_fail_on_probation_is_rolled_back() {
    const NEWER: usize = 1;
    for (form, late) in [(Stay, true), (Stay, false), (Leave, true), (Leave, false)] {
        for kill_after in 0.. {
            let mut play = on_probation(&[Stay, form]);
            play.world.fail(NEW);
            let steps = (0..kill_after).take_while(|_| play.next().is_some()).count();
            play.kill(101);
            if late {
                play.hold(Step::Look(NEWER)).rest().let_happen();
            }
            play.rest();
            let serving: Vec<u32> = play.accepting(":1");
            assert_eq!(serving.len(), 1, "{form:?}, {late}, killed after {kill_after}: {serving:?}");
            assert_eq!(serving, [OLD], "{form:?}, {late}, killed after {kill_after}");
            let failed = ended(RunEnding::SaidFail("no database".to_owned()));
            assert_eq!(play.presence(NEWER), failed, "{form:?}, {late}, killed after {kill_after}");
            if steps < kill_after {
                break;
            }
        }
    }
}
