//! Each judge of a guarantee can fail: recordings of an arbiter that breaks it, in lines of the protocol alone.

use serde_json::json;
use serverswap_conformance::recording::{Checked, check};
use serverswap_protocol::trace::guarantees::Guarantee;

const GREETING: &str = r#"{"type":"greeting","versions":[1],"arbiter":{"name":"a","version":"1","pid":7},"capabilities":{},"limits":{"lineBytes":65536,"fdsPerLine":128}}"#;

/// A recording that is written down line by line.
#[derive(Default)]
struct Recording(Vec<String>);

impl Recording {
    fn line(mut self, on: &str, from: &str, line: &str) -> Recording {
        let fds = usize::from(line.contains("\"fds\":["));
        self.0.push(json!({"at": 1, "on": on, "from": from, "line": line, "fds": fds}).to_string());
        self
    }

    fn client(self, on: &str, line: &str) -> Recording {
        self.line(on, "client", line)
    }

    fn arbiter(self, on: &str, line: &str) -> Recording {
        self.line(on, "arbiter", line)
    }

    fn kernel(mut self, what: serde_json::Value) -> Recording {
        let mut entry = json!({"at": 1, "from": "kernel", "arbiter": 7});
        entry.as_object_mut().expect("an object").extend(what.as_object().cloned().unwrap_or_default());
        self.0.push(entry.to_string());
        self
    }

    /// A server of the generation is negotiated.
    fn server(self, on: &str, generation: u32) -> Recording {
        let hello = json!({"type": "hello", "id": 1, "version": 1, "client": {"name": "c", "version": "1"},
            "role": "server", "generation": format!("{generation}-1")});
        self.arbiter(on, GREETING).client(on, &hello.to_string()).welcome(on, generation)
    }

    fn welcome(self, on: &str, generation: u32) -> Recording {
        let welcome = json!({"type": "welcome", "re": 1, "version": 1,
            "generation": format!("{generation}-1"), "capabilities": {}});
        self.arbiter(on, &welcome.to_string())
    }

    fn claims(self, on: &str, address: &str, socket: &str) -> Recording {
        let claim = json!({"type": "readyFor", "id": 2, "address": address, "socket": socket});
        self.client(on, &claim.to_string())
    }

    fn granted(self, on: &str, address: &str, socket: &str) -> Recording {
        let mut granted = json!({"type": "granted", "re": 2, "address": address});
        if socket == "inherit" {
            granted["fds"] = json!(["listener"]);
        }
        self.arbiter(on, &granted.to_string())
    }

    fn gets(self, on: &str, address: &str, socket: &str) -> Recording {
        self.claims(on, address, socket).granted(on, address, socket)
    }

    fn serves(self, on: &str, address: &str) -> Recording {
        self.client(on, &json!({"type": "serving", "address": address}).to_string())
    }

    fn taken_down(self, on: &str, address: &str, reason: &str) -> Recording {
        let takedown =
            json!({"type": "takedown", "id": 1, "address": address, "reason": reason, "drainMs": 9});
        self.arbiter(on, &takedown.to_string())
    }

    fn released(self, on: &str, address: &str) -> Recording {
        self.client(on, &json!({"type": "released", "re": 1, "address": address}).to_string())
    }

    fn checked(&self) -> Checked {
        let file = tempfile::NamedTempFile::new().expect("a file");
        std::fs::write(file.path(), self.0.join("\n")).expect("writable");
        check(file.path()).expect("a recording")
    }

    /// Which guarantee is broken, and that it is at the last line.
    fn broken(&self) -> Option<Guarantee> {
        let Checked { faults, breaches, .. } = self.checked();
        assert!(faults.is_empty(), "{}", faults[0]);
        let (number, breach) = breaches.first()?;
        assert_eq!((*number, breaches.len()), (self.0.len(), 1), "{breaches:?}");
        Some(breach.guarantee)
    }
}

fn two_servers() -> Recording {
    Recording::default().server("old", 1).server("new", 2)
}

fn process(pid: u32) -> serde_json::Value {
    json!({"pid": pid, "start": 5})
}

#[test]
fn a_takedown_before_the_new_server_serves_touches_the_old_one_too_early() {
    let held = two_servers().gets("old", ":80", "inherit").serves("old", ":80").gets("new", ":80", "inherit");
    assert_eq!(held.taken_down("old", ":80", "replaced").broken(), Some(Guarantee::UntouchedUntilReady));
}

#[test]
fn a_takedown_after_the_new_server_serves_is_right_and_so_is_one_that_was_asked_for() {
    let held = || two_servers().gets("old", ":80", "inherit").serves("old", ":80");
    let served = held().gets("new", ":80", "inherit").serves("new", ":80");
    assert_eq!(served.taken_down("old", ":80", "replaced").broken(), None);
    assert_eq!(held().taken_down("old", ":80", "stopping").broken(), None);
}

#[test]
fn a_bound_address_is_taken_for_a_newer_claim_and_for_nothing_else() {
    let held = || two_servers().gets("old", "mailer", "bind").serves("old", "mailer");
    let early = held().taken_down("old", "mailer", "replaced");
    assert_eq!(early.broken(), Some(Guarantee::UntouchedUntilReady));
    let claimed = held().claims("new", "mailer", "bind").taken_down("old", "mailer", "replaced");
    let swapped = claimed.released("old", "mailer").granted("new", "mailer", "bind");
    assert_eq!(swapped.broken(), None);
}

