//! What the roles of a client do differently on the same link.

use std::fmt::Debug;
use std::time::Duration;

use serverswap_protocol::Address;
use serverswap_protocol::message::{self, Form, FromArbiter, Holding, Timeouts, UnixSockets};

use super::Session;
use super::call_error::CallError;
use super::event::Refusal;

/// A role: a server, or a supervisor or observer, which are sent events.
pub trait Role<L: Clone>: Clone + Debug + Sized {
    /// What its owner calls.
    type Call;

    /// What its owner is to know.
    type Event: Clone + Debug;

    /// How often an arbiter is looked for without a reason. Without it, only when the directory
    /// changes.
    const RETRY_INTERVAL: Option<Duration>;

    /// The capability without which an arbiter is of no use.
    fn needed_capability(&self) -> Option<&'static str>;

    /// What its `hello` says.
    fn announcement(&mut self) -> Announcement<L>;

    /// Takes in a call.
    ///
    /// # Errors
    /// The call is not possible now; nothing was changed.
    fn call(session: &mut Session<L, Self>, call: Self::Call, now: Duration) -> Result<(), CallError>;

    /// The driver was asked to open a listener, and has.
    fn opened(session: &mut Session<L, Self>, address: &Address, listener: Result<L, Refusal>);

    /// The socket was connected to.
    fn connected(session: &mut Session<L, Self>, now: Duration);

    /// Something arrived on the link, whatever it is.
    fn arrived(session: &mut Session<L, Self>, now: Duration);

    /// The `hello` was sent: what is to be sent again on each link.
    fn announced(session: &mut Session<L, Self>);

    /// The welcome came.
    fn welcomed(session: &mut Session<L, Self>, now: Duration);

    /// A line of a welcomed link that no other part of the session has taken.
    fn received(session: &mut Session<L, Self>, message: FromArbiter, fds: Vec<(String, L)>, now: Duration);

    /// An `error` that ends nothing.
    fn failed(session: &mut Session<L, Self>, re: Option<u64>, error: Refusal, now: Duration);

    /// The link is about to be ended by an error, the arbiter's or ours.
    fn refused(session: &mut Session<L, Self>, error: Refusal);

    /// The link has ended, in whichever state it was.
    fn link_lost(session: &mut Session<L, Self>);

    /// When [`Self::tick`] has something to do.
    fn deadline(session: &Session<L, Self>) -> Option<Duration>;

    /// Time has passed.
    fn tick(session: &mut Session<L, Self>, now: Duration);
}

/// What a `hello` says beside who the client is.
#[derive(Debug)]
pub struct Announcement<L> {
    pub(super) role: message::Role,
    pub(super) form: Option<Form>,
    pub(super) timeouts: Option<Timeouts>,
    pub(super) unix_sockets: Option<UnixSockets>,
    pub(super) stand_in: Option<message::StandIn>,
    /// What is held, or owned, each with its listener if there is one.
    pub(super) holding: Vec<(Holding, Option<L>)>,
    /// The addresses whose connections are being finished.
    pub(super) draining: Vec<Address>,
}
