//! Signals to processes that are not our children, and the wait for their end.

use std::time::Duration;

use rustix::io::Errno;
use rustix::process::{Pid, PidfdFlags, Signal, kill_process, pidfd_open};
use tokio::time::timeout;

use super::FaultsError;
use crate::sys::register;

/// Sends a signal to a process that is held, and therefore lives.
pub(super) fn signal(pid: u32, signal: Signal) -> Result<(), FaultsError> {
    kill_process(raw(pid)?, signal).map_err(|errno| FaultsError::Machine(errno.into()))
}

/// Waits until a process has ended; whether it has, within `limit`.
pub(super) async fn ended(pid: u32, limit: Duration) -> Result<bool, FaultsError> {
    let pidfd = match pidfd_open(raw(pid)?, PidfdFlags::empty()) {
        Ok(pidfd) => register(pidfd).map_err(FaultsError::Machine)?,
        Err(Errno::SRCH) => return Ok(true),
        Err(errno) => return Err(FaultsError::Machine(errno.into())),
    };
    Ok(timeout(limit, pidfd.readable()).await.is_ok())
}

fn raw(pid: u32) -> Result<Pid, FaultsError> {
    i32::try_from(pid).ok().and_then(Pid::from_raw).ok_or(FaultsError::NoPid)
}
