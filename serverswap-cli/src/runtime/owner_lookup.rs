//! Who has an address that the arbiter could not open.
//!
//! To find it costs a look at every descriptor of every process of the user: that is done on a
//! thread, for a bounded time, and only the refused claim waits for it.

use std::sync::Arc;
use std::thread;
use std::time::Duration;

use serverswap::protocol::Address;
use serverswap::sys::listener::{SocketOwner, owner_of};
use tokio::sync::{Semaphore, mpsc, oneshot};
use tokio::task::spawn_local;
use tokio::time::timeout;

use super::arbiter::ArbiterInput;

/// How long a claim may wait for the name of the process that is in its way.
const LOOKUP_WAIT: Duration = Duration::from_secs(10);

/// Most lookups at the same time; others wait for one of them, and no longer than [`LOOKUP_WAIT`].
const LOOKUPS_MAX: usize = 2;

/// The lookups of one arbiter.
pub(super) struct OwnerLookups {
    threads: Arc<Semaphore>,
    inbox: mpsc::Sender<ArbiterInput>,
}

impl OwnerLookups {
    pub(super) fn new(inbox: mpsc::Sender<ArbiterInput>) -> Self {
        OwnerLookups { threads: Arc::new(Semaphore::new(LOOKUPS_MAX)), inbox }
    }

    /// For others who look at the sockets of processes.
    pub(super) fn threads(&self) -> Arc<Semaphore> {
        Arc::clone(&self.threads)
    }

    /// Sends [`ArbiterInput::OwnerFound`], with no owner if none was found in time.
    pub(super) fn start(&self, address: Address) {
        let (threads, inbox) = (Arc::clone(&self.threads), self.inbox.clone());
        spawn_local(async move {
            let owner = owner(address.clone(), threads).await;
            // Without an arbiter nobody waits for it.
            let _ = inbox.send(ArbiterInput::OwnerFound { address, owner }).await;
        });
    }
}

/// `None` if none was found in time.
pub(super) async fn owner(address: Address, threads: Arc<Semaphore>) -> Option<SocketOwner> {
    timeout(LOOKUP_WAIT, on_thread(threads, move || owner_of(&address))).await.ok().flatten().flatten()
}

/// `None` where there is no thread to be had.
pub(super) async fn on_thread<T: Send + 'static>(
    threads: Arc<Semaphore>,
    look: impl FnOnce() -> T + Send + 'static,
) -> Option<T> {
    let running = threads.acquire_owned().await.ok()?;
    let (answer, found) = oneshot::channel();
    let look = move || {
        let _running = running;
        // It is too late for an answer that nobody takes.
        let _ = answer.send(look());
    };
    thread::Builder::new().name("socket-lookup".to_owned()).spawn(look).ok()?;
    found.await.ok()
}

#[cfg(test)]
mod tests {
    use std::net::TcpListener;

    use tokio::runtime::Builder;
    use tokio::task::LocalSet;

    use super::*;

    async fn found(inbox: &mut mpsc::Receiver<ArbiterInput>) -> Option<SocketOwner> {
        match inbox.recv().await.expect("a lookup sends its answer") {
            ArbiterInput::OwnerFound { owner, .. } => owner,
            ArbiterInput::Connected(_)
            | ArbiterInput::Received { .. }
            | ArbiterInput::Sent { .. }
            | ArbiterInput::Exited(_)
            | ArbiterInput::Ended { .. }
            | ArbiterInput::Signalled { .. }
            | ArbiterInput::SignalSent { .. }
            | ArbiterInput::Looked { .. }
            | ArbiterInput::BindOwnerFound { .. }
            | ArbiterInput::Listens { .. }
            | ArbiterInput::DoesNotListen { .. } => {
                panic!("a lookup sends an owner")
            }
        }
    }

    #[test]
    fn the_process_that_has_an_address_is_found() {
        let taken = TcpListener::bind(("127.0.0.1", 0)).expect("a free port");
        let address = taken.local_addr().expect("bound").to_string().parse().expect("an address");
        let runtime = Builder::new_current_thread().enable_all().build().expect("a runtime");
        LocalSet::new().block_on(&runtime, async {
            let (sender, mut inbox) = mpsc::channel(1);
            OwnerLookups::new(sender).start(address);
            let owner = found(&mut inbox).await.expect("this process has it");
            assert_eq!(owner.pid, std::process::id());
        });
    }

    #[test]
    fn a_refused_claim_waits_no_longer_than_the_limit_for_the_name_of_the_process() {
        let runtime = Builder::new_current_thread().enable_all().start_paused(true).build();
        LocalSet::new().block_on(&runtime.expect("a runtime"), async {
            let (sender, mut inbox) = mpsc::channel(1);
            let lookups = OwnerLookups::new(sender);
            let all = u32::try_from(LOOKUPS_MAX).expect("a few");
            let _busy = lookups.threads.acquire_many(all).await.expect("free");
            let began = tokio::time::Instant::now();
            lookups.start(":1".parse().expect("an address"));
            assert_eq!(found(&mut inbox).await, None);
            assert_eq!(began.elapsed(), LOOKUP_WAIT);
        });
    }
}
