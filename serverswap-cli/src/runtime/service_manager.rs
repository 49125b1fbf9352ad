//! What the service manager is told of this process (sd_notify(3)): systemd, where the unit has `Type=notify` or
//! `notify-reload`.
//!
//! Nothing depends on whether it listens: what cannot be sent is lost.

use std::cell::Cell;
use std::os::linux::net::SocketAddrExt;
use std::os::unix::ffi::OsStrExt;
use std::os::unix::net::{SocketAddr, UnixDatagram};
use std::time::Duration;

use serverswap::protocol::message::Form;
use serverswap::sys::clock::monotonic;
use tokio::time::{MissedTickBehavior, interval};

use super::task::Task;
use crate::cli::environment;
use crate::supervisor::Plan;
use crate::ui::{Report, Summary};

/// More than the timeouts of a generation add up to.
const MARGIN: Duration = Duration::from_secs(10);

/// Its socket, if it has given one to this process.
pub(super) struct ServiceManager {
    address: Option<SocketAddr>,
    socket: Option<UnixDatagram>,
    /// From the start of a generation until every older one is gone.
    deploy: Duration,
    /// From a request to stop until no process is left.
    stop: Duration,
    reloads: Cell<u32>,
    _watchdog: Option<Task>,
}

impl ServiceManager {
    /// Begins to tell it. A command that leaves is no service.
    pub(super) fn of_this_process(plan: &Plan) -> Self {
        let stop = plan.drain_timeout + plan.kill_timeout + MARGIN;
        let manager = match plan.form {
            Form::Stay => ServiceManager::new(plan.ready_timeout + plan.probation + stop, stop),
            Form::Leave => ServiceManager::none(),
        };
        manager.send(&[&extend(manager.deploy), "STATUS=starting"]);
        manager
    }

    /// Of a process that starts nothing, and stays.
    pub(super) fn of_a_holder() -> Self {
        ServiceManager::new(MARGIN, MARGIN)
    }

    fn none() -> Self {
        let (deploy, stop) = (Duration::ZERO, Duration::ZERO);
        ServiceManager { address: None, socket: None, deploy, stop, reloads: Cell::new(0), _watchdog: None }
    }

    fn new(deploy: Duration, stop: Duration) -> Self {
        let name = std::env::var_os(environment::NOTIFY_SOCKET).filter(|value| !value.is_empty());
        let address = name.and_then(|name| address(name.as_bytes()));
        let socket = || {
            let socket = UnixDatagram::unbound().ok()?;
            socket.set_nonblocking(true).ok()?;
            Some(socket)
        };
        ServiceManager {
            socket: address.as_ref().and_then(|_| socket()),
            deploy,
            stop,
            reloads: Cell::new(0),
            _watchdog: address.as_ref().and_then(watchdog),
            address,
        }
    }

    /// The directory has an arbiter, in the words of `status`.
    pub(super) fn holds(&self, status: &str) {
        self.send(&["READY=1", &format!("STATUS={status}")]);
    }

    /// Tells what it ought to know.
    pub(super) fn observe(&self, report: &Report) {
        if let Report::Up { .. } = report {
            self.send(&["READY=1", "STATUS=up"]);
        } else if let Report::Serving { address, pid, .. } = report {
            self.send(&[&format!("STATUS=pid {pid} serves {address}")]);
        }
    }

    /// The process was asked to stop.
    pub(super) fn stopping(&self) {
        self.send(&["STOPPING=1", &extend(self.stop), "STATUS=stopping: open requests are finished"]);
    }

    /// The next generation was started.
    pub(super) fn reloading(&self) {
        self.reloads.set(self.reloads.get() + 1);
        let now = format!("MONOTONIC_USEC={}", monotonic().as_micros());
        self.send(&[
            "RELOADING=1",
            &now,
            &extend(self.deploy),
            "STATUS=reloading: the next generation starts",
        ]);
    }

    /// Its deploy is over. Of several, the last one ends the reload.
    pub(super) fn reloaded(&self, summary: &Summary) {
        self.reloads.set(self.reloads.get().saturating_sub(1));
        let status = match summary {
            Summary::Success(text) => format!("STATUS={text}"),
            Summary::Failure { error, .. } => format!("STATUS=the last reload failed: {error}"),
        };
        let status = status.replace('\n', " ");
        if self.reloads.get() == 0 { self.send(&["READY=1", &status]) } else { self.send(&[&status]) }
    }

    fn send(&self, lines: &[&str]) {
        if let (Some(socket), Some(address)) = (&self.socket, &self.address) {
            // Whoever does not listen misses it.
            let _ = socket.send_to_addr(lines.join("\n").as_bytes(), address);
        }
    }
}

/// From now on, beyond what the unit has as its timeout.
fn extend(time: Duration) -> String {
    format!("EXTEND_TIMEOUT_USEC={}", time.as_micros())
}

/// A path, or a name in the abstract namespace.
fn address(name: &[u8]) -> Option<SocketAddr> {
    match name.strip_prefix(b"@") {
        Some(name) => SocketAddr::from_abstract_name(name).ok(),
        None => SocketAddr::from_pathname(std::ffi::OsStr::from_bytes(name)).ok(),
    }
}

/// Twice in the time that systemd waits, from the loop that does everything else: one that hangs is ended.
fn watchdog(address: &SocketAddr) -> Option<Task> {
    let number = |name: &str| std::env::var(name).ok().and_then(|text| text.parse::<u64>().ok());
    let is_for_this =
        number(environment::WATCHDOG_PID).is_none_or(|pid| pid == u64::from(std::process::id()));
    let time = number(environment::WATCHDOG_USEC).filter(|time| *time > 1 && is_for_this)?;
    let (socket, address) = (UnixDatagram::unbound().ok()?, address.clone());
    socket.set_nonblocking(true).ok()?;
    Some(Task::spawn(async move {
        let mut ticks = interval(Duration::from_micros(time / 2));
        ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
        loop {
            ticks.tick().await;
            let _ = socket.send_to_addr(b"WATCHDOG=1", &address);
        }
    }))
}
