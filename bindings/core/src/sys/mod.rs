//! Everything that asks the kernel for something, and the only place with `unsafe`.
//!
//! Deliberately no decision about addresses, generations or phases here: these modules move
//! bytes and descriptors and answer questions. Linux only (5.6 or newer, for `pidfd_getfd`).

pub mod channel;
pub mod clock;
pub mod listener;
pub mod peer;
pub mod points;
pub mod process;
#[cfg(feature = "tokio")]
pub(crate) mod readable;
pub mod recvmsg;
pub mod wait;
pub mod watch;