#[test]
fn the_newest_generation_is_not_taken_down_for_an_older_one() {
    let held = two_servers().gets("new", ":80", "inherit").serves("new", ":80").claims("old", ":80", "bind");
    assert_eq!(held.taken_down("new", ":80", "replaced").broken(), Some(Guarantee::UntouchedUntilReady));
}

#[test]
fn an_exclusive_address_that_is_granted_while_somebody_holds_it_has_two_holders() {
    let held = || two_servers().gets("old", "mailer", "bind");
    let twice = held().claims("new", "mailer", "bind").taken_down("old", "mailer", "replaced");
    assert_eq!(twice.granted("new", "mailer", "bind").broken(), Some(Guarantee::NeverTwoHolders));
}

#[test]
fn an_exclusive_address_is_free_when_the_kernel_says_that_its_holder_is_gone() {
    let named = Recording::default()
        .kernel(json!({"on": "old", "peer": process(11)}))
        .kernel(json!({"on": "new", "peer": process(12)}))
        .server("old", 1)
        .server("new", 2)
        .gets("old", "mailer", "bind")
        .claims("new", "mailer", "bind");
    let freed = Recording(named.0.clone()).kernel(json!({"gone": process(11)}));
    assert_eq!(freed.granted("new", "mailer", "bind").broken(), None);
    let other = named.kernel(json!({"gone": process(13)}));
    assert_eq!(other.granted("new", "mailer", "bind").broken(), Some(Guarantee::NeverTwoHolders));
}

#[test]
fn an_address_that_a_newer_generation_serves_is_not_granted_to_an_older_one() {
    let served = two_servers().gets("new", ":80", "inherit").serves("new", ":80");
    assert_eq!(served.gets("old", ":80", "inherit").broken(), Some(Guarantee::NewestWins));
}

#[test]
fn a_newer_server_that_is_to_let_go_or_is_ended_keeps_an_older_one_from_nothing() {
    let third = || two_servers().server("newest", 3).gets("new", ":80", "inherit").serves("new", ":80");
    let asked = third().claims("newest", ":80", "bind").taken_down("new", ":80", "replaced");
    assert_eq!(asked.gets("old", ":80", "inherit").broken(), None);
    let named = Recording::default().kernel(json!({"on": "new", "peer": process(12)}));
    let served = named.server("old", 1).server("new", 2).gets("new", ":80", "inherit").serves("new", ":80");
    let ended = served.kernel(json!({"signalled": process(12)}));
    assert_eq!(ended.gets("old", ":80", "inherit").broken(), None);
}

#[test]
fn what_a_server_lists_when_it_is_back_counts_and_so_does_what_the_state_says() {
    let hello = r#"{"type":"hello","id":1,"version":1,"client":{"name":"c","version":"1"},"role":"server","generation":"2-1","holding":[{"address":":80","serving":true}],"fds":[":80"]}"#;
    let back = Recording::default().server("old", 1).arbiter("new", GREETING).client("new", hello);
    let back = back.welcome("new", 2).gets("old", ":80", "inherit");
    assert_eq!(back.broken(), Some(Guarantee::NewestWins));
    let holder = json!({"pid": 12, "start": 5, "generation": "2-1", "socket": "bind", "serving": true});
    let state = json!({"addresses": {"mailer": {"holders": [holder]}}});
    let recovered = |alive: serde_json::Value| {
        let start = json!({"state": state, "alive": alive});
        let start = json!({"at": 1, "from": "core", "arbiter": 7, "start": start}).to_string();
        Recording(vec![start]).server("old", 1).gets("old", "mailer", "bind").broken()
    };
    assert_eq!(recovered(json!([process(12)])), Some(Guarantee::NeverTwoHolders));
    assert_eq!(recovered(json!([])), None);
}

#[test]
fn what_a_stand_in_lists_is_held_by_the_process_that_it_speaks_for_whatever_its_supervisor_lists() {
    let hello = |generation: u32, pid: u32| {
        json!({"type": "hello", "id": 1, "version": 1, "client": {"name": "c", "version": "1"}, "role": "server",
            "generation": format!("{generation}-1"), "holding": [{"address": ":80", "serving": true}],
            "standIn": {"pid": pid}, "fds": [":80"]})
        .to_string()
    };
    let supervises = |generation: u32| {
        json!({"type": "hello", "id": 1, "version": 1, "client": {"name": "c", "version": "1"}, "role": "supervisor",
            "generation": format!("{generation}-1"), "form": "stay",
            "timeouts": {"drainMs": 9, "killMs": 9, "readyMs": 9}})
        .to_string()
    };
    let peer = |on: &str, pid: u32| json!({"on": on, "peer": process(pid)});
    let holder = json!({"pid": 12, "start": 5, "generation": "1-1", "socket": "inherit", "serving": true});
    let start = json!({"state": {"addresses": {":80": {"holders": [holder]}}}, "alive": [process(12)]});
    let start = json!({"at": 1, "from": "core", "arbiter": 7, "start": start}).to_string();
    let began =
        Recording(vec![start]).kernel(peer("new", 21)).kernel(peer("of new", 21)).kernel(peer("old", 11));
    let back = began.arbiter("new", GREETING).client("new", &hello(2, 22)).welcome("new", 2);
    let back = back.arbiter("of new", GREETING).client("of new", &supervises(2)).welcome("of new", 2);
    let back = back.arbiter("old", GREETING).client("old", &hello(1, 12)).welcome("old", 1);
    assert_eq!(back.taken_down("old", ":80", "replaced").broken(), None);
}
