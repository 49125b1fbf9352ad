//! Processes that were not started by the test itself.

use std::time::Duration;

use rustix::event::{PollFd, PollFlags, Timespec, poll};
use rustix::io::Errno;
use rustix::process::{Pid, PidfdFlags, Signal, kill_process, pidfd_open};
use serverswap_conformance::sandbox::LIMIT;
use tokio::time::{Instant, interval};

use crate::Outcome;

/// From one look at a process to the next.
const PACE: Duration = Duration::from_millis(20);

/// Sends a signal to a living process.
pub fn signal(pid: u32, signal: Signal) -> Outcome {
    Ok(kill_process(raw(pid)?, signal)?)
}

/// Waits until a process has ended.
pub async fn ended(pid: u32) -> Outcome {
    let pidfd = match pidfd_open(raw(pid)?, PidfdFlags::empty()) {
        Ok(pidfd) => pidfd,
        Err(Errno::SRCH) => return Ok(()),
        Err(error) => return Err(error.into()),
    };
    let limit = Timespec { tv_sec: i64::try_from(LIMIT.as_secs())?, tv_nsec: 0 };
    let wait = move || poll(&mut [PollFd::new(&pidfd, PollFlags::IN)], Some(&limit));
    match tokio::task::spawn_blocking(wait).await?? {
        0 => Err(format!("pid {pid} did not end within {} s", LIMIT.as_secs()).into()),
        _ => Ok(()),
    }
}

/// How many descriptors a process has open.
pub fn descriptors(pid: u32) -> std::io::Result<usize> {
    Ok(std::fs::read_dir(format!("/proc/{pid}/fd"))?.count())
}

/// Waits until a process has one thread.
pub async fn alone(pid: u32) -> Outcome {
    let (give_up_at, mut pace) = (Instant::now() + LIMIT, interval(PACE));
    // Field 20.
    while stat(pid)?[17] != "1" {
        if Instant::now() > give_up_at {
            return Err(
                format!("pid {pid} still had more than one thread after {} s", LIMIT.as_secs()).into()
            );
        }
        pace.tick().await;
    }
    Ok(())
}

/// How much CPU time a process has used, in clock ticks: hundredths of a second.
pub fn ticks(pid: u32) -> Result<u64, Box<dyn std::error::Error>> {
    let fields = stat(pid)?;
    Ok(fields[11].parse::<u64>()? + fields[12].parse::<u64>()?)
}

/// The process that has started it.
pub fn parent(pid: u32) -> Result<u32, Box<dyn std::error::Error>> {
    Ok(stat(pid)?[1].parse()?)
}

/// The fields of proc_pid_stat(5) behind the name, from the third.
pub fn stat(pid: u32) -> std::io::Result<Vec<String>> {
    let stat = std::fs::read_to_string(format!("/proc/{pid}/stat"))?;
    Ok(stat.rsplit(") ").next().unwrap_or_default().split(' ').map(str::to_owned).collect())
}

fn raw(pid: u32) -> Result<Pid, Box<dyn std::error::Error>> {
    Ok(Pid::from_raw(i32::try_from(pid)?).ok_or("no process has this number")?)
}
