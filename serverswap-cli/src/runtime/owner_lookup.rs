//! Who has an address that the arbiter could not open.
//!
//! To find it costs a look at every descriptor of every process of the user: that is done on a
//! thread, for a bounded time, and only the refused claim waits for it.

use std::sync::Arc;
use std::thread;
use std::time::Duration;

use serverswap::protocol::Address;
use serverswap::sys::listener::{Owner, owner_of};
use tokio::sync::{Semaphore, mpsc, oneshot};
use tokio::task::spawn_local;
use tokio::time::timeout;

use super::arbiter::Input;

/// How long a claim may wait for the name of the process that is in its way.
const LOOKUP_WAIT: Duration = Duration::from_secs(10);

/// Most lookups at the same time; others wait for one of them, and no longer than [`LOOKUP_WAIT`].
const LOOKUPS_MAX: usize = 2;

/// The lookups of one arbiter.
pub(super) struct OwnerLookups {
    threads: Arc<Semaphore>,
    inbox: mpsc::Sender<Input>,
}

impl OwnerLookups {
    pub(super) fn new(inbox: mpsc::Sender<Input>) -> Self {
        OwnerLookups { threads: Arc::new(Semaphore::new(LOOKUPS_MAX)), inbox }
    }

    /// Sends [`Input::OwnerFound`], with no owner if none was found in time.
    pub(super) fn start(&self, address: Address) {
        let (threads, inbox) = (Arc::clone(&self.threads), self.inbox.clone());
        spawn_local(async move {
            let owner = timeout(LOOKUP_WAIT, find(address.clone(), threads)).await.unwrap_or_default();
            // Without an arbiter nobody waits for it.
            let _ = inbox.send(Input::OwnerFound { address, owner }).await;
        });
    }
}

/// Where there is no thread to be had, nothing is found.
async fn find(address: Address, threads: Arc<Semaphore>) -> Option<Owner> {
    let running = threads.acquire_owned().await.ok()?;
    let (answer, owner) = oneshot::channel();
    let look = move || {
        let _running = running;
        // It is too late for an answer that nobody takes.
        let _ = answer.send(owner_of(&address));
    };
    thread::Builder::new().name("owner-lookup".to_owned()).spawn(look).ok()?;
    owner.await.ok().flatten()
}
