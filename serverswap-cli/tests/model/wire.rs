//! A connection: two queues, and which end is still open.
//!
//! As on a Unix stream socket, what was sent survives the sender, and what was not read dies
//! with the receiver, the listeners in it too.

use std::collections::VecDeque;

use serverswap::protocol::Address;
use serverswap::protocol::message::{FromArbiter, FromClient};

/// A listening socket: opened once, and then only duplicated.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct Listener(pub u8);

#[derive(Debug, Clone)]
pub struct Wire {
    /// The client's process id.
    pub client: u32,
    /// To the arbiter.
    pub up: VecDeque<(FromClient, Vec<(Address, Listener)>)>,
    /// To the client.
    pub down: VecDeque<(FromArbiter, Option<Listener>)>,
    pub client_end: End,
    pub arbiter_end: End,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum End {
    Open,
    Closed,
}

impl Wire {
    pub fn new(client: u32) -> Self {
        let (up, down) = (VecDeque::new(), VecDeque::new());
        Wire { client, up, down, client_end: End::Open, arbiter_end: End::Open }
    }

    pub fn send_up(&mut self, message: FromClient, listeners: Vec<(Address, Listener)>) {
        match self.arbiter_end {
            End::Open => self.up.push_back((message, listeners)),
            End::Closed => {}
        }
    }

    pub fn send_down(&mut self, message: FromArbiter, listener: Option<Listener>) {
        match self.client_end {
            End::Open => self.down.push_back((message, listener)),
            End::Closed => {}
        }
    }

    pub fn close_client(&mut self) {
        self.client_end = End::Closed;
        self.down.clear();
    }

    pub fn close_arbiter(&mut self) {
        self.arbiter_end = End::Closed;
        self.up.clear();
    }

    pub fn is_over(&self) -> bool {
        self.client_end == End::Closed && self.arbiter_end == End::Closed
    }

    /// Whether the arbiter has something to read, an end included.
    pub fn is_readable_above(&self) -> bool {
        self.arbiter_end == End::Open && (!self.up.is_empty() || self.client_end == End::Closed)
    }

    /// Whether the client has something to read, an end included.
    pub fn is_readable_below(&self) -> bool {
        self.client_end == End::Open && (!self.down.is_empty() || self.arbiter_end == End::Closed)
    }

    /// Every listener in it that can still be read.
    pub fn listeners(&self) -> impl Iterator<Item = Listener> + '_ {
        let up = self.up.iter().flat_map(|(_, listeners)| listeners.iter().map(|(_, listener)| *listener));
        up.chain(self.down.iter().filter_map(|(_, listener)| *listener))
    }
}
