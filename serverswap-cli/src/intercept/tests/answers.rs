//! The core alone, with whatever comes in whatever order.

use std::collections::{BTreeMap, BTreeSet};

use proptest::collection::vec;
use proptest::prelude::*;
use serverswap::protocol::Address;

use crate::intercept::core::{CallId, Core, CoreAction, CoreInput, Granted, Listening, Sharing};

fn address(number: u8) -> Address {
    format!("127.0.0.1:{}", 8000 + u16::from(number)).parse().expect("an address")
}

/// A core, and a judge of what it wants.
#[derive(Default)]
struct Judge {
    core: Core,
    next: u64,
    /// Calls without an answer.
    waiting: BTreeSet<CallId>,
    /// Questions to the supervisor without an answer.
    asked: BTreeSet<Address>,
    looks: BTreeMap<CallId, Address>,
    /// What there is a listener of.
    listeners: BTreeSet<Address>,
}

impl Judge {
    fn call(&mut self) -> CallId {
        self.next += 1;
        self.waiting.insert(CallId(self.next));
        CallId(self.next)
    }

    fn give(&mut self, input: CoreInput) {
        let mut actions = Vec::new();
        self.core.handle(input, &mut actions);
        for action in actions {
            match action {
                CoreAction::Continue(call) | CoreAction::Refuse(call) => self.answered(call),
                CoreAction::Place(call, address) => {
                    assert!(self.listeners.contains(&address), "there is nothing to place at {address}");
                    self.answered(call);
                }
                CoreAction::Listen(call, address) => {
                    self.answered(call);
                    if self.listeners.insert(address.clone()) {
                        self.give(CoreInput::Learnt { address });
                    }
                }
                CoreAction::Ask(address) => assert!(self.asked.insert(address), "asked twice"),
                CoreAction::LookWhetherOpen(call, address) => {
                    assert!(self.listeners.contains(&address));
                    assert_eq!(self.looks.insert(call, address), None);
                }
                CoreAction::TellListens(address) => assert!(self.listeners.contains(&address)),
                CoreAction::TellAbandoned(address) => assert!(!self.listeners.contains(&address)),
            }
        }
    }

    fn answered(&mut self, call: CallId) {
        assert!(self.waiting.remove(&call), "answered twice");
    }

    fn answer(&mut self, granted: Granted) {
        let Some(address) = self.asked.pop_first() else { return };
        if granted == Granted::WithListener {
            self.listeners.insert(address.clone());
        }
        self.give(CoreInput::Answered { address, granted });
    }

    fn look(&mut self, is_open: bool) {
        if let Some((call, address)) = self.looks.pop_first() {
            self.give(CoreInput::Looked { call, address, is_open });
        }
    }

    fn step(&mut self, (what, which): (u8, u8)) {
        let address = address(which % 3);
        let sharing = if which & 4 == 0 { Sharing::Alone } else { Sharing::ReusePort };
        match what % 8 {
            0..3 => {
                let call = self.call();
                self.give(CoreInput::Bind { call, address, sharing });
            }
            3 => {
                let call = self.call();
                let is_held = which & 8 == 0 && self.listeners.contains(&address);
                let socket = if is_held { Listening::Held } else { Listening::Other };
                self.give(CoreInput::Listen { call, address, sharing, socket });
            }
            4 => self.answer(match which % 3 {
                0 => Granted::Refused,
                1 => Granted::Empty,
                _ => Granted::WithListener,
            }),
            5 => self.look(which & 1 == 0),
            6 => self.give(CoreInput::Abandoned { address }),
            _ => self.give(CoreInput::Answered { address, granted: Granted::Refused }),
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 500, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn every_call_is_answered_exactly_once_when_every_question_is(steps in vec(any::<(u8, u8)>(), 0..60)) {
        let mut judge = Judge::default();
        for step in steps {
            // An answer without a question changes nothing.
            if step.0 % 8 != 7 || !judge.asked.contains(&address(step.1 % 3)) {
                judge.step(step);
            }
        }
        while !(judge.asked.is_empty() && judge.looks.is_empty()) {
            judge.answer(Granted::Empty);
            judge.look(true);
        }
        prop_assert_eq!(judge.waiting, BTreeSet::new());
    }
}

fn decided(core: &mut Core, input: CoreInput) -> Vec<CoreAction> {
    let mut actions = Vec::new();
    core.handle(input, &mut actions);
    actions
}

#[test]
fn calls_that_come_while_the_supervisor_is_asked_wait_for_the_same_answer() {
    let (mut core, address) = (Core::default(), address(0));
    let bind = |call: u64, sharing| CoreInput::Bind { call: CallId(call), address: address.clone(), sharing };
    assert_eq!(decided(&mut core, bind(1, Sharing::Alone)), [CoreAction::Ask(address.clone())]);
    assert_eq!(decided(&mut core, bind(2, Sharing::ReusePort)), []);
    assert_eq!(decided(&mut core, bind(3, Sharing::Alone)), []);
    let granted = CoreInput::Answered { address: address.clone(), granted: Granted::WithListener };
    let expected = [
        CoreAction::Place(CallId(1), address.clone()),
        CoreAction::Place(CallId(2), address.clone()),
        CoreAction::LookWhetherOpen(CallId(3), address.clone()),
    ];
    assert_eq!(decided(&mut core, granted), expected);
}

#[test]
fn an_address_that_was_refused_is_asked_for_again() {
    let (mut core, address) = (Core::default(), address(0));
    for call in [1, 2] {
        let bind = CoreInput::Bind { call: CallId(call), address: address.clone(), sharing: Sharing::Alone };
        assert_eq!(decided(&mut core, bind), [CoreAction::Ask(address.clone())]);
        let refused = CoreInput::Answered { address: address.clone(), granted: Granted::Refused };
        assert_eq!(decided(&mut core, refused), [CoreAction::Refuse(CallId(call))]);
    }
}

#[test]
fn a_server_that_calls_listen_twice_is_told_of_once() {
    let (mut core, address) = (Core::default(), address(0));
    decided(
        &mut core,
        CoreInput::Bind { call: CallId(1), address: address.clone(), sharing: Sharing::Alone },
    );
    let granted = CoreInput::Answered { address: address.clone(), granted: Granted::WithListener };
    decided(&mut core, granted);
    let mut listen = |call| {
        let (call, address, sharing) = (CallId(call), address.clone(), Sharing::Alone);
        decided(&mut core, CoreInput::Listen { call, address, sharing, socket: Listening::Held })
    };
    let first = [CoreAction::Listen(CallId(2), address.clone()), CoreAction::TellListens(address.clone())];
    assert_eq!(listen(2), first);
    assert_eq!(listen(3), [CoreAction::Listen(CallId(3), address.clone())]);
}
