//! For each property, a broken rule that it notices.

use serverswap::protocol::SocketMode::{Bind, Inherit};
use serverswap::protocol::message::Form::{Leave, Stay};

use super::checking::check_one;
use super::fault::Seeded;
use super::properties::{
    CLEAR_REASON, DRAINS, ENDS_WELL, NEWEST_WINS, NO_FAULT_REPORTED, NOT_TOO_EARLY, ONE_HOLDER, ONE_LISTENER,
    PROBATION, ROLLED_BACK, SAME_END, SERVED, STOP_RELEASES,
};
use super::setup::{Faults, Setup};

/// Most transitions until the fault is to be noticed.
const TRANSITIONS_MAX: usize = 100_000;

fn is_noticed(property: &'static str, setup: Setup) {
    let found = check_one(property, setup, TRANSITIONS_MAX);
    assert!(found.failures.iter().any(|(name, _, _)| *name == property), "not noticed: {property}");
}

#[test]
fn without_the_state_file_an_exclusive_address_gets_two_holders() {
    let setup = Setup::new(Bind, &[Stay, Stay]).warm().faults(Faults::kills(1));
    is_noticed(ONE_HOLDER, setup.seeded(Seeded::StateNotWritten));
}

#[test]
fn if_messages_of_dead_servers_are_believed_an_address_is_not_served() {
    let setup = Setup::new(Inherit, &[Leave, Leave]).warm().faults(Faults::kills(1));
    is_noticed(SERVED, setup.seeded(Seeded::DeadAreBelieved));
}

#[test]
fn if_holding_counts_as_serving_the_old_one_is_taken_down_too_early() {
    let setup = Setup::new(Inherit, &[Stay, Stay]).warm().faults(Faults::kills(1));
    is_noticed(NOT_TOO_EARLY, setup.seeded(Seeded::HoldingIsServing));
}

#[test]
fn if_a_new_arbiter_forgets_a_probation_the_old_one_is_taken_down_before_it_is_over() {
    let setup =
        Setup::new(Inherit, &[Stay, Stay]).probations(&[0, 10]).on_probation().faults(Faults::kills(1));
    is_noticed(PROBATION, setup.seeded(Seeded::ProbationForgotten));
}

#[test]
fn if_a_new_arbiter_prolongs_a_probation_its_end_moves() {
    let setup =
        Setup::new(Inherit, &[Stay, Stay]).probations(&[0, 10]).on_probation().faults(Faults::kills(1));
    is_noticed(SAME_END, setup.seeded(Seeded::ProbationProlonged));
}

#[test]
fn if_a_supervisor_is_not_notified_of_a_probation_its_command_does_not_end_as_rolled_back() {
    let setup =
        Setup::new(Inherit, &[Leave, Leave]).probations(&[0, 10]).on_probation().faults(Faults::fails(1));
    is_noticed(ROLLED_BACK, setup.seeded(Seeded::ProbationUntold));
}

#[test]
fn if_no_barrier_is_awaited_a_server_is_ended_that_was_not_asked_to_release() {
    let setup = Setup::new(Inherit, &[Stay]).faults(Faults::stops(1));
    is_noticed(STOP_RELEASES, setup.seeded(Seeded::BarrierNotAwaited));
}

#[test]
fn if_no_barrier_is_awaited_a_server_that_accepts_is_signalled() {
    let setup = Setup::new(Inherit, &[Stay]).faults(Faults::stops(1));
    is_noticed(DRAINS, setup.seeded(Seeded::BarrierNotAwaited));
}

#[test]
fn if_the_arbiter_receives_the_generations_in_reverse_the_oldest_wins() {
    is_noticed(NEWEST_WINS, Setup::new(Inherit, &[Leave, Leave]).warm().seeded(Seeded::OldestWins));
}

#[test]
fn if_the_oldest_wins_a_command_does_not_end_as_it_should() {
    is_noticed(CLEAR_REASON, Setup::new(Bind, &[Stay, Stay]).warm().seeded(Seeded::OldestWins));
}

#[test]
fn if_the_lock_is_tried_once_a_run_does_not_end() {
    is_noticed(ENDS_WELL, Setup::new(Inherit, &[Leave, Leave]).seeded(Seeded::LockTriedOnce));
}

#[test]
fn if_a_process_is_gone_before_it_was_read_a_second_listener_is_opened() {
    let setup = Setup::new(Inherit, &[Leave, Leave]).warm().faults(Faults::kills(1));
    is_noticed(ONE_LISTENER, setup.seeded(Seeded::GoneBeforeRead));
}

#[test]
fn a_welcome_that_is_sent_twice_is_a_fault_that_the_other_core_reports() {
    is_noticed(NO_FAULT_REPORTED, Setup::new(Inherit, &[Leave]).seeded(Seeded::WelcomedTwice));
}
