//! What the service manager is told of this process (sd_notify(3)): systemd, where the unit has `Type=notify` or
//! `notify-reload`.
//!
//! Nothing depends on whether it listens: what cannot be sent is lost. What it keeps is in
//! [`listener_store`](super::listener_store).

use std::cell::Cell;
use std::rc::Rc;
use std::time::Duration;

use serverswap::sys::clock::monotonic;
use tokio::time::{MissedTickBehavior, interval};

use super::task::Task;
use crate::cli::environment;
use crate::supervisor::Plan;
use crate::sys::notifier::Notifier;
use crate::ui::{Report, Summary};

/// More than the timeouts of a generation add up to.
const MARGIN: Duration = Duration::from_secs(10);

/// Its socket, if it has given one to this process.
pub(super) struct ServiceManager {
    notifier: Option<Rc<Notifier>>,
    /// From the start of a generation until every older one is gone.
    deploy: Duration,
    /// From a request to stop until no process is left.
    stop: Duration,
    reloads: Cell<u32>,
    _watchdog: Option<Task>,
}

impl ServiceManager {
    /// Begins to tell it. A command that leaves has none.
    pub(super) fn of_a_supervisor(plan: &Plan, notifier: Option<Rc<Notifier>>) -> Self {
        let stop = plan.longest_drain() + plan.kill_timeout + MARGIN;
        let manager = ServiceManager::new(notifier, plan.ready_timeout + plan.probation + stop, stop);
        manager.send(&[&extend(manager.deploy), "STATUS=starting"]);
        manager
    }

    /// Of a process that starts nothing, and stays.
    pub(super) fn of_a_holder() -> Self {
        ServiceManager::new(Notifier::of_this_process().map(Rc::new), MARGIN, MARGIN)
    }

    fn new(notifier: Option<Rc<Notifier>>, deploy: Duration, stop: Duration) -> Self {
        ServiceManager {
            _watchdog: notifier.as_ref().and_then(watchdog),
            notifier,
            deploy,
            stop,
            reloads: Cell::new(0),
        }
    }

    /// The directory has an arbiter, in the words of `status`.
    pub(super) fn holds(&self, status: &str) {
        self.send(&["READY=1", &format!("STATUS={status}")]);
    }

    /// Whether this process can tell it anything.
    pub(super) fn is_there(&self) -> bool {
        self.notifier.is_some()
    }

    /// Tells what it ought to know.
    pub(super) fn observe(&self, report: &Report) {
        if let Report::Up { .. } = report {
            self.send(&["READY=1", "STATUS=up"]);
        } else if let Report::Serving { address, pid, .. } = report {
            self.send(&[&format!("STATUS=pid {pid} serves {address}")]);
        }
    }

    /// The server needs so much more time until it is ready.
    pub(super) fn needs(&self, time: Duration) {
        self.send(&[&extend(time + self.deploy)]);
    }

    /// A server has so much time left to drain, which it may have asked for.
    pub(super) fn drains(&self, remaining: Duration) {
        self.send(&[&extend(remaining + self.stop)]);
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
        if let Some(notifier) = &self.notifier {
            notifier.tell(&lines.join("\n"));
        }
    }
}

/// From now on, beyond what the unit has as its timeout; what is later already stays.
fn extend(time: Duration) -> String {
    format!("EXTEND_TIMEOUT_USEC={}", time.as_micros())
}

/// Twice in the time that systemd waits, from the loop that does everything else: one that hangs is ended.
fn watchdog(notifier: &Rc<Notifier>) -> Option<Task> {
    let number = |name: &str| std::env::var(name).ok().and_then(|text| text.parse::<u64>().ok());
    let is_for_this =
        number(environment::WATCHDOG_PID).is_none_or(|pid| pid == u64::from(std::process::id()));
    let time = number(environment::WATCHDOG_USEC).filter(|time| *time > 1 && is_for_this)?;
    let notifier = Rc::clone(notifier);
    Some(Task::spawn(async move {
        let mut ticks = interval(Duration::from_micros(time / 2));
        ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
        loop {
            ticks.tick().await;
            notifier.tell("WATCHDOG=1");
        }
    }))
}

#[cfg(test)]
mod tests {
    use serverswap::protocol::Generation;
    use serverswap::protocol::message::{Form, UnixSockets};

    use super::*;
    use crate::supervisor::{Restart, Starts};
    use crate::sys::notify_socket::NotifySocket;

    fn plan() -> Plan {
        Plan {
            command: "server".to_owned(),
            form: Form::Stay,
            restart: Restart::Never,
            ready_timeout: Duration::from_secs(60),
            drain_timeout: Duration::from_secs(30),
            stream_timeout: None,
            kill_timeout: Duration::from_secs(5),
            probation: Duration::from_secs(2),
            unix_sockets: UnixSockets::default(),
            starts: Starts::Speaking,
            generation: Generation { start: 1, pid: 1 },
        }
    }

    #[test]
    fn the_unit_has_the_time_for_every_phase_and_for_what_a_server_asks_for() {
        let (manager, name) = NotifySocket::bind_anywhere().expect("a socket");
        let service = ServiceManager::of_a_supervisor(&plan(), Notifier::new(&name).map(Rc::new));
        let seconds = || {
            let message = String::from_utf8(manager.receive().expect("it was told").message).expect("a text");
            let time = message.lines().find_map(|line| line.strip_prefix("EXTEND_TIMEOUT_USEC="));
            time.expect("it is given time").parse::<u64>().expect("a number") / 1_000_000
        };
        assert_eq!(seconds(), 60 + 2 + 30 + 5 + 10, "it starts");
        service.needs(Duration::from_secs(600));
        assert_eq!(seconds(), 600 + 107);
        service.reloading();
        assert_eq!(seconds(), 107);
        service.drains(Duration::from_secs(300));
        assert_eq!(seconds(), 300 + 45);
        service.stopping();
        assert_eq!(seconds(), 30 + 5 + 10);
    }
}
