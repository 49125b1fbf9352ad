//! One end of a protocol connection, spoken by hand: blocking, line by line.
//!
//! It shares the message types and the framing with the product (crate `serverswap-protocol`)
//! and nothing else: no session, no state, no reconnection. So it can say what no client library
//! would, and measure the arbiter without one.

mod connection;

pub use connection::{Received, Wire, WireError};
