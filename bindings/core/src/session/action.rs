//! What a session asks of its driver.

use serverswap_protocol::Address;
use serverswap_protocol::message::FromClient;

/// To be carried out in order. The answers are [`super::SessionInput`]s.
#[derive(Debug, Clone, PartialEq)]
#[expect(clippy::large_enum_variant, reason = "a few exist at a time, and most are lines")]
pub enum SessionAction<L> {
    /// Watch the directory of the socket, unless that is being done; if it cannot be,
    /// [`super::SessionInput::WatchLost`].
    Watch,
    /// Stop watching the directory.
    Unwatch,
    /// Connect to the socket; answered by [`super::SessionInput::Connected`],
    /// [`super::SessionInput::NotConnected`], [`super::SessionInput::OutOfSight`] or [`super::SessionInput::Busy`].
    Connect,
    /// Send a line with these listeners attached, in the order of its `fds`.
    Send(FromClient, Vec<L>),
    /// Close the link, after what was sent. Nothing more is read from it.
    Close,
    /// Start an arbiter; there is no answer. One that begins changes the directory. Only of a session
    /// [with a program](super::Session::with_arbiter_program) for that.
    StartArbiter,
    /// Open the listener of an address in this process; answered by
    /// [`super::SessionInput::Opened`]. Only of a session that is alone.
    Open(Address),
}
