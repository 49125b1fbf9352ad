//! The points in the programs that are shipped: none.

use serde_json::{Map, Value};
use serverswap_protocol::message::Message;

/// The process is at this point.
#[inline(always)]
pub fn at(_name: &str) {}

/// The points of the lines of one connection.
#[derive(Debug, Default)]
pub struct Lines;

impl Lines {
    /// The points of a connection on which `Out` is sent.
    #[inline(always)]
    pub fn sending<Out: Message>() -> Self {
        Lines
    }

    /// A line was queued.
    #[inline(always)]
    pub fn queued(&mut self, _line: &[u8]) {}

    /// What is queued is about to be sent.
    #[inline(always)]
    pub fn before_sending(&self) {}

    /// It was sent as far as possible; so many bytes are left.
    #[inline(always)]
    pub fn after_sending(&mut self, _bytes_left: usize) {}

    /// A line has arrived and is about to be acted upon.
    #[inline(always)]
    pub fn received(&mut self, _line: &Map<String, Value>) {}

    /// What arrived before has been acted upon.
    #[inline(always)]
    pub fn handled(&mut self) {}
}
