//! The members of a generation's process group, found and signalled without a race.
//!
//! Why not killpg(2): the number of a group is used again when its last member is gone.
//! Rules: a member is held by its pidfd before it is looked at. A group lives as long as one
//! member does, and its number with it; so one member that shows the generation in its
//! environment vouches for those that show none (a program may write its title over its
//! environment). A member that shows another generation is left alone. A process that was
//! started and has not come to exec(2) yet shows its parent's environment: whoever has just
//! started a generation signals its leader by its own pidfd.

use std::collections::BTreeSet;
use std::io;
use std::os::fd::OwnedFd;

use nix::sys::signal::Signal;

use super::shown::{pids, shown};
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
    let mut vouched = false;
    let mut members = Vec::new();
    for pid in pids()? {
        let Some((process, pidfd)) = member(pid, process_group)? else {
            continue;
        };
        let shown = shown(pid, &pidfd, GENERATION_VARIABLE)?;
        let ours = shown.as_ref().is_some_and(|shown| shown == generation);
        if is_gone(&pidfd)? || (shown.is_some() && !ours) {
            continue;
        }
        vouched |= ours;
        members.push((process, pidfd));
    }
    Ok(if vouched { members } else { Vec::new() })
}

/// Sends `signal` to every member of the generation's process group, those included that
/// are forked meanwhile; returns how many got it.
///
/// # Errors
/// As [`group_members`], and EPERM for a member that runs as another user.
pub fn signal_group(process_group: u32, generation: &str, signal: Signal) -> io::Result<usize> {
    let mut signalled = BTreeSet::new();
    for _ in 0..ROUNDS_MAX {
        let before = signalled.len();
        for (process, pidfd) in group_members(process_group, generation)? {
            if signalled.insert(process) {
                pidfd_send_signal(&pidfd, signal).or_else(unless_gone)?;
            }
        }
        if signalled.len() == before {
            break;
        }
    }
    Ok(signalled.len())
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
