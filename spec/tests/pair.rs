//! Both sides' tables joined by two queues, every order of events: whatever one side may
//! send, the other one accepts, however messages cross; and when nothing is under way, both
//! agree.

#![cfg(feature = "trace")]

use std::collections::{HashSet, VecDeque};

use serde_json::{Map, Value, json};
use serverswap_protocol::trace::{Checker, Side};

const ADDRESS: &str = ":8080";
const QUEUE_MAX: usize = 2;
const CLIENT_IDS_MAX: u64 = 3;
const ARBITER_IDS_MAX: u64 = 2;

/// Both checkers and what is on its way, each line once.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
struct Pair {
    client: Checker,
    arbiter: Checker,
    to_arbiter: VecDeque<String>,
    to_client: VecDeque<String>,
    client_id: u64,
    arbiter_id: u64,
    pauses: u8,
}

impl Pair {
    /// A connection on which the client has just sent its `hello`: the `welcome` is among what is said.
    fn after(hello: Value) -> Self {
        let mut pair = Pair {
            client: Checker::new(Side::Client),
            arbiter: Checker::new(Side::Arbiter),
            to_arbiter: VecDeque::new(),
            to_client: VecDeque::new(),
            client_id: 1,
            arbiter_id: 0,
            pauses: 0,
        };
        let greeting = json!({"type": "greeting", "versions": [1]});
        for (by, line) in [(Side::Arbiter, greeting), (Side::Client, hello)] {
            pair.send(by, &line).expect("legal");
            pair.deliver(by.other()).expect("legal");
        }
        pair
    }

    fn send(&mut self, by: Side, line: &Value) -> Result<(), String> {
        let object = line.as_object().expect("an object");
        let checker = match by {
            Side::Client => &mut self.client,
            Side::Arbiter => &mut self.arbiter,
        };
        checker.observe(by, object).map_err(|violation| violation.to_string())?;
        if let Some(id) = line["id"].as_u64() {
            *match by {
                Side::Client => &mut self.client_id,
                Side::Arbiter => &mut self.arbiter_id,
            } = id;
        }
        self.queue(by.other()).push_back(line.to_string());
        Ok(())
    }

    fn deliver(&mut self, to: Side) -> Result<bool, String> {
        let Some(line) = self.queue(to).pop_front() else {
            return Ok(false);
        };
        let object: Map<String, Value> = serde_json::from_str(&line).expect("an object");
        let checker = match to {
            Side::Client => &mut self.client,
            Side::Arbiter => &mut self.arbiter,
        };
        checker.observe(to.other(), &object).map_err(|violation| format!("{line}: {violation}"))?;
        Ok(true)
    }

    fn queue(&mut self, to: Side) -> &mut VecDeque<String> {
        match to {
            Side::Client => &mut self.to_client,
            Side::Arbiter => &mut self.to_arbiter,
        }
    }

    /// Every message that a side could send; the tables decide whether it may.
    fn sayings(&self, by: Side, role: &str) -> Vec<Value> {
        match (by, role) {
            (Side::Arbiter, _) if self.arbiter.connection() == "negotiating" => {
                vec![json!({"type": "welcome", "re": 1, "version": 1})]
            }
            (Side::Client, "server") => self.server_sayings(),
            (Side::Arbiter, "server") => self.to_server_sayings(),
            (Side::Client, _) => vec![json!({"type": "closed", "address": ADDRESS})],
            (Side::Arbiter, _) => ["serving", "close", "replaced", "vacant"]
                .map(|what| {
                    let mut event =
                        json!({"type": "event", "what": what, "generation": "7-9", "address": ADDRESS});
                    if what == "serving" {
                        event["fds"] = json!(["listener"]);
                    }
                    event
                })
                .to_vec(),
        }
    }

    fn server_sayings(&self) -> Vec<Value> {
        let mut sayings = vec![
            json!({"type": "serving", "address": ADDRESS}),
            json!({"type": "released", "address": ADDRESS}),
            json!({"type": "fail", "reason": "no"}),
        ];
        if self.client_id < CLIENT_IDS_MAX {
            let id = self.client_id + 1;
            sayings.push(json!({"type": "readyFor", "id": id, "address": ADDRESS, "socket": "bind"}));
        }
        for re in self.client.open_requests(Side::Arbiter) {
            sayings.push(json!({"type": "released", "re": re, "address": ADDRESS}));
            sayings
                .push(json!({"type": "error", "re": re, "code": "internal", "message": "", "fatal": false}));
        }
        if self.pauses < 1 && self.arbiter_id > 0 {
            sayings.push(json!({"type": "progress", "re": self.arbiter_id, "connections": 1}));
        }
        sayings
    }

