//! Processes: which one, whether it lives, what /proc shows of it, signals to it.
//!
//! Deliberately no spawn(2) and no wait(2) here, and no signal to a bare number: pid
//! numbers are used again.
//! Rules: a pidfd is opened first and the start time compared afterwards; gone is what the
//! pidfd says ([`is_gone`]), a zombie is gone.

mod ancestors;
mod descendants;
mod environ;
mod generation;
mod inner;
mod pidfd;
mod procfs;

use std::io;
use std::os::fd::OwnedFd;
use std::time::Duration;

use serde::{Deserialize, Serialize};

use super::clock;

pub use ancestors::{ancestors, topmost};
pub use descendants::descendants;
pub(in crate::sys) use environ::pids;
pub use environ::{environment, shown_now, started_with, values_of};
pub use generation::{
    GENERATION_VARIABLE, Members, generation_members, is_supervisor_of, members_of_each, signal_generation,
};
pub use inner::number_here;
pub use nix::sys::signal::Signal;
pub use pidfd::{is_gone, may_signal, pidfd_getfd, pidfd_open, pidfd_send_signal, pidfd_send_signal_number};
pub use procfs::{
    OUTERMOST_PID_NAMESPACE, arguments, boot_id, group, memory, name, numbers, parent, pid_namespace,
    shares_network, umask, user, working_directory,
};

/// A clock tick of `/proc/PID/stat` in microseconds: USER_HZ is 100 for every program, whatever the
/// kernel's own clock is (proc(5)).
const TICK_MICROS: u64 = 10_000;

/// One process of this boot: the pid may be used again, the pair is not.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct Process {
    /// Its id in our pid namespace.
    pub pid: u32,
    /// When it started, in clock ticks since boot (field 22 of `/proc/PID/stat`).
    pub start: u64,
}

impl Process {
    /// The process that has this pid now; also a zombie.
    ///
    /// # Errors
    /// `NotFound` if there is none.
    pub fn of(pid: u32) -> io::Result<Process> {
        let stat = Stat::read(pid)?;
        Ok(Process { pid, start: stat.start })
    }

    /// This process.
    ///
    /// # Errors
    /// `/proc` is not mounted.
    pub fn current() -> io::Result<Process> {
        Process::of(std::process::id())
    }

    /// When it started, as time since boot (`CLOCK_BOOTTIME`), to a hundredth of a second.
    pub fn started_at(self) -> Duration {
        Duration::from_micros(self.start.saturating_mul(TICK_MICROS))
    }

    /// The process that has this pid now, held by its pidfd before anything was read of it; `None` if there is none. Of a
    /// zombie there is one, and [`is_gone`] says so.
    ///
    /// # Errors
    /// Out of descriptors, or `/proc` is not readable.
    pub fn hold(pid: u32) -> io::Result<Option<(Process, OwnedFd)>> {
        match pidfd_open(pid).and_then(|pidfd| Ok((Process::of(pid)?, pidfd))) {
            Ok(held) => Ok(Some(held)),
            Err(error) if is_no_process(&error) => Ok(None),
            Err(error) => Err(error),
        }
    }

    /// A pidfd of exactly this process: `None` when it is gone without a trace or its pid
    /// belongs to another one. Of a zombie there is one, and [`is_gone`] says so.
    ///
    /// # Errors
    /// Out of descriptors, or `/proc` is not readable.
    pub fn pidfd(self) -> io::Result<Option<OwnedFd>> {
        let held = Process::hold(self.pid)?;
        Ok(held.filter(|(process, _)| *process == self).map(|(_, pidfd)| pidfd))
    }
}

/// Whether the error means that the process is gone: ENOENT from `/proc`, ESRCH otherwise.
pub(in crate::sys) fn is_no_process(error: &io::Error) -> bool {
    matches!(error.raw_os_error(), Some(libc::ENOENT | libc::ESRCH))
}

