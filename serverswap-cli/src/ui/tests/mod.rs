//! The words themselves: each kind of end once, and the forms of a line.

mod lines;
mod verdicts;

use std::time::Duration;

use serverswap::protocol::message::Code;
use serverswap::protocol::{Address, Generation};

use super::*;
use crate::printed::Printed;

fn address(text: &str) -> Address {
    text.parse().expect("tests use valid addresses")
}

fn swap(text: &str, standing: Standing) -> Swap {
    let served = matches!(standing, Standing::Serving | Standing::Replaced);
    let ready = served || standing == Standing::Granted;
    Swap {
        address: address(text),
        standing,
        ready_after: ready.then_some(Duration::from_millis(312)),
        serving_after: served.then_some(Duration::from_millis(331)),
    }
}

fn failed(text: &str, code: Code, message: &str) -> Swap {
    swap(text, Standing::Failed { code, message: message.to_owned() })
}

/// An outcome of `node server.js`, pid 4242, after 28 seconds.
fn outcome(ending: Ending, reached: Reached, addresses: Vec<Swap>) -> Outcome {
    let facts = Facts {
        command: "node server.js".to_owned(),
        generation: Generation { start: 2_000, pid: 77 },
        pid: Some(4242),
        restarts: 0,
        reached,
        ready_timeout: Duration::from_secs(60),
        addresses,
        replaced: Vec::new(),
        duration: Duration::from_secs(28),
    };
    Outcome { ending, facts }
}

fn serves(pid: u32, text: &str) -> Survivors {
    Survivors::Known(vec![Survivor { address: address(text), pid }])
}

fn nobody() -> Survivors {
    Survivors::Known(Vec::new())
}
