//! `fork`: what the library says in a child.
#![allow(unsafe_code)]

use std::io;

use nix::sys::wait::{WaitStatus, waitpid};
use nix::unistd::{ForkResult, fork};

/// What `child` returns in a forked child, as its exit status.
pub(crate) fn in_child(child: impl FnOnce() -> u8) -> io::Result<u8> {
    // SAFETY: the child makes one call of the library and ends by _exit; threads of this process
    // hold no lock that it takes, for they only answer HTTP.
    match unsafe { fork() }? {
        ForkResult::Child => {
            let status = child();
            // SAFETY: ends the child without running anything of the parent's.
            unsafe { libc::_exit(i32::from(status)) }
        }
        ForkResult::Parent { child } => {
            let WaitStatus::Exited(_, status) = waitpid(child, None)? else {
                return Err(io::Error::other("the child was killed"));
            };
            Ok(u8::try_from(status).unwrap_or(u8::MAX))
        }
    }
}

/// Ends this process at once.
pub(crate) fn exit(code: u8) -> ! {
    // SAFETY: ends the process; nothing of it is run any more.
    unsafe { libc::_exit(i32::from(code)) }
}
