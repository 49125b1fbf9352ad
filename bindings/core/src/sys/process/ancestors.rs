//! The processes from which a process descends.

use std::io;

use super::{Process, parent};

/// Most ancestors that are looked at.
const ANCESTORS_MAX: usize = 64;

/// From the parent upwards, as far as our pid namespace goes. Whoever has a parent that lives is adopted when that
/// ends: a parent that is the same before and after its start time was read was no other process.
pub fn ancestors(process: Process) -> impl Iterator<Item = Process> {
    std::iter::successors(parent_of(process), |ancestor| parent_of(*ancestor)).take(ANCESTORS_MAX)
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
}
