//! The `hello` and its `holding` lines: what is held, with the listeners attached, and
//! what is being finished.
//!
//! Rules: a line has at most 128 entries, so that every listener can be attached, and stays
//! below the longest line whatever the addresses are. The list of draining addresses is cut
//! where the first line is full: it only tells that the process is not to be ended.

use std::collections::BTreeSet;

use serverswap_protocol::Address;
use serverswap_protocol::limits::{HOLDING_PER_LINE_MAX, LINE_BYTES_MAX};
use serverswap_protocol::message::{FromClient, Hello, Holding, HoldingMore, Role, VERSION};

use super::Identity;
use super::addresses::{AddressState, Addresses};

/// Room for everything in a line but its lists.
const ENVELOPE_BYTES: usize = 4_096;

/// What an entry of `holding` needs beside its address, in bytes, with commas.
const ENTRY_BYTES: usize = r#"{"address":,"serving":false,"onTakedown":true},,"#.len();

/// The lines, each with its listeners in the order of its `fds`.
pub(super) fn lines<L: Clone>(
    id: u64,
    identity: &Identity,
    addresses: &Addresses<L>,
    handled: &BTreeSet<Address>,
) -> Vec<(FromClient, Vec<L>)> {
    let mut parts = parts(addresses, handled);
    let first = parts.remove(0);
    let hello = Hello {
        id,
        version: VERSION,
        client: identity.client.clone(),
        role: Role::Server,
        generation: identity.generation,
        draining: draining(addresses, first.bytes),
        holding: first.holding,
        more: !parts.is_empty(),
        form: None,
        timeouts: None,
        fds: first.fds,
    };
    let mut lines = vec![(FromClient::Hello(hello), first.listeners)];
    let mut left = parts.len();
    for Part { holding, fds, listeners, .. } in parts {
        left -= 1;
        lines.push((FromClient::Holding(HoldingMore { holding, more: left > 0, fds }), listeners));
    }
    lines
}

/// The lists of one line.
struct Part<L> {
    holding: Vec<Holding>,
    fds: Vec<String>,
    listeners: Vec<L>,
    bytes: usize,
}

impl<L> Part<L> {
    fn empty() -> Self {
        Part { holding: Vec::new(), fds: Vec::new(), listeners: Vec::new(), bytes: ENVELOPE_BYTES }
    }
}

/// What is held, in portions of a line; at least one.
fn parts<L: Clone>(addresses: &Addresses<L>, handled: &BTreeSet<Address>) -> Vec<Part<L>> {
    let mut parts = Vec::new();
    let mut part = Part::empty();
    for (address, state) in addresses.iter() {
        let (serving, listener) = match state {
            AddressState::Granted(granted) => (false, &granted.listener),
            AddressState::Serving(serving) => (true, &serving.listener),
            AddressState::TakingDown(taking_down) => (taking_down.serves, &taking_down.listener),
            AddressState::Free | AddressState::Claiming(_) | AddressState::Draining(_) => continue,
        };
        // Its text stands in `holding` and in `fds`.
        let bytes = ENTRY_BYTES + 2 * encoded_bytes(address);
        if part.holding.len() == HOLDING_PER_LINE_MAX || part.bytes + bytes > LINE_BYTES_MAX {
            parts.push(std::mem::replace(&mut part, Part::empty()));
        }
        part.bytes += bytes;
        let on_takedown = handled.contains(address);
        part.holding.push(Holding { address: address.clone(), serving, on_takedown });
        if let Some(listener) = listener {
            part.fds.push(address.to_string());
            part.listeners.push(listener.clone());
        }
    }
    parts.push(part);
    parts
}

/// The addresses that are being finished, as many as the line has room for.
fn draining<L>(addresses: &Addresses<L>, taken_bytes: usize) -> Vec<Address> {
    let mut bytes = taken_bytes;
    let mut draining = Vec::new();
    for (address, state) in addresses.iter() {
        match state {
            AddressState::Draining(_) => {
                bytes += encoded_bytes(address) + 1;
                if bytes > LINE_BYTES_MAX {
                    break;
                }
                draining.push(address.clone());
            }
            AddressState::Free
            | AddressState::Claiming(_)
            | AddressState::Granted(_)
            | AddressState::Serving(_)
            | AddressState::TakingDown(_) => {}
        }
    }
    draining
}

/// The length of an address as JSON text.
fn encoded_bytes(address: &Address) -> usize {
    serde_json::to_string(address).map_or(LINE_BYTES_MAX, |text| text.len())
}
