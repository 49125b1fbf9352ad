//! The processes from which a process descends.

use std::borrow::Borrow;
use std::collections::BTreeSet;
use std::io;
use std::os::fd::OwnedFd;

use super::{Process, parent};

/// Most ancestors that are looked at.
const ANCESTORS_MAX: usize = 64;

/// From the parent upwards, as far as our pid namespace goes. Whoever has a parent that lives is adopted when that
/// ends: a parent that is the same before and after its start time was read was no other process.
pub fn ancestors(process: Process) -> impl Iterator<Item = Process> {
    std::iter::successors(parent_of(process), |ancestor| parent_of(*ancestor)).take(ANCESTORS_MAX)
}

/// Of these processes, with their pidfds, those that descend from no other one of them.
pub fn topmost<P: Borrow<(Process, OwnedFd)>>(mut processes: Vec<P>) -> Vec<P> {
    let process = |one: &P| one.borrow().0;
    let all: BTreeSet<Process> = processes.iter().map(process).collect();
    processes.retain(|one| !ancestors(process(one)).any(|ancestor| all.contains(&ancestor)));
    processes
}

fn parent_of(process: Process) -> Option<Process> {
    let look = || -> io::Result<Option<Process>> {
        let number = parent(process.pid)?;
        let found = Process::of(number)?;
        let is_same = parent(process.pid)? == number && Process::of(process.pid)? == process;
        Ok(is_same.then_some(found))
    };
    look().ok().flatten()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_ancestors_of_a_process_begin_with_its_parent() {
        let own = Process::current().expect("this process");
        let parent = Process::of(std::os::unix::process::parent_id()).expect("it lives");
        assert_eq!(ancestors(own).next(), Some(parent));
        // A number that was used again names nobody's child.
        assert_eq!(ancestors(Process { start: own.start + 1, ..own }).next(), None);
    }

    #[test]
    fn a_process_is_topmost_unless_it_descends_from_another_of_them() {
        let held = |pid| Process::hold(pid).expect("readable").expect("it lives");
        let own = held(std::process::id());
        let parent = held(std::os::unix::process::parent_id());
        let found = |processes: &[&(Process, OwnedFd)]| -> Vec<Process> {
            topmost(processes.to_vec()).iter().map(|(process, _)| *process).collect()
        };
        assert_eq!(found(&[&own]), [own.0]);
        assert_eq!(found(&[&own, &parent]), [parent.0]);
    }
}
