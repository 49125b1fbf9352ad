//! The wire protocol of serverswap, version 1: `spec/README.md` is the normative text,
//! the types here are the source of its schema.
//!
//! Pure: no socket, no clock, no process. Descriptors are a type parameter, so that the
//! same framing runs on `OwnedFd` in the product and on numbers in a test.

pub mod address;
pub mod generation;
pub mod limits;
pub mod line;
pub mod message;
mod overlap;
#[cfg(feature = "schema")]
pub mod schema;
#[cfg(feature = "trace")]
pub mod trace;

pub use address::{Address, AddressError, Endpoint, SocketMode};
pub use generation::Generation;
pub use overlap::Reach;
