//! The one thread of the module: it waits until the connection is readable, and processes it.
//!
//! It never takes the GIL: an interpreter that is busy with one thing for seconds, or an event loop that is
//! blocked, still answers an arbiter, comes back to a new one, and has its takedown with the whole drain.
//! It lives as long as the process and is not joined. A forked child does not have it.

use std::io;
use std::os::fd::AsFd;
use std::panic::{self, AssertUnwindSafe};
use std::thread;

use nix::sys::signal::SigSet;
use serverswap::sys::wait::wait_readable;

use crate::shared::Shared;

/// # Errors
/// The thread cannot be started.
pub fn start(shared: &'static Shared) -> io::Result<()> {
    thread::Builder::new().name("serverswap".to_owned()).spawn(move || run(shared))?;
    Ok(())
}

fn run(shared: &Shared) {
    // The signals of the process are for the threads of Python, which may wait for them.
    let _ = SigSet::all().thread_block();
    let ended = panic::catch_unwind(AssertUnwindSafe(|| {
        loop {
            let waited = wait_readable(&[shared.polled.as_fd()], None);
            if let Err(error) = waited.and_then(|_| shared.process()) {
                return error.to_string();
            }
        }
    }));
    shared.end(ended.unwrap_or_else(|_| "a bug in serverswap".to_owned()));
}
