//! Whether servers for which nobody speaks any more wait for connections.
//!
//! Deliberately no judgement: of a server of which it cannot be told, it is assumed, because it is asked only where
//! nobody else serves.

use std::collections::BTreeMap;
use std::os::fd::OwnedFd;
use std::sync::Arc;

use serverswap::protocol::{Address, Generation};
use serverswap::sys::process::Process;
use tokio::sync::mpsc;
use tokio::task::spawn_local;

use super::arbiter::ArbiterInput;
use super::look_thread::LookThread;
use crate::readiness::Look;
use crate::sys::registrations::inode;

/// The lookups of one arbiter.
pub(super) struct ReadinessLookups {
    looks: LookThread,
    inbox: mpsc::Sender<ArbiterInput>,
}

/// A listener that a server has, or should have.
pub(super) struct Socket {
    pub(super) server: Process,
    pub(super) address: Address,
    pub(super) listener: Arc<OwnedFd>,
}

impl ReadinessLookups {
    pub(super) fn new(looks: LookThread, inbox: mpsc::Sender<ArbiterInput>) -> Self {
        ReadinessLookups { looks, inbox }
    }

    /// Sends [`ArbiterInput::Looked`] with those at which somebody waits.
    pub(super) fn start(&self, generation: Generation, sockets: Vec<Socket>) {
        let found =
            self.looks.run(move || sockets.into_iter().filter(|one| is_awaited(generation, one)).collect());
        let inbox = self.inbox.clone();
        spawn_local(async move {
            let listening = found.await.unwrap_or_default();
            let _ = inbox.send(ArbiterInput::Looked { generation, listening }).await;
        });
    }
}

fn is_awaited(generation: Generation, socket: &Socket) -> bool {
    let Some(inode) = inode(&socket.listener) else { return false };
    let sockets = BTreeMap::from([(inode, socket.address.clone())]);
    let evidence = Look { generation, server: socket.server.pid, sockets }.now();
    evidence.awaited.contains(&inode) || evidence.unclear.contains(&inode)
}
