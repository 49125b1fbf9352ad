//! The driver's open descriptors as the kernel shows them, and their limit.

use std::fs;
use std::io;
use std::os::fd::AsFd;
use std::os::unix::fs::MetadataExt;

use rustix::fs::fstat;
use rustix::process::{Pid, Resource, Rlimit, prlimit};

use super::driver::Driver;

/// The bit of close-on-exec in `flags` of `/proc/PID/fdinfo/N`, `O_CLOEXEC`.
const CLOSE_ON_EXEC: u32 = 0o2_000_000;

/// Standard input, output and error.
const STREAMS: i32 = 3;

impl Driver {
    /// The numbers under which its process has the file of `ours` open.
    ///
    /// # Errors
    /// It is gone.
    pub fn numbers_of(&self, ours: impl AsFd) -> io::Result<Vec<i32>> {
        let ours = fstat(ours)?;
        let same = |number: &i32| {
            let theirs = fs::metadata(format!("/proc/{}/fd/{number}", self.pid()));
            theirs.is_ok_and(|theirs| (theirs.dev(), theirs.ino()) == (ours.st_dev, ours.st_ino))
        };
        Ok(self.numbers()?.into_iter().filter(same).collect())
    }

    /// The numbers of its sockets, beside the three standard streams.
    ///
    /// # Errors
    /// It is gone.
    pub fn sockets(&self) -> io::Result<Vec<i32>> {
        let is_socket = |number: &i32| {
            let link = fs::read_link(format!("/proc/{}/fd/{number}", self.pid()));
            link.is_ok_and(|link| link.to_string_lossy().starts_with("socket:"))
        };
        Ok(self.numbers()?.into_iter().filter(|number| *number >= STREAMS).filter(is_socket).collect())
    }

    /// Whether a descriptor is closed when another program is executed; true of one that is closed already.
    ///
    /// # Errors
    /// The kernel shows it in another form.
    pub fn is_close_on_exec(&self, number: i32) -> io::Result<bool> {
        let Ok(text) = fs::read_to_string(format!("/proc/{}/fdinfo/{number}", self.pid())) else {
            return Ok(true);
        };
        let flags = text.lines().find_map(|line| line.strip_prefix("flags:"));
        let flags = flags.and_then(|flags| u32::from_str_radix(flags.trim(), 8).ok());
        let flags = flags.ok_or(io::ErrorKind::InvalidData)?;
        Ok(flags & CLOSE_ON_EXEC != 0)
    }

    /// Lets its process open no further descriptor.
    ///
    /// # Errors
    /// It is gone.
    pub fn limit_descriptors(&mut self) -> io::Result<()> {
        let numbers = self.numbers()?;
        let free = (0..).find(|number| !numbers.contains(number)).unwrap_or(0);
        let before = self.set_limit(Rlimit { current: u64::try_from(free).ok(), maximum: None })?;
        self.usual_limit.get_or_insert(before);
        Ok(())
    }

    /// Takes [`Driver::limit_descriptors`] back.
    ///
    /// # Errors
    /// It is gone.
    pub fn unlimit_descriptors(&mut self) -> io::Result<()> {
        let Some(usual) = self.usual_limit.take() else { return Ok(()) };
        self.set_limit(usual).map(|_| ())
    }

    fn set_limit(&self, limit: Rlimit) -> io::Result<Rlimit> {
        let pid = i32::try_from(self.pid()).ok().and_then(Pid::from_raw);
        let maximum = limit.maximum.or(rustix::process::getrlimit(Resource::Nofile).maximum);
        Ok(prlimit(pid, Resource::Nofile, Rlimit { maximum, ..limit })?)
    }

    fn numbers(&self) -> io::Result<Vec<i32>> {
        let entries = fs::read_dir(format!("/proc/{}/fd", self.pid()))?;
        Ok(entries.flatten().filter_map(|entry| entry.file_name().to_str()?.parse().ok()).collect())
    }
}
