//! A takedown that the server works on.

use std::fmt;
use std::sync::Arc;
use std::time::{Duration, Instant};

use serverswap_protocol::Address;
use serverswap_protocol::message::TakedownReason;

use super::error::ClientError;
use super::inbox::TakedownNotice;
use crate::drain::Drain;

/// An address is to be released: stop accepting, then call [`Self::released`]. Dropped without
/// that, the address stays held, and the server is ended when its time is over.
#[must_use = "the address is held until `released` is called"]
pub struct Takedown {
    client: Arc<dyn Release>,
    notice: TakedownNotice,
}

/// What a client does to release an address.
pub(crate) trait Release: Send + Sync {
    /// Releases it; how the address was taken down, if it was.
    fn release(&self, address: &Address) -> Result<Option<TakedownNotice>, ClientError>;
}

impl Takedown {
    pub(crate) fn new(client: Arc<dyn Release>, notice: TakedownNotice) -> Self {
        Takedown { client, notice }
    }

    /// The address.
    pub fn address(&self) -> &Address {
        &self.notice.address
    }

    /// Why it is taken.
    pub fn reason(&self) -> &TakedownReason {
        &self.notice.reason
    }

    /// For how long open connections may be finished, from when the takedown arrived.
    pub fn drain(&self) -> Duration {
        self.notice.drain
    }

    /// For how long responses may that still make progress, if the server asks for the time with
    /// [`progress`](crate::Client::progress); no shorter than [`Self::drain`].
    pub fn stream(&self) -> Duration {
        self.notice.stream
    }

    /// When [`Self::drain`] is over, and the server gets TERM.
    pub fn deadline(&self) -> Instant {
        self.notice.term()
    }

    /// The server has stopped accepting, and releases the address. Returns until when open connections
    /// may be finished: a little before [`Self::deadline`].
    ///
    /// # Errors
    /// Somebody else has released it already.
    pub fn released(self) -> Result<Instant, ClientError> {
        self.client.release(&self.notice.address)?;
        Ok(self.notice.drain_deadline())
    }
}

impl Takedown {
    /// Releases the address; which one, and until when what `open` counts may be finished.
    pub(crate) fn release(self, open: &Drain) -> Result<(Address, Instant), ClientError> {
        let TakedownNotice { address, drain, arrived, .. } = self.notice;
        self.client.release(&address)?;
        Ok((address, open.deadline(Some((arrived, drain)))))
    }
}

impl fmt::Debug for Takedown {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Takedown").field(&self.notice).finish()
    }
}
