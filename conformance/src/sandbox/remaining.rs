//! Which processes belong to a runtime directory, and their end.

use std::os::fd::OwnedFd;
use std::path::Path;

use rustix::event::{PollFd, PollFlags, Timespec, poll};
use rustix::process::{Pid, PidfdFlags, Signal, getpgid, pidfd_open, pidfd_send_signal};

/// A process started by a process that is being ended appears in a later round.
const ROUNDS_MAX: usize = 20;

/// How long one round waits for the processes that it has killed.
const ROUND_TIMEOUT: Timespec = Timespec { tv_sec: 2, tv_nsec: 0 };

/// Most times that a process is looked at again because it shows nothing; others run in between.
const LOOKS_MAX: usize = 1_000;

/// A poll that does not wait.
const AT_ONCE: Timespec = Timespec { tv_sec: 0, tv_nsec: 0 };

/// A living process.
#[derive(Debug)]
pub struct Remaining {
    /// Its process id.
    pub pid: u32,
    /// Its arguments, separated by spaces.
    pub command: String,
    pidfd: OwnedFd,
}

impl Remaining {
    /// A variable of the environment that it was started with.
    pub fn variable(&self, name: &str) -> Option<String> {
        let environment = std::fs::read(format!("/proc/{}/environ", self.pid)).ok()?;
        let beginning = format!("{name}=");
        let values = environment.split(|byte| *byte == 0);
        let mut values = values.filter_map(|variable| variable.strip_prefix(beginning.as_bytes()));
        values.next().map(|value| String::from_utf8_lossy(value).into_owned())
    }

    /// Whether it is an arbiter that a server started where there was none.
    pub(super) fn is_temporary_arbiter(&self) -> bool {
        self.command.starts_with("serverswap --arbiter ")
    }

    /// Its process group.
    pub fn group(&self) -> Option<u32> {
        let pid = Pid::from_raw(i32::try_from(self.pid).ok()?)?;
        getpgid(Some(pid)).ok().and_then(|group| u32::try_from(group.as_raw_nonzero().get()).ok())
    }
}

/// Every living process, but this one, with `SERVERSWAP_DIR` set to `runtime_dir`.
pub(super) fn of(runtime_dir: &Path) -> Vec<Remaining> {
    let wanted = [b"SERVERSWAP_DIR=".as_slice(), runtime_dir.as_os_str().as_encoded_bytes()].concat();
    let Ok(entries) = std::fs::read_dir("/proc") else {
        return Vec::new();
    };
    let pids = entries.flatten().filter_map(|entry| entry.file_name().to_str()?.parse::<u32>().ok());
    pids.filter(|pid| *pid != std::process::id()).filter_map(|pid| look(pid, &wanted)).collect()
}

/// The pidfd comes first: what is read afterwards is about the process that it names, or about
/// nobody.
fn look(pid: u32, wanted: &[u8]) -> Option<Remaining> {
    let raw = Pid::from_raw(i32::try_from(pid).ok()?)?;
    let pidfd = pidfd_open(raw, PidfdFlags::empty()).ok()?;
    let environment = environment(pid, &pidfd)?;
    environment.split(|byte| *byte == 0).find(|variable| *variable == wanted)?;
    let arguments = std::fs::read(format!("/proc/{pid}/cmdline")).unwrap_or_default();
    let command = String::from_utf8_lossy(&arguments).trim_end_matches('\0').replace('\0', " ");
    Some(Remaining { pid, command, pidfd })
}

/// What a process was started with. In the middle of exec(2) it shows nothing, so then it is looked at again;
/// `None` if it shows nothing for good (a zombie, a thread of the kernel, one that was started with none) or is not ours
/// to look at.
fn environment(pid: u32, pidfd: &OwnedFd) -> Option<Vec<u8>> {
    for _ in 0..LOOKS_MAX {
        let environment = std::fs::read(format!("/proc/{pid}/environ")).ok()?;
        if !environment.is_empty() {
            return Some(environment);
        }
        // Only what has a program is ever in exec(2).
        std::fs::read_link(format!("/proc/{pid}/exe")).ok()?;
        let is_gone = poll(&mut [PollFd::new(pidfd, PollFlags::IN)], Some(&AT_ONCE)).ok()? > 0;
        if is_gone || has_empty_environment(pid) {
            return None;
        }
        // On a busy machine this may take as long as others may run.
        std::thread::yield_now();
    }
    None
}

