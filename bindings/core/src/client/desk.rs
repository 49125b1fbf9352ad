//! One connection and what has arrived on it: what the blocking client and the one for tokio
//! have in common, below their locks.

use std::io;
use std::time::Instant;

use serverswap_protocol::Address;

use super::error::ClientError;
use super::inbox::{Inbox, Told};
use crate::connection::Connection;
use crate::session::UseError;

/// A connection and its inbox.
#[derive(Debug)]
pub(crate) struct Desk {
    connection: Connection,
    pub inbox: Inbox,
    takedowns: Takedowns,
}

/// Which takedowns this server handles.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Takedowns {
    /// Those of the addresses that were named.
    Named,
    /// Every one: somebody waits, or did, for any.
    Every,
}

/// Whether something came of it that others may wait for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[must_use]
pub(crate) enum Arrived {
    Nothing,
    Something,
}

impl Desk {
    pub fn new(connection: Connection) -> Self {
        Desk { connection, inbox: Inbox::default(), takedowns: Takedowns::Named }
    }

    /// Says a word, and takes in what follows from it at once.
    pub fn say(
        &mut self,
        word: impl FnOnce(&mut Connection) -> Result<(), UseError>,
    ) -> Result<Arrived, ClientError> {
        word(&mut self.connection)?;
        Ok(self.collect())
    }

    /// Reads, writes, reconnects, without waiting.
    pub fn process(&mut self) -> io::Result<Arrived> {
        self.connection.process()?;
        Ok(self.collect())
    }

    /// Lets go of an address; how it was taken down, if it was.
    pub fn release(&mut self, address: &Address) -> Result<Option<Told>, ClientError> {
        self.connection.released(address)?;
        let told = self.inbox.let_go(address);
        let _: Arrived = self.collect();
        Ok(told)
    }

    /// From now on the takedown of every address is handled.
    pub fn handle_every_takedown(&mut self) -> Result<(), ClientError> {
        self.takedowns = Takedowns::Every;
        for address in self.inbox.held() {
            self.connection.on_takedown(&address)?;
        }
        Ok(())
    }

    fn collect(&mut self) -> Arrived {
        let mut arrived = Arrived::Nothing;
        while let Some(event) = self.connection.next_event() {
            arrived = Arrived::Something;
            if let (Takedowns::Every, Some(address)) = (self.takedowns, event.address()) {
                // It fails in a forked child only, which has no events.
                let _ = self.connection.on_takedown(address);
            }
            self.inbox.put(event, Instant::now());
        }
        arrived
    }
}
