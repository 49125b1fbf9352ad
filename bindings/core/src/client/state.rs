//! One connection and what has arrived on it: what the blocking client and the one for tokio
//! have in common, below their locks.

use std::collections::BTreeSet;
use std::io;
use std::time::Instant;

use serverswap_protocol::Address;

use super::error::ClientError;
use super::inbox::{Inbox, TakedownNotice};
use crate::connection::Connection;
use crate::dispatch::{CallId, Delivery, Dispatcher};
use crate::session::{Call, CallError};

/// A connection and its inbox. All threads and tasks are one owner.
#[derive(Debug)]
pub(crate) struct ClientState {
    dispatcher: Dispatcher<()>,
    pub inbox: Inbox,
    handled: Handled,
    /// Whether everything that was called was sent, when it was looked at last.
    flushed: bool,
}

/// Which takedowns this server handles.
#[derive(Debug)]
enum Handled {
    /// Those of these addresses.
    Named(BTreeSet<Address>),
    /// Every one: a thread or task waits, or did, for any.
    Every(BTreeSet<Address>),
}

/// Whether something came of it that others may wait for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[must_use]
pub(crate) enum Arrived {
    Nothing,
    Something,
}

impl ClientState {
    pub fn new(connection: Connection) -> Self {
        ClientState {
            dispatcher: Dispatcher::new(connection),
            inbox: Inbox::default(),
            handled: Handled::Named(BTreeSet::new()),
            flushed: false,
        }
    }

    /// Whether everything that was called was sent.
    pub fn is_flushed(&self) -> bool {
        self.flushed
    }

    /// Makes a call, and takes in what follows from it at once.
    pub fn call(&mut self, call: Call) -> Result<(CallId, Arrived), ClientError> {
        let id = self.dispatcher.call((), call)?;
        Ok((id, self.collect()))
    }

    /// Reads, writes, reconnects, without waiting.
    pub fn process(&mut self) -> io::Result<Arrived> {
        self.dispatcher.process()?;
        Ok(self.collect())
    }

    /// Releases an address; how it was taken down, if it was.
    pub fn release(&mut self, address: &Address) -> Result<Option<TakedownNotice>, ClientError> {
        self.dispatcher.call((), Call::Released(address.clone()))?;
        let notice = self.inbox.released(address);
        let _: Arrived = self.collect();
        Ok(notice)
    }

    /// Withdraws a claim that nobody waits for any more, or gives its grant back.
    #[cfg(feature = "tokio")]
    pub fn withdraw(&mut self, claim: CallId) {
        if let Some(address) = self.dispatcher.withdraw(claim) {
            self.inbox.released(&address);
        }
        let _: Arrived = self.collect();
        drop(self.inbox.answer(claim));
    }

    /// From now on the takedown of this address is handled.
    pub fn handle_takedown(&mut self, address: &Address) -> Result<Arrived, ClientError> {
        let (Handled::Named(addresses) | Handled::Every(addresses)) = &mut self.handled;
        if addresses.insert(address.clone()) {
            self.dispatcher.call((), Call::OnTakedown(address.clone()))?;
        }
        Ok(self.collect())
    }

    /// From now on the takedown of every address is handled.
    pub fn handle_every_takedown(&mut self) -> Result<Arrived, ClientError> {
        let (Handled::Named(addresses) | Handled::Every(addresses)) = &mut self.handled;
        self.handled = Handled::Every(std::mem::take(addresses));
        for address in self.inbox.held() {
            let _: Arrived = self.handle_takedown(&address)?;
        }
        Ok(self.collect())
    }

    /// Reports how many connections of a released address are open.
    pub fn report_open(&mut self, address: &Address, open: usize) -> Result<(), ClientError> {
        self.report(address, u64::try_from(open).ok(), None)
    }

    /// Reports how many connections of a released address are still open when the time is over: the program
    /// closes them.
    pub fn report_cut(&mut self, address: &Address, open: usize) -> Result<(), ClientError> {
        self.report(address, None, u64::try_from(open).ok())
    }

    fn report(
        &mut self,
        address: &Address,
        connections: Option<u64>,
        cut: Option<u64>,
    ) -> Result<(), ClientError> {
        let progress = Call::Progress { address: address.clone(), connections, cut, extend: None };
        match self.dispatcher.call((), progress) {
            // It was claimed again meanwhile: nobody waits for the old connections.
            Ok(_) | Err(CallError::NotHeld(_)) => Ok(()),
            Err(error) => Err(error.into()),
        }
    }

    fn collect(&mut self) -> Arrived {
        let flushed = self.dispatcher.connection().is_flushed();
        let mut arrived = if flushed == self.flushed { Arrived::Nothing } else { Arrived::Something };
        self.flushed = flushed;
        while let Some(Delivery { to, event }) = self.dispatcher.next_delivery() {
            arrived = Arrived::Something;
            if let (Handled::Every(handled), Some(address)) = (&mut self.handled, event.address())
                && handled.insert(address.clone())
            {
                // It fails in a forked child only, which has no events.
                let _ = self.dispatcher.call((), Call::OnTakedown(address.clone()));
            }
            self.inbox.put(to, event, Instant::now());
        }
        arrived
    }
}
