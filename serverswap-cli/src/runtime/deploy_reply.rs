//! A generation that a resident has started tells it how its deploy went: once, on its stdin, which is a pipe.

use std::cell::Cell;
use std::io;

use nix::fcntl::{FcntlArg, OFlag, fcntl};
use nix::unistd::write;

use crate::cli::environment::SERVERSWAP_RELOAD;
use crate::ui::DeployResult;

/// What is still to be told, and to whom.
#[derive(Debug, Default)]
pub(super) struct DeployReply {
    is_owed: Cell<bool>,
}

impl DeployReply {
    /// That of this process.
    pub(super) fn of_this_process() -> Self {
        let is_owed = std::env::var_os(SERVERSWAP_RELOAD).is_some();
        // Nothing waits for a resident that does not read: what does not fit is lost.
        let is_owed = is_owed && fcntl(io::stdin(), FcntlArg::F_SETFL(OFlag::O_NONBLOCK)).is_ok();
        DeployReply { is_owed: Cell::new(is_owed) }
    }

    /// Only the first result counts.
    pub(super) fn send(&self, result: impl FnOnce() -> DeployResult) {
        if self.is_owed.take() {
            // The resident may be gone.
            let _ = write(io::stdin(), &result().line());
        }
    }
}
