//! The Rust client of serverswap: a server says that it is ready for an address, is granted
//! the listener, and is notified when a newer generation takes the address over.
//!
//! It deliberately starts no process and decides nothing about who holds an address: that
//! is the arbiter's part, on the other end of the connection.

#[cfg(feature = "tokio")]
pub mod aio;
pub mod client;
#[cfg(feature = "codec")]
pub mod codec;
mod coded_error;
pub mod connection;
pub mod dispatch;
pub mod drain;
pub mod session;
pub mod sys;

pub use client::{Client, ClientError, Listener, Stream, Takedown};
pub use coded_error::CodedError;
pub use connection::{ConnectError, Connection, Environment, Event, Supervision};
pub use dispatch::{CallId, Delivery, Dispatcher, Recipient};
pub use drain::{Drain, DrainPolicy, ProgressThrottle};
pub use serverswap_protocol as protocol;
pub use serverswap_protocol::message::{ClientInfo, Code, TakedownReason};
pub use serverswap_protocol::{Address, AddressError, Generation, SocketMode};
pub use session::{Call, CallError, ConnectTimeouts, Refusal};
