//! The limit of open descriptors: raised for ourselves, given back to the server.
//!
//! The arbiter holds a descriptor for every inherited address and every connection, and
//! one user may have only as many under way as this limit says (unix(7)); the server gets
//! the limit that we were started with, because programs that use select(2) break above 1024.

use std::fs::File;
use std::io;
use std::os::fd::AsRawFd;
use std::sync::OnceLock;

use nix::sys::resource::{Resource, getrlimit, rlim_t, setrlimit};

/// The soft and hard limit that this process was started with.
static STARTED_WITH: OnceLock<(rlim_t, rlim_t)> = OnceLock::new();

/// Raises the soft limit to the hard one. Without it fewer addresses fit, and nothing else
/// is different, so a refusal is passed over.
pub(crate) fn raise_limit() {
    if let Ok((soft, hard)) = getrlimit(Resource::RLIMIT_NOFILE)
        && setrlimit(Resource::RLIMIT_NOFILE, hard, hard).is_ok()
    {
        let _ = STARTED_WITH.set((soft, hard));
    }
}

/// Descriptors that no connection and no listener may use up: the state file is written with
/// one, and a client that finds no room is sent the reason over one.
const RESERVED: rlim_t = 16;

/// Whether this descriptor is one of the last. The kernel gives out the lowest free number,
/// so a high one means that those below are in use.
pub(crate) fn is_reserved(fd: &impl AsRawFd) -> bool {
    let number = rlim_t::try_from(fd.as_raw_fd()).unwrap_or_default();
    getrlimit(Resource::RLIMIT_NOFILE).is_ok_and(|(soft, _)| number + RESERVED >= soft)
}

/// What tokio opens for a runtime with io. Its signal driver, which other crates of the workspace turn
/// on, panics where the kernel refuses the last of them.
const OF_A_RUNTIME: usize = 6;

/// Whether there is room for a runtime.
///
/// # Errors
/// EMFILE and the like.
pub(crate) fn room_for_a_runtime() -> io::Result<()> {
    let null = File::open("/dev/null")?;
    let others: io::Result<Vec<File>> = (1..OF_A_RUNTIME).map(|_| null.try_clone()).collect();
    others.map(drop)
}

/// In the child, between fork and exec: setrlimit(2) is async-signal-safe in practice (a
/// bare system call), and the cell is only read.
pub(super) fn restore_limit() -> io::Result<()> {
    match STARTED_WITH.get() {
        Some((soft, hard)) => Ok(setrlimit(Resource::RLIMIT_NOFILE, *soft, *hard)?),
        None => Ok(()),
    }
}
