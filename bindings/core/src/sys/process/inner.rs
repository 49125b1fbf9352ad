//! The numbers of processes in an inner pid namespace.

use std::os::unix::fs::MetadataExt;
use std::{fs, io};

use super::environ::pids;
use super::{Process, ancestors, is_no_process, numbers};

/// The number here of the process that the process `by` knows as `number`; `None` if there is none. The same unless `by` is in
/// an inner pid namespace: then it costs one look at every process of the machine.
///
/// # Errors
/// `/proc` is not readable, or `by` has ended.
pub fn number_here(by: u32, number: u32) -> io::Result<Option<u32>> {
    let depth = numbers(by)?.len();
    if depth <= 1 {
        return Ok(Some(number));
    }
    let own = namespace(by);
    let is_beside = |pid: u32| match own {
        Some(own) => namespace(pid) == Some(own),
        // Another user's: known is only what it has started.
        None => Process::of(pid).is_ok_and(|process| ancestors(process).any(|ancestor| ancestor.pid == by)),
    };
    for pid in pids()? {
        match numbers(pid) {
            Ok(found) if found.len() == depth && found.last() == Some(&number) && is_beside(pid) => {
                return Ok(Some(pid));
            }
            Ok(_) => {}
            Err(error) if is_no_process(&error) => {}
            Err(error) => return Err(error),
        }
    }
    Ok(None)
}

fn namespace(pid: u32) -> Option<u64> {
    fs::metadata(format!("/proc/{pid}/ns/pid")).map(|file| file.ino()).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn in_one_pid_namespace_a_number_is_the_same_for_everybody() {
        assert_eq!(number_here(std::process::id(), 7).expect("readable"), Some(7));
        assert!(number_here(0, 7).is_err(), "there is no such process");
    }
}
