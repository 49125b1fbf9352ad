//! The members of a generation's process group, found and signalled without a race.
//!
//! Why not killpg(2): the number of a group is used again when its last member is gone, and the
//! group of a server that was started by hand is its caller's.
//! Rules: a member is held by its pidfd before it is looked at. A member that shows the generation
//! in its environment belongs to it; one that shows another generation does not. Of the others, those
//! that show no generation (a program may write its title over its environment, a wrapper may
//! clear it) belong to it if the leader of the group does, or, where the leader is gone or shows
//! nothing, any member: a group lives as long as one member does, and its number with it. A process that
//! was started and has not come to exec(2) yet shows its parent's environment: whoever has just
//! started a generation signals its leader by its own pidfd.

use std::collections::BTreeSet;
use std::io;
use std::os::fd::{AsFd, OwnedFd};

use nix::sys::signal::Signal;

use super::environ::{Shown, pids, shown};
use super::{Process, Stat, is_gone, is_no_process, pidfd_open, pidfd_send_signal};

/// The environment variable that names a process's generation.
const GENERATION_VARIABLE: &str = "SERVERSWAP_GENERATION";

/// Most rounds of looking for members that were forked while we signalled.
const ROUNDS_MAX: usize = 32;

/// The living members of process group `process_group`, if it is the group of `generation`
/// (the text in `SERVERSWAP_GENERATION`). Costs one look at every process of the machine.
///
/// # Errors
/// `/proc` is not readable, or out of descriptors.
pub fn group_members(process_group: u32, generation: &str) -> io::Result<Vec<(Process, OwnedFd)>> {
    let (mut named, mut unnamed) = (Vec::new(), Vec::new());
    let mut leader = Shown::Nothing;
    for pid in pids()? {
        let Some((process, pidfd)) = member(pid, process_group)? else {
            continue;
        };
        let shown = shown(pid, &pidfd, GENERATION_VARIABLE)?;
        if is_gone(&pidfd)? {
            continue;
        }
        match &shown {
            Shown::Value(value) if value == generation => named.push((process, pidfd)),
            Shown::Value(_) => {}
            Shown::Unset | Shown::Nothing => unnamed.push((process, pidfd)),
        }
        if pid == process_group {
            leader = shown;
        }
    }
    let is_the_generations = match leader {
        Shown::Value(value) => value == generation,
        Shown::Unset => false,
        Shown::Nothing => !named.is_empty(),
    };
    if is_the_generations {
        named.append(&mut unnamed);
    }
    Ok(named)
}

/// Sends `signal` to every member of the generation's process group, those included that
/// are forked meanwhile; returns how many got it.
///
/// # Errors
/// As [`group_members`], and EPERM for a member that runs as another user; the others got it.
pub fn signal_group(process_group: u32, generation: &str, signal: Signal) -> io::Result<usize> {
    signal_members(process_group, generation, signal, BTreeSet::new())
}

/// Sends `signal` to a server, by its pidfd, and then to every other member of its process group, as
/// [`signal_group`] does.
///
/// # Errors
/// As [`signal_group`].
pub fn signal_server(
    process: Process,
    pidfd: impl AsFd,
    process_group: u32,
    generation: &str,
    signal: Signal,
) -> io::Result<usize> {
    let server = pidfd_send_signal(pidfd, signal).or_else(unless_gone);
    let others = signal_members(process_group, generation, signal, [process].into());
    server.and(others)
}

fn signal_members(
    process_group: u32,
    generation: &str,
    signal: Signal,
    mut signalled: BTreeSet<Process>,
) -> io::Result<usize> {
    let mut failed = Ok(());
    for _ in 0..ROUNDS_MAX {
        let before = signalled.len();
        for (process, pidfd) in group_members(process_group, generation)? {
            if signalled.insert(process) {
                failed = failed.and(pidfd_send_signal(&pidfd, signal).or_else(unless_gone));
            }
        }
        if signalled.len() == before {
            break;
        }
    }
    failed.map(|()| signalled.len())
}

fn member(pid: u32, process_group: u32) -> io::Result<Option<(Process, OwnedFd)>> {
    // Most processes are in another group: look before the descriptor is made, and again after.
    if !matches!(Stat::read(pid), Ok(stat) if stat.process_group == process_group) {
        return Ok(None);
    }
    let found = pidfd_open(pid).and_then(|pidfd| Ok((pidfd, Stat::read(pid)?)));
    match found {
        Ok((pidfd, stat)) if stat.process_group == process_group => {
            Ok(Some((Process { pid, start: stat.start }, pidfd)))
        }
        Ok(_) => Ok(None),
        Err(error) => unless_gone(error).map(|()| None),
    }
}

fn unless_gone(error: io::Error) -> io::Result<()> {
    if is_no_process(&error) { Ok(()) } else { Err(error) }
}
