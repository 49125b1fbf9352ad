//! What else runs of a generation whose last server has ended: only the news of the server's end waits for it.

use serverswap::protocol::Generation;
use serverswap::sys::process::{Process, generation_members};
use tokio::sync::mpsc;
use tokio::task::spawn_local;

use super::arbiter::ArbiterInput;
use super::look_thread::LookThread;

/// The lookups of one arbiter.
pub(super) struct RemainsLookups {
    looks: LookThread,
    inbox: mpsc::Sender<ArbiterInput>,
}

impl RemainsLookups {
    pub(super) fn new(looks: LookThread, inbox: mpsc::Sender<ArbiterInput>) -> Self {
        RemainsLookups { looks, inbox }
    }

    /// Sends [`ArbiterInput::Ended`] with what was found.
    pub(super) fn start(&self, process: Process, generation: Generation, process_group: Option<u32>) {
        let look = move || generation_members(generation, process_group.as_slice()).unwrap_or_default();
        let found = self.looks.run(look);
        let inbox = self.inbox.clone();
        spawn_local(async move {
            let remains = found.await.unwrap_or_default();
            // Without an arbiter nobody waits for it.
            let _ = inbox.send(ArbiterInput::Ended { process, remains }).await;
        });
    }
}