/// Whether the kernel says that it begins where it ends; in the middle of exec(2) it says neither. Fields 50 and 51 of
/// `/proc/PID/stat`, see proc_pid_stat(5).
fn has_empty_environment(pid: u32) -> bool {
    const BEGINS: usize = 50 - 3;
    let stat = std::fs::read_to_string(format!("/proc/{pid}/stat")).unwrap_or_default();
    // The name of the program, which may contain anything, ends with the last parenthesis; the state is field 3.
    let fields = stat.rsplit_once(')').map(|(_, fields)| fields).unwrap_or_default();
    let mut bounds = fields.split_ascii_whitespace().skip(BEGINS);
    matches!((bounds.next(), bounds.next()), (Some(begins), Some(ends)) if begins != "0" && begins == ends)
}

/// Every living process, but this one, whose working directory is in `folder`: it may have written its title over its
/// environment (nginx, puma).
fn working_in(folder: &Path) -> Vec<OwnedFd> {
    let folder = folder.canonicalize().unwrap_or_else(|_| folder.to_owned());
    let entries = std::fs::read_dir("/proc").into_iter().flatten().flatten();
    let pids = entries.filter_map(|entry| entry.file_name().to_str()?.parse::<u32>().ok());
    let works = |pid: u32| {
        let pidfd = pidfd_open(Pid::from_raw(i32::try_from(pid).ok()?)?, PidfdFlags::empty()).ok()?;
        let directory = std::fs::read_link(format!("/proc/{pid}/cwd")).ok()?;
        directory.starts_with(&folder).then_some(pidfd)
    };
    pids.filter(|pid| *pid != std::process::id()).filter_map(works).collect()
}

/// Kills every process of the directory, and every one that works in `folder`, and waits until none is left.
pub(super) fn end(runtime_dir: &Path, folder: &Path) {
    for _ in 0..ROUNDS_MAX {
        let mut remaining: Vec<OwnedFd> = of(runtime_dir).into_iter().map(|process| process.pidfd).collect();
        remaining.extend(working_in(folder));
        if remaining.is_empty() {
            return;
        }
        for pidfd in &remaining {
            // It may have ended by itself.
            let _ = pidfd_send_signal(pidfd, Signal::KILL);
        }
        for pidfd in &remaining {
            let _ = poll(&mut [PollFd::new(pidfd, PollFlags::IN)], Some(&ROUND_TIMEOUT));
        }
    }
}

#[cfg(test)]
mod tests {
    use std::process::{Command, Stdio};

    use super::*;

    #[test]
    fn whoever_works_in_the_folder_is_ended_whatever_it_shows() {
        let folder = tempfile::tempdir().expect("a folder");
        let mut server = Command::new("env");
        let server = server.args(["-i", "sleep", "600"]).current_dir(folder.path()).stdout(Stdio::null());
        let mut server = server.spawn().expect("started");
        end(&folder.path().join("run"), folder.path());
        assert!(!server.wait().expect("it is a child").success());
    }

    #[test]
    fn one_that_was_started_with_no_environment_is_known_from_one_that_has_some() {
        let sleeps = |with_none: bool| {
            let mut server = Command::new("sleep");
            if with_none {
                server.env_clear();
            }
            server.arg("600").stdout(Stdio::null()).spawn().expect("started")
        };
        for with_none in [true, false] {
            let mut server = sleeps(with_none);
            let known = has_empty_environment(server.id());
            server.kill().and_then(|()| server.wait()).expect("it ends");
            assert_eq!(known, with_none);
        }
    }
}
