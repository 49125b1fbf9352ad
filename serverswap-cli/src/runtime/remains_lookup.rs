//! What else runs of a generation whose last server has ended.
//!
//! To find it costs a look at every process of the machine: that is done on a thread, and only the news of
//! the server's end waits for it.

use std::os::fd::OwnedFd;
use std::thread;

use serverswap::protocol::Generation;
use serverswap::sys::process::{Process, generation_members};
use tokio::sync::{mpsc, oneshot};
use tokio::task::spawn_local;

use super::arbiter::ArbiterInput;

/// The lookups of one arbiter.
pub(super) struct RemainsLookups {
    inbox: mpsc::Sender<ArbiterInput>,
}

impl RemainsLookups {
    pub(super) fn new(inbox: mpsc::Sender<ArbiterInput>) -> Self {
        RemainsLookups { inbox }
    }

    /// Sends [`ArbiterInput::Ended`] with what was found.
    pub(super) fn start(&self, process: Process, generation: Generation, process_group: Option<u32>) {
        let inbox = self.inbox.clone();
        spawn_local(async move {
            let remains = find(generation, process_group).await;
            // Without an arbiter nobody waits for it.
            let _ = inbox.send(ArbiterInput::Ended { process, remains }).await;
        });
    }
}

/// Where there is no thread to be had, it is done here.
async fn find(generation: Generation, process_group: Option<u32>) -> Vec<(Process, OwnedFd)> {
    let look = move || generation_members(generation, process_group.as_slice()).unwrap_or_default();
    let (answer, found) = oneshot::channel();
    // It is too late for an answer that nobody takes.
    let on_thread = move || drop(answer.send(look()));
    match thread::Builder::new().name("remains-lookup".to_owned()).spawn(on_thread) {
        Ok(_) => found.await.unwrap_or_default(),
        Err(_) => look(),
    }
}
