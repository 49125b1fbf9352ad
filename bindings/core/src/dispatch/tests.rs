//! The bookkeeping, driven by calls and events, without a connection.

use std::time::Duration;

use serverswap_protocol::message::{Code, TakedownReason};
use serverswap_protocol::{Address, SocketMode};

use super::*;
use crate::session::{Refusal, ServerEvent};

const MAIN: &str = "main";
const WORKER: &str = "worker";

fn address(text: &str) -> Address {
    text.parse().expect("a valid address")
}

fn claim(text: &str) -> Call {
    Call::ReadyFor { address: address(text), socket: SocketMode::Bind, more: false }
}

fn granted(text: &str) -> ServerEvent<u32> {
    ServerEvent::Granted { address: address(text), listener: None }
}

fn refused(text: &str) -> ServerEvent<u32> {
    let error = Refusal { code: Code::Withdrawn, message: String::new() };
    ServerEvent::Refused { address: address(text), error }
}

fn taken(text: &str) -> ServerEvent<u32> {
    ServerEvent::Takedown {
        address: address(text),
        reason: TakedownReason::Replaced,
        drain: Duration::ZERO,
        stream: Duration::ZERO,
    }
}

#[test]
fn an_answer_goes_to_the_claimant_with_the_number_of_its_claim() {
    let mut ledger = Ledger::default();
    let a = ledger.note(MAIN, claim("a"));
    let b = ledger.note(WORKER, claim("b"));
    assert_eq!(ledger.recipient(&granted("b")), Some(Recipient::Claimant { owner: WORKER, claim: b }));
    assert_eq!(ledger.recipient(&refused("a")), Some(Recipient::Claimant { owner: MAIN, claim: a }));
}

#[test]
fn the_refusal_of_a_withdrawn_claim_carries_its_own_number_and_not_that_of_the_next_one() {
    let mut ledger = Ledger::default();
    let first = ledger.note(MAIN, claim("a"));
    ledger.note(MAIN, Call::Released(address("a")));
    assert_eq!(ledger.recipient(&refused("a")), Some(Recipient::Claimant { owner: MAIN, claim: first }));
    let second = ledger.note(WORKER, claim("a"));
    assert_eq!(ledger.recipient(&granted("a")), Some(Recipient::Claimant { owner: WORKER, claim: second }));
}

#[test]
fn a_claim_that_has_ended_cannot_be_withdrawn() {
    let mut ledger = Ledger::default();
    let first = ledger.note(MAIN, claim("a"));
    ledger.recipient(&granted("a"));
    assert_eq!(ledger.claims.address_of(first), Some(&address("a")));
    ledger.note(MAIN, Call::Released(address("a")));
    ledger.note(MAIN, claim("a"));
    assert_eq!(ledger.claims.address_of(first), None);
}

#[test]
fn a_takedown_goes_to_every_handler_of_the_owner_that_registered_last() {
    let mut ledger = Ledger::default();
    ledger.note(MAIN, Call::OnTakedown(address("a")));
    let first = ledger.note(WORKER, Call::OnTakedown(address("a")));
    let second = ledger.note(WORKER, Call::OnTakedown(address("a")));
    ledger.note(MAIN, Call::OnTakedown(address("b")));
    let handlers = Recipient::Handlers { owner: WORKER, handlers: vec![first, second] };
    assert_eq!(ledger.recipient(&taken("a")), Some(handlers));
}

#[test]
fn without_a_handler_a_takedown_goes_to_the_holder() {
    let mut ledger = Ledger::default();
    ledger.note(WORKER, claim("a"));
    ledger.recipient(&granted("a"));
    let holder = Recipient::Handlers { owner: WORKER, handlers: vec![] };
    assert_eq!(ledger.recipient(&taken("a")), Some(holder));
}

#[test]
fn the_last_handler_that_is_done_releases_and_none_does_so_twice() {
    let mut ledger = Ledger::default();
    let first = ledger.note(MAIN, Call::OnTakedown(address("a")));
    let second = ledger.note(MAIN, Call::OnTakedown(address("a")));
    ledger.recipient(&taken("a"));
    let done = [first, first, second, second].map(|handler| ledger.handlers.done(handler));
    assert_eq!(done, [None, None, Some(address("a")), None]);
}

#[test]
fn a_handler_that_is_removed_while_it_runs_still_has_to_be_done() {
    let mut ledger = Ledger::default();
    let handler = ledger.note(MAIN, Call::OnTakedown(address("a")));
    ledger.recipient(&taken("a"));
    ledger.handlers.remove(handler);
    assert_eq!(ledger.handlers.done(handler), Some(address("a")));
}

#[test]
fn an_address_that_was_released_otherwise_is_not_released_by_its_handlers() {
    let mut ledger = Ledger::default();
    let handler = ledger.note(MAIN, Call::OnTakedown(address("a")));
    ledger.recipient(&taken("a"));
    ledger.note(MAIN, Call::Released(address("a")));
    assert_eq!(ledger.handlers.done(handler), None);
}

#[test]
fn what_an_ended_owner_claimed_or_held_is_known_and_nothing_goes_to_it() {
    let mut ledger = Ledger::default();
    ledger.note(WORKER, claim("a"));
    ledger.note(WORKER, claim("b"));
    ledger.note(MAIN, claim("c"));
    ledger.note(WORKER, Call::OnTakedown(address("c")));
    ledger.recipient(&granted("b"));
    ledger.handlers.remove_owner(&WORKER);
    assert_eq!(ledger.claims.remove_owner(&WORKER), [address("a"), address("b")]);
    assert_eq!(ledger.recipient(&refused("a")), None);
    assert_eq!(ledger.recipient(&taken("c")), Some(Recipient::Handlers { owner: MAIN, handlers: vec![] }));
}
