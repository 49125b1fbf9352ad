//! A takedown that the server works on.

use std::fmt;
use std::sync::Arc;
use std::time::{Duration, Instant};

use serverswap_protocol::Address;
use serverswap_protocol::message::TakedownReason;

use super::error::ClientError;
use super::inbox::Told;

/// An address is to be let go of: stop accepting, then say [`Self::released`]. Dropped
/// without that, nothing is said, and the server is ended when its time is over.
#[must_use = "the address is held until `released` is said"]
pub struct Takedown {
    client: Arc<dyn Release>,
    told: Told,
}

/// What a client does to let go of an address.
pub(crate) trait Release: Send + Sync {
    /// Lets go; how the address was taken down, if it was.
    fn release(&self, address: &Address) -> Result<Option<Told>, ClientError>;
}

impl Takedown {
    pub(crate) fn new(client: Arc<dyn Release>, told: Told) -> Self {
        Takedown { client, told }
    }

    /// The address.
    pub fn address(&self) -> &Address {
        &self.told.address
    }

    /// Why it is taken.
    pub fn reason(&self) -> &TakedownReason {
        &self.told.reason
    }

    /// For how long open connections may be finished, from when the takedown arrived.
    pub fn drain(&self) -> Duration {
        self.told.drain
    }

    /// When that is over, and the server gets TERM.
    pub fn deadline(&self) -> Instant {
        self.told.deadline
    }

    /// The server has stopped accepting, and lets go. Returns the deadline, until which open
    /// connections may be finished.
    ///
    /// # Errors
    /// Somebody else has let go of it already.
    pub fn released(self) -> Result<Instant, ClientError> {
        self.client.release(&self.told.address)?;
        Ok(self.told.deadline)
    }
}

impl fmt::Debug for Takedown {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Takedown").field(&self.told).finish()
    }
}
