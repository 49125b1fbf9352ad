//! The `hello` and its `holding` lines: what is held, with the listeners attached, and what is
//! being finished.
//!
//! Rules: a line has at most 128 entries, so that every listener can be attached, and stays
//! below the longest line whatever the addresses are. The list of draining addresses is cut
//! where the first line is full: it only tells that the process is not to be ended.

use serverswap_protocol::Address;
use serverswap_protocol::limits::{HOLDING_PER_LINE_MAX, LINE_BYTES_MAX};
use serverswap_protocol::message::{FromClient, Hello, Holding, HoldingMore, VERSION};

use super::Identity;
use super::role::Announcement;

/// Room for everything in a line but its lists.
const ENVELOPE_BYTES: usize = 4_096;

/// What an entry of `holding` needs beside its address, in bytes, with commas.
const ENTRY_BYTES: usize = r#"{"address":,"serving":false,"onTakedown":true},,"#.len();

/// The lines, each with its listeners in the order of its `fds`.
pub(super) fn lines<L>(
    id: u64,
    identity: &Identity,
    announcement: Announcement<L>,
) -> Vec<(FromClient, Vec<L>)> {
    let Announcement { role, form, timeouts, unix_sockets, stand_in, holding, draining } = announcement;
    let mut parts = parts(holding);
    let first = parts.remove(0);
    let hello = Hello {
        id,
        version: VERSION,
        client: identity.client.clone(),
        role,
        generation: identity.generation,
        draining: cut(draining, first.bytes),
        holding: first.holding,
        more: !parts.is_empty(),
        form,
        timeouts,
        unix_sockets,
        stand_in,
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
fn parts<L>(held: Vec<(Holding, Option<L>)>) -> Vec<Part<L>> {
    let mut parts = Vec::new();
    let mut part = Part::empty();
    for (holding, listener) in held {
        // Its text stands in `holding` and in `fds`.
        let bytes = ENTRY_BYTES + 2 * encoded_bytes(&holding.address);
        if part.holding.len() == HOLDING_PER_LINE_MAX || part.bytes + bytes > LINE_BYTES_MAX {
            parts.push(std::mem::replace(&mut part, Part::empty()));
        }
        part.bytes += bytes;
        if let Some(listener) = listener {
            part.fds.push(holding.address.to_string());
            part.listeners.push(listener);
        }
        part.holding.push(holding);
    }
    parts.push(part);
    parts
}

/// As many of the addresses as the line has room for.
fn cut(draining: Vec<Address>, taken_bytes: usize) -> Vec<Address> {
    let mut bytes = taken_bytes;
    let has_room = |address: &Address| {
        bytes += encoded_bytes(address) + 1;
        bytes <= LINE_BYTES_MAX
    };
    draining.into_iter().take_while(has_room).collect()
}

/// The length of an address as JSON text.
fn encoded_bytes(address: &Address) -> usize {
    serde_json::to_string(address).map_or(LINE_BYTES_MAX, |text| text.len())
}
