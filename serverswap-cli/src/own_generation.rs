//! The generation that a command starts, and a deploy that begins inside a served application.
//!
//! What ends with a generation is found by `SERVERSWAP_GENERATION` in its environment, and by its parent
//! and its process group where it shows none. A supervisor that was started by a process of an older
//! generation, a webhook for example, would end with that. So it shows its own generation, which takes an
//! exec(2) of itself, and has a session of its own.

use std::io;
use std::os::unix::process::CommandExt;
use std::process::Command;

use serverswap::protocol::Generation;
use serverswap::sys::clock::boottime_micros;
use serverswap::sys::process::{self, Process};

use crate::cli::environment::SERVERSWAP_GENERATION;
use crate::sys::session;

/// The generation that this process starts. Called first of all: a command that was started inside
/// another generation executes itself once more, and whatever it had begun would be lost.
///
/// Where the kernel refuses that, it goes on without: it still has its own session.
pub(crate) fn begin() -> Generation {
    let shown = std::env::var(SERVERSWAP_GENERATION).ok().and_then(|text| text.parse().ok());
    if let Some(own) = shown.filter(|shown| is_own(*shown)) {
        return own;
    }
    let own = Generation { start: boottime_micros(), pid: std::process::id() };
    if shown.is_some() || is_inside_a_generation() {
        // The leader of a process group has a group of its own already.
        let _ = session::begin();
        let _ = show(own);
    }
    own
}

/// Whether this process has set it, before it executed itself.
fn is_own(shown: Generation) -> bool {
    Process::current().is_ok_and(|this| process::is_supervisor_of(this, shown))
}

/// A wrapper such as sudo(8) may have cleared our environment.
fn is_inside_a_generation() -> bool {
    let shows = |pid: u32| process::environment(pid, SERVERSWAP_GENERATION).is_some();
    let leader = process::group(std::process::id()).ok();
    let ancestors = Process::current().map(process::ancestors).into_iter().flatten();
    let started_by = ancestors.map(|ancestor| ancestor.pid).take_while(|pid| *pid > 1);
    started_by.chain(leader).any(shows)
}

/// Returns only if it fails.
fn show(own: Generation) -> io::Error {
    let mut arguments = std::env::args_os();
    let mut again = Command::new("/proc/self/exe");
    if let Some(name) = arguments.next() {
        again.arg0(name);
    }
    again.args(arguments).env(SERVERSWAP_GENERATION, own.to_string()).exec()
}
