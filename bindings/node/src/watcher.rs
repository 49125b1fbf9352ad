//! The one thread of the addon: it waits for the connection and has it processed.
//!
//! It lives as long as the process. It is not joined: at the exit of the process it is
//! waiting in poll(2), or queues an event for a thread that takes none any more.

use std::io;
use std::os::fd::{AsFd, OwnedFd};
use std::panic::{self, AssertUnwindSafe};
use std::sync::Arc;
use std::thread;

use nix::errno::Errno;
use nix::poll::{PollFd, PollFlags, PollTimeout, poll};

use crate::hub::Hub;

/// # Errors
/// No thread or descriptor to be had.
pub fn start(hub: Arc<Hub>) -> io::Result<()> {
    let descriptor = hub.descriptor()?;
    thread::Builder::new().name("serverswap".to_owned()).spawn(move || watch(&hub, &descriptor))?;
    Ok(())
}

fn watch(hub: &Hub, descriptor: &OwnedFd) {
    let ended = panic::catch_unwind(AssertUnwindSafe(|| {
        loop {
            if let Err(error) = wait(descriptor).and_then(|()| hub.process()) {
                return error.to_string();
            }
        }
    }));
    hub.broken(&ended.unwrap_or_else(|_| "a fault in serverswap itself".to_owned()));
}

fn wait(descriptor: &OwnedFd) -> io::Result<()> {
    loop {
        let mut waited_for = [PollFd::new(descriptor.as_fd(), PollFlags::POLLIN)];
        match poll(&mut waited_for, PollTimeout::NONE) {
            Ok(_) => return Ok(()),
            Err(Errno::EINTR) => {}
            Err(error) => return Err(error.into()),
        }
    }
}
