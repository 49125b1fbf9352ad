//! The texts themselves: each kind of end once, and the forms of a line.

mod lines;
mod summaries;

use std::time::Duration;

use serverswap::protocol::message::Code;
use serverswap::protocol::{Address, Generation};

use super::json::{outcome_json, setup_error_json};
use super::style::{Colour, LineTime, Style};
use super::summary::Summary;
use super::*;
use crate::output::{OutputTail, Unseen};
use crate::supervisor::Starts;

fn address(text: &str) -> Address {
    text.parse().expect("tests use valid addresses")
}

fn swap(text: &str, standing: ClaimStanding) -> ClaimOutcome {
    let served = matches!(standing, ClaimStanding::Serving | ClaimStanding::Replaced);
    let ready = served || standing == ClaimStanding::Granted;
    ClaimOutcome {
        address: address(text),
        standing,
        ready_after: ready.then_some(Duration::from_millis(312)),
        serving_after: served.then_some(Duration::from_millis(331)),
    }
}

fn failed(text: &str, code: Code, message: &str) -> ClaimOutcome {
    swap(text, ClaimStanding::Failed { code, message: message.to_owned() })
}

/// An outcome of `node server.js`, pid 4242, after 28 seconds.
fn outcome(ending: RunEnding, reached: Reached, addresses: Vec<ClaimOutcome>) -> RunOutcome {
    let facts = RunFacts {
        command: "node server.js".to_owned(),
        generation: Generation { start: 2_000, pid: 77 },
        pid: Some(4242),
        restarts: 0,
        starts: Starts::Speaking,
        not_ready: None,
        reached,
        ready_timeout: Duration::from_secs(60),
        addresses,
        replaced: Vec::new(),
        cut_short: Vec::new(),
        duration: Duration::from_secs(28),
    };
    RunOutcome { ending, facts }
}

fn serves(pid: u32, text: &str) -> StillServing {
    StillServing::Known(vec![ServingServer { address: address(text), pid }])
}

fn nobody() -> StillServing {
    StillServing::Known(Vec::new())
}