/// What is needed of `/proc/PID/stat`.
struct Stat {
    /// 0 for a parent in an outer pid namespace.
    parent: u32,
    process_group: u32,
    /// A thread of the kernel's, which shows nothing.
    is_of_the_kernel: bool,
    start: u64,
    /// There is an environment, and nothing in it. False as well of a process whose memory is not
    /// ours to look at, or that is in the middle of exec(2).
    has_empty_environment: bool,
}

/// `PF_KTHREAD` of the kernel's `linux/sched.h`, in the flags of proc_pid_stat(5).
const KERNEL_THREAD: u64 = 0x0020_0000;

impl Stat {
    /// # Errors
    /// As of open(2) and read(2); ESRCH for a process that is being reaped.
    fn read(pid: u32) -> io::Result<Stat> {
        let text = procfs::content(&format!("/proc/{pid}/stat"))?;
        Stat::parse(&text).ok_or_else(|| io::Error::from_raw_os_error(libc::ESRCH))
    }

    /// The second field, the name in brackets, may hold anything, brackets and blanks
    /// included: count from the last bracket. `None` for a process that is being reaped, whose group is -1
    /// (the kernel's `fs/proc/array.c`, `do_task_stat`).
    fn parse(text: &[u8]) -> Option<Stat> {
        let name_end = text.iter().rposition(|byte| *byte == b')')?;
        let rest = std::str::from_utf8(text.get(name_end + 1..)?).ok()?;
        let mut fields = rest.split_ascii_whitespace();
        let parent = fields.nth(1)?.parse().ok()?; // field 4
        let process_group = fields.next()?.parse().ok()?; // field 5
        let flags: u64 = fields.nth(3)?.parse().ok()?; // field 9
        let start: i128 = fields.nth(12)?.parse().ok()?; // field 22, by the clock of our time namespace
        let start = start - clock::boottime_ahead_nanos() / (i128::from(TICK_MICROS) * 1_000);
        let start = u64::try_from(start.max(0)).ok()?;
        let mut environment = fields.skip(27).map(|field| field.parse::<u64>().unwrap_or_default()); // fields 50, 51
        let (begin, end) = (environment.next().unwrap_or_default(), environment.next().unwrap_or_default());
        let has_empty_environment = begin != 0 && begin == end;
        let is_of_the_kernel = flags & KERNEL_THREAD != 0;
        Some(Stat { parent, process_group, is_of_the_kernel, start, has_empty_environment })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_with_brackets_and_blanks_does_not_shift_the_fields() {
        let text = b"77 (a) S 1 (b) S 1 77 77 0 -1 4194560 1 2 3 4 5 6 7 8 20 0 1 0 4242 1000 9";
        let stat = Stat::parse(text).expect("a whole line");
        assert_eq!((stat.parent, stat.process_group, stat.is_of_the_kernel), (1, 77, false));
        assert_eq!(stat.start, 4242);
    }

    #[test]
    fn a_thread_of_the_kernel_is_known_by_its_flags() {
        let text = b"2 (kthreadd) S 0 0 0 0 -1 2129984 0 0 0 0 0 3 0 0 20 0 1 0 7 0 0";
        let stat = Stat::parse(text).expect("a whole line");
        assert_eq!((stat.is_of_the_kernel, stat.start), (true, 7));
    }

    #[test]
    fn a_process_that_is_being_reaped_is_no_process() {
        let text = b"77 (node) X 0 -1 -1 0 -1 4194564 0 0 0 0 0 3 0 0 20 0 1 0 4242 0 0";
        assert!(Stat::parse(text).is_none());
    }

    #[test]
    fn a_living_process_has_a_pidfd_that_says_so() {
        let pidfd = Process::current().and_then(Process::pidfd).expect("this process is in /proc");
        assert!(!is_gone(pidfd.expect("this process lives")).expect("a pidfd can be polled"));
    }

    #[test]
    fn another_process_with_the_same_pid_is_not_this_one() {
        let mut process = Process::current().expect("this process is in /proc");
        process.start -= 1;
        assert!(process.pidfd().expect("readable").is_none());
    }
}
