//! The environment that a process was started with, as far as it shows it.
//!
//! In the middle of exec(2) a process shows nothing at all: where it matters, it is looked at again. A program may write its title over its environment, and another user's is not ours to look at.

use std::collections::BTreeSet;
use std::ffi::{OsStr, OsString};
use std::os::fd::OwnedFd;
use std::os::unix::ffi::OsStringExt;
use std::time::Duration;
use std::{fs, io};

use super::procfs::content;
use super::{Process, Stat, is_gone, is_no_process, pidfd_open};
use crate::sys::clock::monotonic;

/// How long one process in the middle of exec(2) is looked at; others run in between. An exec takes
/// less, but where many processes want to run, each look can take some milliseconds.
const LOOK_MAX: Duration = Duration::from_millis(50);

/// What a process shows of one variable.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Shown {
    /// Its value.
    Value(OsString),
    /// An environment, in which it is not set.
    Unset,
    /// No environment: there is none, it is overwritten with a title, or it is not ours to look at.
    Nothing,
}

/// A variable of the environment that the process was started with. `None` when it is not
/// set, and when it cannot be known: another user's process, one that is gone, one that
/// wrote its title over its environment.
pub fn environment(pid: u32, variable: &str) -> Option<OsString> {
    let bytes = content(&format!("/proc/{pid}/environ")).ok()?;
    match Shown::of(&bytes, variable) {
        Shown::Value(value) => Some(value),
        Shown::Unset | Shown::Nothing => None,
    }
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
            Ok((process, Shown::Value(shown))) if shown == value => found.push(process),
            Ok(_) => {}
            Err(error) if is_no_process(&error) => {}
            Err(error) => return Err(error),
        }
    }
    Ok(found)
}

/// Every value that a variable has in the environment of a process, as far as we may look.
///
/// # Errors
/// `/proc` is not readable.
pub fn values_of(variable: &str) -> io::Result<BTreeSet<OsString>> {
    Ok(pids()?.into_iter().filter_map(|pid| environment(pid, variable)).collect())
}

fn look(pid: u32, variable: &str) -> io::Result<(Process, Shown)> {
    let pidfd = pidfd_open(pid)?;
    let stat = Stat::read(pid)?;
    let process = Process { pid, start: stat.start };
    if stat.is_of_the_kernel {
        return Ok((process, Shown::Nothing));
    }
    let shown = shown(pid, &pidfd, variable, monotonic() + LOOK_MAX)?;
    Ok((process, shown.unwrap_or(Shown::Nothing)))
}

/// What a process shows of a variable; it is looked at once, and again until then (of [`monotonic`]) for as long as
/// it is in the middle of exec(2): `None` if it still is. A process that shows no environment has none if the kernel
/// says where it begins and that it ends there; in the middle of exec(2) the kernel says neither.
pub(super) fn shown(pid: u32, pidfd: &OwnedFd, variable: &str, until: Duration) -> io::Result<Option<Shown>> {
    loop {
        match content(&format!("/proc/{pid}/environ")) {
            Ok(environment) if !environment.is_empty() => return Ok(Some(Shown::of(&environment, variable))),
            Err(error) if error.kind() == io::ErrorKind::PermissionDenied => return Ok(Some(Shown::Nothing)),
            Ok(_) | Err(_) => {}
        }
        if Stat::read(pid).is_ok_and(|stat| stat.has_empty_environment) || is_gone(pidfd)? {
            return Ok(Some(Shown::Nothing));
        }
        if monotonic() >= until {
            return Ok(None);
        }
        std::thread::yield_now();
    }
}

/// The value of a variable that a living process shows; one in the middle of exec(2) is looked at until it shows
/// something, for at most 50 ms.
///
/// # Errors
/// Not its pidfd.
pub fn shown_now(pid: u32, pidfd: &OwnedFd, variable: &str) -> io::Result<Option<OsString>> {
    match shown(pid, pidfd, variable, monotonic() + LOOK_MAX)? {
        Some(Shown::Value(value)) => Ok(Some(value)),
        Some(Shown::Unset | Shown::Nothing) | None => Ok(None),
    }
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

impl Shown {
    fn of(environment: &[u8], variable: &str) -> Shown {
        let value = |entry: &[u8]| {
            let value = entry.strip_prefix(variable.as_bytes())?.strip_prefix(b"=")?;
            Some(OsString::from_vec(value.to_owned()))
        };
        let mut entries = environment.split(|byte| *byte == 0);
        match entries.clone().find_map(value) {
            Some(value) => Shown::Value(value),
            None if entries.any(is_entry) => Shown::Unset,
            None => Shown::Nothing,
        }
    }
}

/// `NAME=value`, with a name as programs choose them: no piece of a title.
fn is_entry(entry: &[u8]) -> bool {
    let name = entry.split(|byte| *byte == b'=').next().unwrap_or_default();
    let is_name = name.iter().all(|byte| byte.is_ascii_alphanumeric() || *byte == b'_');
    !name.is_empty() && name.len() < entry.len() && is_name
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_variable_is_found_by_its_whole_name() {
        let environment = b"AB=1\0A=2=3\0EMPTY=\0";
        assert_eq!(Shown::of(environment, "A"), Shown::Value("2=3".into()));
        assert_eq!(Shown::of(environment, "EMPTY"), Shown::Value("".into()));
        assert_eq!(Shown::of(environment, "B"), Shown::Unset);
    }

    #[test]
    fn a_process_that_was_started_with_a_variable_is_found_and_no_other() {
        let start = |value: &str| {
            let mut command = std::process::Command::new("sleep");
            command.arg("60").env("SERVERSWAP_TEST_OF_ABOUT", value).spawn().expect("started")
        };
        let mut children = [start("/run/a"), start("/run/ab")];
        let found = started_with("SERVERSWAP_TEST_OF_ABOUT", OsStr::new("/run/a")).expect("readable");
        let pids: Vec<u32> = found.iter().map(|process| process.pid).collect();
        let values = values_of("SERVERSWAP_TEST_OF_ABOUT").expect("readable");
        for child in &mut children {
            child.kill().expect("killed");
            child.wait().expect("reaped");
        }
        assert_eq!(pids, [children[0].id()]);
        assert_eq!(values, ["/run/a", "/run/ab"].map(OsString::from).into());
    }

    #[test]
    fn a_title_written_over_the_environment_shows_nothing() {
        assert_eq!(Shown::of(b"nginx: worker process\0\0\0", "A"), Shown::Nothing);
        assert_eq!(Shown::of(b"app: master = 1\0\0", "A"), Shown::Nothing);
        assert_eq!(Shown::of(b"", "A"), Shown::Nothing);
    }
}
