//! A supervisor that stays can be asked for the next generation of its command: by HUP, and at its socket.

use std::rc::Rc;

use serverswap::protocol::message::Form;
use tokio::net::UnixStream;
use tokio::sync::mpsc;

use super::listener_store::{ListenerStore, PassedListeners};
use super::reload_socket::ReloadSocket;
use super::service_manager::ServiceManager;
use super::successors::Successors;
use crate::state::Directory;
use crate::supervisor::Plan;
use crate::sys::notifier::Notifier;
use crate::ui::{Console, Report};

/// Who asks, and what was started for that.
pub(super) struct Resident {
    pub(super) successors: Rc<Successors>,
    pub(super) service: Rc<ServiceManager>,
    pub(super) store: Rc<ListenerStore>,
    asked: mpsc::UnboundedReceiver<UnixStream>,
    /// A command that leaves has none.
    _socket: Option<ReloadSocket>,
}

impl Resident {
    pub(super) fn new(
        plan: &Plan,
        passed: PassedListeners,
        directory: &Directory,
        console: &Console,
    ) -> Self {
        let (asks, asked) = mpsc::unbounded_channel();
        let socket = match plan.form {
            Form::Leave => None,
            Form::Stay => ReloadSocket::bind(directory, plan.generation, asks)
                .inspect_err(|error| console.report(&Report::NotAskable { problem: error.to_string() }))
                .ok(),
        };
        // A command that leaves is no service.
        let manager = (plan.form == Form::Stay).then(Notifier::of_this_process).flatten().map(Rc::new);
        let service = Rc::new(ServiceManager::of_a_supervisor(plan, manager.clone()));
        let living = Rc::default();
        let store = ListenerStore::new(passed, manager, directory, console, Rc::clone(&living));
        let successors = Successors::new(console.clone(), Rc::clone(&service), Rc::clone(&store), living);
        Resident { successors: Rc::new(successors), service, store, asked, _socket: socket }
    }

    /// The next one who asks. Nothing is lost when it is cancelled.
    pub(super) async fn asked(&mut self) -> UnixStream {
        match self.asked.recv().await {
            Some(client) => client,
            None => std::future::pending().await,
        }
    }
}
