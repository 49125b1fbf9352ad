//! What the kernel says of the sockets that servers bind for themselves.
//!
//! Deliberately nothing is decided about addresses here: a message is passed on to the core at once, later, or
//! answered. Rules:
//! - A claim by `bind` on an address that is free in this directory and in use on this machine is looked into, on a
//!   thread: it is refused with the name of the program, unless that was started in this directory.
//! - `serving` of a bound address is passed on as soon as a process of the generation listens there. That is asked
//!   once, on a thread, where the server is right; again and again only for as long as it is not.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use serverswap::protocol::message::ReadyFor;
use serverswap::protocol::{Address, Generation};
use serverswap::sys::listener::listens;
use serverswap::sys::process::{self, Process, generation_members};
use tokio::sync::{Semaphore, mpsc};
use tokio::time::{Instant, sleep};

use super::arbiter::ArbiterInput;
use super::owner_lookup::{on_thread, owner};
use super::task::Task;
use crate::arbiter::ConnectionId;

/// From one look to the next at a server that says `serving` and does not listen: the first and the longest pause.
const PAUSE_MIN: Duration = Duration::from_millis(10);
const PAUSE_MAX: Duration = Duration::from_secs(1);

/// How long such a server may take to listen before its supervisor is told.
const LISTEN_WAIT: Duration = Duration::from_secs(1);

/// The questions of one arbiter that are open. An entry is dropped with what it is about.
pub(super) struct BoundAddresses {
    claims: BTreeMap<(ConnectionId, Address), OpenClaim>,
    serving: BTreeMap<(ConnectionId, Address), Task>,
    threads: Arc<Semaphore>,
    inbox: mpsc::Sender<ArbiterInput>,
}

struct OpenClaim {
    claim: ReadyFor,
    _lookup: Task,
}

impl BoundAddresses {
    pub(super) fn new(threads: Arc<Semaphore>, inbox: mpsc::Sender<ArbiterInput>) -> Self {
        BoundAddresses { claims: BTreeMap::new(), serving: BTreeMap::new(), threads, inbox }
    }

    /// Sends [`ArbiterInput::BindOwnerFound`]: the claim is kept until [`Self::take_claim`].
    pub(super) fn look_for_owner(&mut self, link: ConnectionId, claim: ReadyFor) {
        let (threads, inbox, address) =
            (Arc::clone(&self.threads), self.inbox.clone(), claim.address.clone());
        let key = (link, address.clone());
        let lookup = Task::spawn(async move {
            let owner = owner(address.clone(), threads).await;
            let _ = inbox.send(ArbiterInput::BindOwnerFound { link, address, owner }).await;
        });
        self.claims.insert(key, OpenClaim { claim, _lookup: lookup });
    }

    /// The claim that waits for a lookup, which ends with it.
    pub(super) fn take_claim(&mut self, link: ConnectionId, address: &Address) -> Option<ReadyFor> {
        self.claims.remove(&(link, address.clone())).map(|open| open.claim)
    }

    /// Sends [`ArbiterInput::Listens`] as soon as it is so, and [`ArbiterInput::DoesNotListen`] once before
    /// that if it takes long.
    pub(super) fn wait_until_listening(
        &mut self,
        link: ConnectionId,
        process: Process,
        generation: Generation,
        address: Address,
    ) {
        let (threads, inbox, key) = (Arc::clone(&self.threads), self.inbox.clone(), (link, address.clone()));
        self.serving.entry(key).or_insert_with(|| {
            Task::spawn(async move {
                let look = LookForListener { process, generation, address: address.clone() };
                look.until_found(&threads, &inbox, link).await;
                let _ = inbox.send(ArbiterInput::Listens { link, address }).await;
            })
        });
    }

    /// The server serves, or has released the address.
    pub(super) fn forget(&mut self, link: ConnectionId, address: &Address) {
        self.serving.remove(&(link, address.clone()));
    }

    /// Drops what is about connections that have ended.
    pub(super) fn retain(&mut self, is_open: impl Fn(ConnectionId) -> bool) {
        self.claims.retain(|(link, _), _| is_open(*link));
        self.serving.retain(|(link, _), _| is_open(*link));
    }
}

#[derive(Clone)]
struct LookForListener {
    process: Process,
    generation: Generation,
    address: Address,
}

impl LookForListener {
    async fn until_found(
        &self,
        threads: &Arc<Semaphore>,
        inbox: &mpsc::Sender<ArbiterInput>,
        link: ConnectionId,
    ) {
        let (mut pause, mut tell_at) = (PAUSE_MIN, Some(Instant::now() + LISTEN_WAIT));
        loop {
            let look = self.clone();
            // Without a thread the server is believed.
            if on_thread(Arc::clone(threads), move || look.found()).await.unwrap_or(true) {
                return;
            }
            if tell_at.is_some_and(|at| at <= Instant::now()) {
                tell_at = None;
                let owner = owner(self.address.clone(), Arc::clone(threads)).await;
                let address = self.address.clone();
                let _ = inbox.send(ArbiterInput::DoesNotListen { link, address, owner }).await;
            }
            sleep(pause).await;
            pause = (pause * 2).min(PAUSE_MAX);
        }
    }

    /// The server itself is looked at first: to find the others costs a look at every process of the machine.
    fn found(&self) -> bool {
        let group = process::group(self.process.pid).ok();
        let others = || generation_members(self.generation, group.as_slice()).unwrap_or_default();
        listens([self.process.pid], &self.address)
            || listens(others().into_iter().map(|(member, _)| member.pid), &self.address)
    }
}