    fn to_server_sayings(&self) -> Vec<Value> {
        let mut sayings = Vec::new();
        if self.arbiter_id < ARBITER_IDS_MAX {
            let id = self.arbiter_id + 1;
            let reason = "replaced";
            sayings.push(
                json!({"type": "takedown", "id": id, "address": ADDRESS, "reason": reason, "drainMs": 1}),
            );
        }
        for re in self.arbiter.open_requests(Side::Client) {
            sayings.push(json!({"type": "granted", "re": re, "address": ADDRESS}));
            sayings
                .push(json!({"type": "error", "re": re, "code": "withdrawn", "message": "", "fatal": false}));
            if self.pauses < 1 {
                sayings.push(json!({"type": "progress", "re": re, "waitingFor": "pid 1"}));
            }
        }
        sayings
    }

    /// Every pair one step away.
    fn next(&self, role: &str) -> Vec<Pair> {
        let mut following = Vec::new();
        for by in [Side::Client, Side::Arbiter] {
            let mut delivered = self.clone();
            match delivered.deliver(by) {
                Ok(true) => following.push(delivered),
                Ok(false) => {}
                Err(violation) => panic!("{violation}\n{self:#?}"),
            }
            for line in self.sayings(by, role) {
                let mut said = self.clone();
                if said.queue(by.other()).len() < QUEUE_MAX && said.send(by, &line).is_ok() {
                    said.pauses += u8::from(line["type"] == "progress");
                    following.push(said);
                }
            }
        }
        following
    }
}

/// Visits every reachable pair; returns the states that the sides are in when nothing is under way.
fn explore(start: Pair, role: &str) -> HashSet<(String, String)> {
    let mut seen = HashSet::from([start.clone()]);
    let mut waiting = VecDeque::from([start]);
    let mut quiet = HashSet::new();
    while let Some(pair) = waiting.pop_front() {
        if pair.to_client.is_empty() && pair.to_arbiter.is_empty() {
            let state = |checker: &Checker| checker.address(ADDRESS).unwrap_or("none").to_owned();
            quiet.insert((state(&pair.client), state(&pair.arbiter)));
        }
        for next in pair.next(role) {
            if seen.insert(next.clone()) {
                waiting.push_back(next);
            }
        }
    }
    quiet
}

fn agreeing<const N: usize>(pairs: [(&str, &str); N]) -> HashSet<(String, String)> {
    pairs.map(|(client, arbiter)| (client.to_owned(), arbiter.to_owned())).into()
}

#[test]
fn a_server_and_the_arbiter_never_break_each_others_tables_and_agree_when_all_is_quiet() {
    let hello = json!({"type": "hello", "id": 1, "role": "server", "generation": "7-9"});
    let quiet = explore(Pair::after(hello), "server");
    let expected = agreeing([
        ("none", "none"),
        ("claimed", "claimed"),
        ("withdrawing", "withdrawn"),
        ("granted", "granted"),
        ("serving", "holding"),
        ("takingDown", "taking"),
        ("released", "released"),
        ("none", "released"),
    ]);
    assert_eq!(quiet, expected);
}

#[test]
fn a_server_that_comes_back_with_what_it_holds_agrees_with_the_new_arbiter() {
    for (serving, client, arbiter) in [(true, "serving", "holding"), (false, "granted", "granted")] {
        let holding = json!([{"address": ADDRESS, "serving": serving}]);
        let hello =
            json!({"type": "hello", "id": 1, "role": "server", "generation": "7-9", "holding": holding});
        let pair = Pair::after(hello);
        assert_eq!(pair.client.address(ADDRESS), Some(client));
        assert_eq!(pair.arbiter.address(ADDRESS), Some(arbiter));
        let quiet = explore(pair, "server");
        assert!(quiet.contains(&("released".to_owned(), "released".to_owned())));
    }
}

#[test]
fn a_supervisor_and_the_arbiter_never_differ_about_a_duplicate_when_all_is_quiet() {
    let holding = json!([{"address": ADDRESS, "serving": true}]);
    let hello = json!({
        "type": "hello", "id": 1, "role": "supervisor", "generation": "7-9", "holding": holding, "fds": [ADDRESS],
    });
    let quiet = explore(Pair::after(hello), "supervisor");
    let expected = agreeing([
        ("none", "none"),
        ("kept", "kept"),
        ("closing", "closing"),
        ("ending", "ending"),
        ("over", "over"),
    ]);
    assert_eq!(quiet, expected);
}
