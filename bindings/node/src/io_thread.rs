//! The one thread of the addon: it waits until the connection is readable, and processes it.
//!
//! It lives as long as the process. It is not joined: when the process exits it is waiting in
//! poll(2), or queues an event for a thread that takes none any more.

use std::io;
use std::os::fd::{AsFd, OwnedFd};
use std::panic::{self, AssertUnwindSafe};
use std::sync::Arc;
use std::thread;

use nix::errno::Errno;
use nix::poll::{PollFd, PollFlags, PollTimeout, poll};
use serverswap::Dispatcher;

use crate::process_connection::ProcessConnection;

/// `descriptor`: a duplicate of the connection's, readable when there is something to process.
///
/// # Errors
/// The thread cannot be started.
pub fn start(connection: Arc<ProcessConnection>, descriptor: OwnedFd) -> io::Result<()> {
    thread::Builder::new().name("serverswap".to_owned()).spawn(move || run(&connection, &descriptor))?;
    Ok(())
}

fn run(connection: &ProcessConnection, descriptor: &OwnedFd) {
    let ended = panic::catch_unwind(AssertUnwindSafe(|| {
        loop {
            if let Err(error) = wait(descriptor).and_then(|()| connection.with(Dispatcher::process)) {
                return error.to_string();
            }
        }
    }));
    connection.report_broken(&ended.unwrap_or_else(|_| "a bug in serverswap".to_owned()));
}

fn wait(descriptor: &OwnedFd) -> io::Result<()> {
    loop {
        let mut polled = [PollFd::new(descriptor.as_fd(), PollFlags::POLLIN)];
        match poll(&mut polled, PollTimeout::NONE) {
            Ok(_) => return Ok(()),
            Err(Errno::EINTR) => {}
            Err(error) => return Err(error.into()),
        }
    }
}
