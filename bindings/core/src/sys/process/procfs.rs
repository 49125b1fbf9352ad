//! What `/proc` says about a process and about this boot.

use std::ffi::{OsStr, OsString};
use std::fs::File;
use std::io::Read;
use std::os::unix::ffi::OsStrExt;
use std::os::unix::fs::MetadataExt;
use std::path::PathBuf;
use std::{fs, io};

use super::{Stat, is_no_process};

/// As much as a stat or an environment usually has.
const CONTENT_USUAL: usize = 4096;

/// The content of a file in `/proc`, which says no size: read(2) is called as seldom as may be.
pub(super) fn content(path: &str) -> io::Result<Vec<u8>> {
    let mut content = Vec::with_capacity(CONTENT_USUAL);
    File::open(path)?.take(u64::MAX).read_to_end(&mut content)?;
    Ok(content)
}

/// The process group of a process.
///
/// # Errors
/// `NotFound` if there is no such process.
pub fn group(pid: u32) -> io::Result<u32> {
    Stat::read(pid).map(|stat| stat.process_group)
}

/// The parent of a process; 0 for one in an outer pid namespace.
///
/// # Errors
/// `NotFound` if there is no such process.
pub fn parent(pid: u32) -> io::Result<u32> {
    Stat::read(pid).map(|stat| stat.parent)
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

/// The identity of the pid namespace that every other one is in: the kernel's `PROC_PID_INIT_INO`.
pub const OUTERMOST_PID_NAMESPACE: u64 = 0xEFFF_FFFC;

/// The numbers of a process in the pid namespaces from ours, which comes first, to its own: more than one if it is in an
/// inner one.
///
/// # Errors
/// `NotFound` if there is no such process.
pub fn numbers(pid: u32) -> io::Result<Vec<u32>> {
    let status = fs::read_to_string(format!("/proc/{pid}/status"))?;
    let text = status.lines().find_map(|line| line.strip_prefix("NSpid:"));
    let numbers = text.unwrap_or_default().split_whitespace().map(str::parse);
    numbers.collect::<Result<_, _>>().map_err(io::Error::other)
}

/// The effective user of a process.
///
/// # Errors
/// `NotFound` if there is no such process.
pub fn user(pid: u32) -> io::Result<u32> {
    let status = fs::read_to_string(format!("/proc/{pid}/status"))?;
    let text = status.lines().find_map(|line| line.strip_prefix("Uid:"));
    let user = text.and_then(|text| text.split_whitespace().nth(1)?.parse().ok());
    user.ok_or_else(|| io::Error::other("it has no user"))
}

/// Whether a process has our network: its ports are ours. `false` where we may not look.
pub fn shares_network(pid: u32) -> bool {
    let network = |process: &str| fs::metadata(format!("/proc/{process}/ns/net")).map(|file| file.ino()).ok();
    let own = network("self");
    own.is_some() && network(&pid.to_string()) == own
}

/// The arguments of a process, or its title if it has written one over them; `None` where there are none.
pub fn arguments(pid: u32) -> Option<Vec<OsString>> {
    let text = fs::read(format!("/proc/{pid}/cmdline")).ok()?;
    let text = text.trim_ascii_end();
    let text = &text[..text.iter().rposition(|byte| *byte != 0)? + 1];
    Some(text.split(|byte| *byte == 0).map(|word| OsStr::from_bytes(word).to_owned()).collect())
}

/// The working directory of a process, without symbolic links; the kernel adds ` (deleted)` to one that was. `None` where we
/// may not look.
pub fn working_directory(pid: u32) -> Option<PathBuf> {
    fs::read_link(format!("/proc/{pid}/cwd")).ok()
}

/// The memory of a process, in bytes: of a page that it shares with others its part of it (PSS), so that it can be added up.
/// `None` if it is gone.
///
/// # Errors
/// The kernel does not let us look.
pub fn memory(pid: u32) -> io::Result<Option<u64>> {
    match fs::read_to_string(format!("/proc/{pid}/smaps_rollup")) {
        Ok(text) => Ok(memory_in(&text)),
        Err(error) if is_no_process(&error) => Ok(None),
        Err(error) => Err(error),
    }
}

fn memory_in(rollup: &str) -> Option<u64> {
    let line = rollup.lines().find_map(|line| line.strip_prefix("Pss:"))?;
    let kibibytes: u64 = line.split_whitespace().next()?.parse().ok()?;
    Some(kibibytes * 1024)
}

/// What a process takes from the mode of every file that it makes.
///
/// # Errors
/// `NotFound` if there is no such process.
pub fn umask(pid: u32) -> io::Result<u32> {
    let status = fs::read_to_string(format!("/proc/{pid}/status"))?;
    let text = status.lines().find_map(|line| line.strip_prefix("Umask:"));
    let umask = text.and_then(|text| u32::from_str_radix(text.trim(), 8).ok());
    umask.ok_or_else(|| io::Error::other("it has no umask"))
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
    fn this_process_is_in_its_own_group() {
        let own = std::process::id();
        let expected = u32::try_from(nix::unistd::getpgrp().as_raw()).expect("positive");
        assert_eq!(group(own).expect("readable"), expected);
    }

    #[test]
    fn this_process_has_its_user() {
        assert_eq!(user(std::process::id()).expect("readable"), nix::unistd::geteuid().as_raw());
    }

    #[test]
    fn this_process_has_one_number_here() {
        let own = std::process::id();
        assert_eq!(numbers(own).expect("readable").first(), Some(&own));
    }

    #[test]
    fn this_process_has_its_arguments_working_directory_and_memory() {
        let own = std::process::id();
        assert_eq!(arguments(own), Some(std::env::args_os().collect()));
        assert_eq!(working_directory(own), std::env::current_dir().ok());
        assert!(memory(own).expect("ours") > Some(1024));
        assert_eq!(
            memory_in("00-ff [rollup]\nRss:   9 kB\nPss:       7 kB\nPss_Dirty: 3 kB\n"),
            Some(7 * 1024)
        );
    }

    #[test]
    fn the_id_of_the_boot_is_a_uuid() {
        assert_eq!(boot_id().expect("readable").len(), 36);
    }
}
