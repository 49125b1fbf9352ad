//! How long a drain lasts, and how often its progress is reported. Pure, and the same in every
//! language.

use std::time::Duration;

/// The drain of a server that stops without a takedown, and sets no time of its own.
pub const DRAIN_TIMEOUT_DEFAULT: Duration = Duration::from_secs(30);

/// A server ends its drain before the supervisor sends TERM: by a tenth of the time, and by no
/// more than this.
const MARGIN_MAX: Duration = Duration::from_millis(500);

/// A framework that has more to do when connections are cut begins that much earlier: by another
/// tenth of the time, and by no more than this.
const CLEANUP_MAX: Duration = Duration::from_millis(300);

const SHARE_OF_DRAIN: u32 = 10;

/// How many open connections are reported one by one.
const ONE_BY_ONE_MAX: u64 = 10;

/// How a server wants to drain.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct DrainPolicy {
    /// The longest drain that the server itself wants.
    pub timeout: Option<Duration>,
    /// What is to be done when the time is over.
    pub cleanup: Cleanup,
}

/// What a server does about connections that are open when the time is over.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Cleanup {
    /// It closes them.
    #[default]
    Close,
    /// A framework ends them in its own way, which takes a moment.
    Framework,
}

impl DrainPolicy {
    /// When connections that are still open are to be cut, on the clock of `now`. `takedown`: when
    /// it arrived, and the drain that it gives; without one the server stops by itself.
    pub fn deadline(&self, takedown: Option<(Duration, Duration)>, now: Duration) -> Duration {
        let own = |timeout| now.saturating_add(timeout);
        match (takedown, self.timeout) {
            (None, timeout) => own(timeout.unwrap_or(DRAIN_TIMEOUT_DEFAULT)),
            (Some(taken), None) => self.before_term(taken),
            (Some(taken), Some(timeout)) => self.before_term(taken).min(own(timeout)),
        }
    }

    fn before_term(&self, (arrived, drain): (Duration, Duration)) -> Duration {
        let share = drain / SHARE_OF_DRAIN;
        let cleanup = match self.cleanup {
            Cleanup::Close => Duration::ZERO,
            Cleanup::Framework => share.min(CLEANUP_MAX),
        };
        arrived.saturating_add(drain.saturating_sub(share.min(MARGIN_MAX) + cleanup))
    }
}

/// Decides which counts of open connections are worth a `progress`: the first, the last ones one by
/// one, and above those each that is a tenth lower. Ten thousand connections cost about a hundred
/// messages, without a timer.
#[derive(Debug, Clone, Copy, Default)]
pub struct ProgressThrottle {
    reported: Option<u64>,
}

impl ProgressThrottle {
    /// Nothing is reported yet.
    pub fn new() -> Self {
        ProgressThrottle::default()
    }

    /// Whether it is to be reported that so many are open now; if so, it counts as reported.
    #[must_use]
    pub fn is_due(&mut self, open: u64) -> bool {
        let is_due = match self.reported {
            None => true,
            Some(reported) => open <= ONE_BY_ONE_MAX || u128::from(open) * 10 <= u128::from(reported) * 9,
        };
        if is_due {
            self.reported = Some(open);
        }
        is_due
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const NOW: Duration = Duration::from_secs(100);

    fn after_now(policy: DrainPolicy, drain: Option<Duration>) -> Duration {
        policy.deadline(drain.map(|drain| (NOW, drain)), NOW) - NOW
    }

    #[test]
    fn a_drain_ends_before_the_term_of_its_takedown() {
        let policy = DrainPolicy::default();
        assert_eq!(after_now(policy, Some(Duration::from_secs(30))), Duration::from_millis(29_500));
        assert_eq!(after_now(policy, Some(Duration::from_secs(1))), Duration::from_millis(900));
    }

    #[test]
    fn a_framework_begins_a_little_earlier() {
        let policy = DrainPolicy { cleanup: Cleanup::Framework, ..DrainPolicy::default() };
        assert_eq!(after_now(policy, Some(Duration::from_secs(30))), Duration::from_millis(29_200));
        assert_eq!(after_now(policy, Some(Duration::from_secs(1))), Duration::from_millis(800));
    }

    #[test]
    fn a_server_that_wants_less_time_takes_less() {
        let policy = DrainPolicy { timeout: Some(Duration::from_secs(5)), ..DrainPolicy::default() };
        assert_eq!(after_now(policy, Some(Duration::from_secs(30))), Duration::from_secs(5));
        assert_eq!(after_now(policy, Some(Duration::from_secs(1))), Duration::from_millis(900));
        assert_eq!(after_now(policy, None), Duration::from_secs(5));
    }

    #[test]
    fn a_server_that_stops_by_itself_drains_for_thirty_seconds() {
        assert_eq!(after_now(DrainPolicy::default(), None), DRAIN_TIMEOUT_DEFAULT);
    }

    #[test]
    fn a_takedown_that_is_handled_late_has_less_time_left() {
        let arrived = NOW - Duration::from_secs(10);
        let deadline = DrainPolicy::default().deadline(Some((arrived, Duration::from_secs(30))), NOW);
        assert_eq!(deadline - NOW, Duration::from_millis(19_500));
    }

    #[test]
    fn progress_is_reported_by_tenths_and_the_last_connections_one_by_one() {
        let mut throttle = ProgressThrottle::new();
        let reported: Vec<u64> = (0..=100).rev().filter(|open| throttle.is_due(*open)).collect();
        let expected = [100, 90, 81, 72, 64, 57, 51, 45, 40, 36, 32, 28, 25, 22, 19, 17, 15, 13, 11];
        assert_eq!(reported[..expected.len()], expected);
        assert_eq!(reported[expected.len()..], [10, 9, 8, 7, 6, 5, 4, 3, 2, 1, 0]);
    }
}
