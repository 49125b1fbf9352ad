//! What `/proc` says about a process and about this boot.

use std::ffi::OsStr;
use std::os::unix::ffi::{OsStrExt, OsStringExt};
use std::os::unix::fs::MetadataExt;
use std::{ffi::OsString, fs, io};

use super::{Process, Stat};

/// The process group of a process.
///
/// # Errors
/// `NotFound` if there is no such process.
pub fn group(pid: u32) -> io::Result<u32> {
    Stat::read(pid).map(|stat| stat.process_group)
}

/// The id of this boot: start times are comparable only within one.
///
/// # Errors
/// `/proc` is not mounted.
pub fn boot_id() -> io::Result<String> {
    let text = fs::read_to_string("/proc/sys/kernel/random/boot_id")?;
    Ok(text.trim_end().to_owned())
}

/// The identity (inode number) of our pid namespace.
///
/// # Errors
/// `/proc` is not mounted.
pub fn pid_namespace() -> io::Result<u64> {
    Ok(fs::metadata("/proc/self/ns/pid")?.ino())
}

/// The identity (inode number) of another process's pid namespace.
///
/// # Errors
/// There is no such process, or it is not ours to look at.
pub fn pid_namespace_of(pid: u32) -> io::Result<u64> {
    Ok(fs::metadata(format!("/proc/{pid}/ns/pid"))?.ino())
}

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
/// `/proc` is not readable.
pub fn started_with(variable: &str, value: &OsStr) -> io::Result<Vec<Process>> {
    let own = std::process::id();
    let has_it = |pid: &u32| *pid != own && environment(*pid, variable).as_deref() == Some(value);
    // Who has ended meanwhile is left out.
    Ok(pids()?.into_iter().filter(has_it).filter_map(|pid| Process::of(pid).ok()).collect())
}

/// The pid of every process now.
///
/// # Errors
/// `/proc` is not readable.
pub(super) fn pids() -> io::Result<Vec<u32>> {
    let mut pids = Vec::new();
    for entry in fs::read_dir("/proc")? {
        pids.extend(entry?.file_name().to_str().and_then(|name| name.parse::<u32>().ok()));
    }
    Ok(pids)
}

pub(super) fn variable_in(environment: &[u8], variable: &str) -> Option<OsString> {
    environment.split(|byte| *byte == 0).find_map(|entry| {
        let value = entry.strip_prefix(variable.as_bytes())?.strip_prefix(b"=")?;
        Some(OsString::from_vec(value.to_owned()))
    })
}

/// The program's name for people: the file name in its first argument (`node`), else the
/// kernel's name of its main thread, which runtimes set to things like `MainThread`.
pub fn name(pid: u32) -> Option<String> {
    let arguments = fs::read(format!("/proc/{pid}/cmdline")).unwrap_or_default();
    let comm = || fs::read_to_string(format!("/proc/{pid}/comm")).ok();
    program_in(&arguments).or_else(|| comm().map(|name| name.trim_end().to_owned()))
}

/// `/usr/sbin/nginx`, `nginx: master process` and `-bash` are nginx, nginx and bash.
fn program_in(arguments: &[u8]) -> Option<String> {
    let first = arguments.split(|byte| *byte == 0 || *byte == b' ').next()?;
    let file = first.rsplit(|byte| *byte == b'/').next()?;
    let name = OsStr::from_bytes(file).to_string_lossy();
    let name = name.trim_start_matches('-').trim_end_matches(':');
    (!name.is_empty()).then(|| name.to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_programs_name_is_the_file_in_its_first_argument() {
        let cases: [(&[u8], Option<&str>); 5] = [
            (b"/usr/bin/node\0server.js\0", Some("node")),
            (b"nginx: master process nginx\0", Some("nginx")),
            (b"-bash\0", Some("bash")),
            (b"python3\0", Some("python3")),
            (b"", None),
        ];
        for (arguments, expected) in cases {
            assert_eq!(program_in(arguments).as_deref(), expected);
        }
    }

    #[test]
    fn a_variable_is_found_by_its_whole_name() {
        let environment = b"AB=1\0A=2=3\0EMPTY=\0";
        assert_eq!(variable_in(environment, "A"), Some("2=3".into()));
        assert_eq!(variable_in(environment, "EMPTY"), Some("".into()));
        assert_eq!(variable_in(environment, "B"), None);
    }

    #[test]
    fn this_process_is_in_its_own_group_and_namespace() {
        let own = std::process::id();
        let expected = u32::try_from(nix::unistd::getpgrp().as_raw()).expect("positive");
        assert_eq!(group(own).expect("readable"), expected);
        assert_eq!(pid_namespace_of(own).expect("readable"), pid_namespace().expect("readable"));
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

    #[test]
    fn the_id_of_the_boot_is_a_uuid() {
        assert_eq!(boot_id().expect("readable").len(), 36);
    }
}
