//! How long to wait before a server is started again.

use std::time::Duration;

/// The first delay; each further one is twice as long.
pub const RESTART_DELAY: Duration = Duration::from_millis(100);

/// The longest delay.
pub const RESTART_DELAY_MAX: Duration = Duration::from_secs(30);

/// A server that was up for this long begins with the first delay again.
pub const RESTART_RESET: Duration = Duration::from_secs(10);

/// Exponential backoff. Time is an argument.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(super) struct RestartDelay {
    failures: u32,
}

impl RestartDelay {
    /// The delay after a server that was up for `up_for`; zero if it never was.
    pub(super) fn next(&mut self, up_for: Duration) -> Duration {
        if up_for >= RESTART_RESET {
            self.failures = 0;
        }
        let factor = 2u32.checked_pow(self.failures).unwrap_or(u32::MAX);
        self.failures = self.failures.saturating_add(1);
        RESTART_DELAY.saturating_mul(factor).min(RESTART_DELAY_MAX)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn delays(up_for: &[u64]) -> Vec<u128> {
        let mut backoff = RestartDelay::default();
        up_for.iter().map(|seconds| backoff.next(Duration::from_secs(*seconds)).as_millis()).collect()
    }

    #[test]
    fn each_delay_is_twice_the_one_before_and_none_is_longer_than_the_limit() {
        let expected = [100, 200, 400, 800, 1600, 3200, 6400, 12800, 25600, 30000, 30000];
        assert_eq!(delays(&[0; 11]), expected);
    }

    #[test]
    fn a_server_that_was_up_for_long_enough_begins_with_the_first_delay_again() {
        assert_eq!(delays(&[0, 9, 10, 0]), [100, 200, 100, 200]);
    }

    #[test]
    fn a_thousand_failures_do_not_overflow() {
        assert_eq!(delays(&[0; 1000]).last(), Some(&30000));
    }
}
