//! A process that was started by nobody of ours, and what it has started.

use std::collections::{BTreeMap, BTreeSet};
use std::io;
use std::os::fd::OwnedFd;

use super::environ::{pids, shown_now};
use super::{GENERATION_VARIABLE, Process, Stat, is_gone, is_no_process, pidfd_open};

/// The process and its descendants, as far as they live and show no generation. Costs one look at every process of
/// the machine.
///
/// # Errors
/// `/proc` is not readable, or out of descriptors.
pub fn descendants(process: Process) -> io::Result<Vec<(Process, OwnedFd)>> {
    let mut children: BTreeMap<u32, Vec<u32>> = BTreeMap::new();
    for pid in pids()? {
        match Stat::read(pid) {
            Ok(stat) => children.entry(stat.parent).or_default().push(pid),
            Err(error) if is_no_process(&error) => {}
            Err(error) => return Err(error),
        }
    }
    let mut found = Vec::new();
    found.extend(process.pidfd()?.map(|pidfd| (process, pidfd)));
    let (mut waiting, mut seen) = (vec![process.pid], BTreeSet::from([process.pid]));
    while let Some(parent) = waiting.pop() {
        for pid in children.get(&parent).into_iter().flatten().copied() {
            match look(pid) {
                Ok(Some(child)) if seen.insert(pid) => {
                    waiting.push(pid);
                    found.push(child);
                }
                Ok(_) => {}
                Err(error) if is_no_process(&error) => {}
                Err(error) => return Err(error),
            }
        }
    }
    Ok(found)
}

fn look(pid: u32) -> io::Result<Option<(Process, OwnedFd)>> {
    let pidfd = pidfd_open(pid)?;
    let process = Process::of(pid)?;
    let is_of_a_generation = shown_now(pid, &pidfd, GENERATION_VARIABLE)?.is_some();
    Ok((!is_of_a_generation && !is_gone(&pidfd)?).then_some((process, pidfd)))
}
