//! Our program as it becomes the server: one thread, from its first instruction to exec(2).

use std::ffi::OsString;
use std::os::fd::OwnedFd;
use std::os::unix::process::CommandExt;
use std::process::Command;

use super::{ENTRY, FIRST_DESCRIPTOR};
use crate::sys::launch::{LauncherEnd, Order, allow_later_arbiters, place};
use crate::sys::seccomp::{Filter, install};
use crate::ui::UNABLE;

/// Whether the arguments of this process ask for it.
pub(crate) fn is_requested() -> bool {
    std::env::args_os().nth(1).is_some_and(|first| first == ENTRY)
}

/// Waits for the descriptors, and becomes the command. It returns only if that fails, with an exit status.
pub(crate) fn run() -> u8 {
    if let Ok(supervisor) = LauncherEnd::from_stdin() {
        match supervisor.receive() {
            Ok(Some((order, descriptors))) => become_server(&supervisor, order, descriptors),
            // The supervisor is gone.
            Ok(None) => {}
            Err(error) => supervisor.failed(&error),
        }
    }
    UNABLE
}

/// Returns when it could not, and has said why.
fn become_server(supervisor: &LauncherEnd, order: Order, descriptors: Vec<OwnedFd>) {
    let mut words = std::env::args_os().skip(2);
    let program: OsString = words.next().unwrap_or_default();
    let mut command = Command::new(program);
    command.args(words);
    if !descriptors.is_empty() {
        command.env("LISTEN_PID", std::process::id().to_string());
    }
    allow_later_arbiters();
    if let Err(error) = place(descriptors, FIRST_DESCRIPTOR) {
        return supervisor.failed(&error);
    }
    if let Order::Intercept(selection) = order {
        match install(&Filter::new(selection)) {
            Ok(installed) => {
                if supervisor.filtered(&installed).is_err() {
                    return; // nobody could answer the server
                }
            }
            Err(error) => return supervisor.not_filtered(error),
        }
    }
    supervisor.failed(&command.exec());
}
