//! The environment that a process was started with, as far as it shows it.
//!
//! In the middle of exec(2) a process shows nothing at all, not even arguments: where it matters, it is looked at
//! again. A program may write its title over its environment, and another user's is not ours to look at.

use std::ffi::{OsStr, OsString};
use std::os::fd::OwnedFd;
use std::os::unix::ffi::OsStringExt;
use std::{fs, io};

use super::{Process, Stat, is_gone, is_no_process, pidfd_open};

/// Most times that a process is looked at again because it shows no arguments; others run
/// in between. More than an exec(2) ever takes; a program that has wiped its arguments is
/// taken as it is after that.
const LOOKS_MAX: usize = 10_000;

/// Looks in a row that find arguments and no environment, after which there is none.
const EMPTY_LOOKS: usize = 3;

/// A variable of the environment that the process was started with. `None` when it is not
/// set, and when it cannot be known: another user's process, one that is gone, one that
/// wrote its title over its environment.
pub fn environment(pid: u32, variable: &str) -> Option<OsString> {
    let bytes = fs::read(format!("/proc/{pid}/environ")).ok()?;
    variable_in(&bytes, variable)
}

/// Every process but this one that was started with `variable` set to `value`, as far as we may
/// look: another user's processes are not ours to look at.
///
/// # Errors
/// `/proc` is not readable, or out of descriptors.
pub fn started_with(variable: &str, value: &OsStr) -> io::Result<Vec<Process>> {
    let own = std::process::id();
    let mut found = Vec::new();
    for pid in pids()?.into_iter().filter(|pid| *pid != own) {
        match look(pid, variable) {
            Ok((process, shown)) if shown.as_deref() == Some(value) => found.push(process),
            Ok(_) => {}
            Err(error) if is_no_process(&error) => {}
            Err(error) => return Err(error),
        }
    }
    Ok(found)
}

fn look(pid: u32, variable: &str) -> io::Result<(Process, Option<OsString>)> {
    let pidfd = pidfd_open(pid)?;
    let stat = Stat::read(pid)?;
    let shown = if stat.is_of_the_kernel { None } else { shown(pid, &pidfd, variable)? };
    Ok((Process { pid, start: stat.start }, shown))
}

/// A variable in the environment of a process. A look that finds an environment is sure;
/// one that finds none, but arguments, may have seen two sides of one exec(2), so it counts
/// only when the next ones find the same.
pub(super) fn shown(pid: u32, pidfd: &OwnedFd, variable: &str) -> io::Result<Option<OsString>> {
    let mut empty_looks = 0;
    for _ in 0..LOOKS_MAX {
        let environment = fs::read(format!("/proc/{pid}/environ")).unwrap_or_default();
        if !environment.is_empty() {
            return Ok(variable_in(&environment, variable));
        }
        let arguments = fs::read(format!("/proc/{pid}/cmdline")).unwrap_or_default();
        empty_looks = if arguments.is_empty() { 0 } else { empty_looks + 1 };
        if empty_looks == EMPTY_LOOKS || is_gone(pidfd)? {
            break;
        }
        std::thread::yield_now();
    }
    Ok(None)
}

/// The pid of every process now.
///
/// # Errors
/// `/proc` is not readable.
pub(in crate::sys) fn pids() -> io::Result<Vec<u32>> {
    let mut pids = Vec::new();
    for entry in fs::read_dir("/proc")? {
        pids.extend(entry?.file_name().to_str().and_then(|name| name.parse::<u32>().ok()));
    }
    Ok(pids)
}

fn variable_in(environment: &[u8], variable: &str) -> Option<OsString> {
    environment.split(|byte| *byte == 0).find_map(|entry| {
        let value = entry.strip_prefix(variable.as_bytes())?.strip_prefix(b"=")?;
        Some(OsString::from_vec(value.to_owned()))
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_variable_is_found_by_its_whole_name() {
        let environment = b"AB=1\0A=2=3\0EMPTY=\0";
        assert_eq!(variable_in(environment, "A"), Some("2=3".into()));
        assert_eq!(variable_in(environment, "EMPTY"), Some("".into()));
        assert_eq!(variable_in(environment, "B"), None);
    }

    #[test]
    fn who_was_started_with_a_variable_is_found_and_nobody_else() {
        let start = |value: &str| {
            let mut command = std::process::Command::new("sleep");
            command.arg("60").env("SERVERSWAP_TEST_OF_ABOUT", value).spawn().expect("started")
        };
        let mut children = [start("/run/a"), start("/run/ab")];
        let found = started_with("SERVERSWAP_TEST_OF_ABOUT", OsStr::new("/run/a")).expect("readable");
        let pids: Vec<u32> = found.iter().map(|process| process.pid).collect();
        for child in &mut children {
            child.kill().expect("killed");
            child.wait().expect("reaped");
        }
        assert_eq!(pids, [children[0].id()]);
    }
}
