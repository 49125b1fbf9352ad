//! What else runs of a generation whose last server has ended: only the news of the server's end waits for it.
//!
//! Many generations may end at once. Those that end while a look waits for its turn are found by it too.

use std::collections::BTreeMap;
use std::os::fd::OwnedFd;
use std::sync::{Arc, Mutex};

use serverswap::protocol::Generation;
use serverswap::sys::process::{Process, members_of_each};
use tokio::sync::mpsc;
use tokio::task::spawn_local;

use super::arbiter::ArbiterInput;
use super::look_thread::{LookThread, lock};

/// The lookups of one arbiter.
pub(super) struct RemainsLookups {
    looks: LookThread,
    inbox: mpsc::Sender<ArbiterInput>,
    /// What the next look is to find; one waits for its turn exactly if there is any.
    waiting: Arc<Mutex<Vec<LastServer>>>,
}

/// The last server of a generation has ended.
#[derive(Debug, Clone, Copy)]
struct LastServer {
    process: Process,
    generation: Generation,
    process_group: Option<u32>,
}

impl RemainsLookups {
    pub(super) fn new(looks: LookThread, inbox: mpsc::Sender<ArbiterInput>) -> Self {
        RemainsLookups { looks, inbox, waiting: Arc::default() }
    }

    /// Sends [`ArbiterInput::Ended`] with what was found.
    pub(super) fn start(&self, process: Process, generation: Generation, process_group: Option<u32>) {
        let is_first = {
            let mut waiting = lock(&self.waiting);
            waiting.push(LastServer { process, generation, process_group });
            waiting.len() == 1
        };
        if is_first {
            self.look();
        }
    }

    fn look(&self) {
        let waiting = Arc::downgrade(&self.waiting);
        let found = self.looks.run(move || {
            // Without an arbiter nobody waits for it.
            let waiting = waiting.upgrade()?;
            let ended = std::mem::take(&mut *lock(&waiting));
            Some(remains(&ended))
        });
        let inbox = self.inbox.clone();
        spawn_local(async move {
            for (process, remains) in found.await.flatten().unwrap_or_default() {
                let _ = inbox.send(ArbiterInput::Ended { process, remains }).await;
            }
        });
    }
}

/// The remains of a generation come with one of its servers.
fn remains(ended: &[LastServer]) -> Vec<(Process, Vec<(Process, OwnedFd)>)> {
    let mut generations: BTreeMap<Generation, Vec<u32>> = BTreeMap::new();
    for server in ended {
        generations.entry(server.generation).or_default().extend(server.process_group);
    }
    let mut found = members_of_each(&generations).unwrap_or_default();
    let mut remains_of = |generation| found.remove(&generation).unwrap_or_default();
    ended.iter().map(|server| (server.process, remains_of(server.generation))).collect()
}
