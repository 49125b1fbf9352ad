//! A terminal of a test's own.

use std::os::fd::OwnedFd;
use std::path::PathBuf;

use rustix::fs::{Mode, OFlags};
use rustix::pty::{OpenptFlags, grantpt, openpt, ptsname, unlockpt};

/// A terminal: to drop the master closes it, as closing a window does.
pub struct Pty {
    pub master: OwnedFd,
    /// What programs have as stdin, stdout and stderr.
    pub path: PathBuf,
}

impl Pty {
    pub fn open() -> Result<Pty, Box<dyn std::error::Error>> {
        let master = openpt(OpenptFlags::RDWR | OpenptFlags::NOCTTY | OpenptFlags::CLOEXEC)?;
        grantpt(&master)?;
        unlockpt(&master)?;
        let path = PathBuf::from(ptsname(&master, Vec::new())?.into_string()?);
        Ok(Pty { master, path })
    }

    pub fn slave(&self) -> Result<OwnedFd, Box<dyn std::error::Error>> {
        Ok(rustix::fs::open(&self.path, OFlags::RDWR | OFlags::NOCTTY | OFlags::CLOEXEC, Mode::empty())?)
    }
}
