//! The two clocks: one that every process of this boot shares, one for deadlines.

use std::fs;
use std::sync::OnceLock;
use std::time::Duration;

use nix::time::{ClockId, clock_gettime};

/// Microseconds since boot, suspended time included (`CLOCK_BOOTTIME`): what a
/// generation's `start` is made of. Never set back and the same in every process, also in one
/// whose time namespace has another clock.
pub fn boottime_micros() -> u64 {
    let nanos = i128::try_from(now(ClockId::CLOCK_BOOTTIME).as_nanos()).unwrap_or(i128::MAX);
    let nanos = nanos.saturating_sub(boottime_ahead_nanos()).max(0);
    u64::try_from(nanos / 1_000).expect("a machine runs for less than 584,000 years")
}

/// Time since some fixed moment before this process started (`CLOCK_MONOTONIC`): the
/// `now` of the pure cores. It stands still while the machine is suspended, so that a
/// nap of the machine uses up no deadline.
pub fn monotonic() -> Duration {
    now(ClockId::CLOCK_MONOTONIC)
}

/// How far `CLOCK_BOOTTIME`, and the start times in `/proc`, are ahead of those of the machine in the time namespace of
/// this process (time_namespaces(7)).
pub(super) fn boottime_ahead_nanos() -> i128 {
    static AHEAD: OnceLock<i128> = OnceLock::new();
    let read = || fs::read_to_string("/proc/self/timens_offsets").ok().and_then(|text| ahead_nanos(&text));
    // Before Linux 5.6 there is one clock.
    *AHEAD.get_or_init(|| read().unwrap_or_default())
}

fn ahead_nanos(offsets: &str) -> Option<i128> {
    let offset = offsets.lines().find_map(|line| line.strip_prefix("boottime"))?;
    let mut numbers = offset.split_whitespace().map(|number| number.parse::<i128>().ok());
    let (seconds, nanos) = (numbers.next()??, numbers.next()??);
    Some(seconds * 1_000_000_000 + nanos)
}

fn now(clock: ClockId) -> Duration {
    clock_gettime(clock).expect("every Linux has this clock").into()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn neither_clock_goes_back() {
        let earlier = (boottime_micros(), monotonic());
        let later = (boottime_micros(), monotonic());
        assert!(earlier.0 <= later.0 && earlier.1 <= later.1, "{earlier:?} then {later:?}");
    }

    #[test]
    fn the_clock_of_a_time_namespace_is_ahead_by_its_offset() {
        let offsets = "monotonic           7         0\nboottime         -10 500000000\n";
        assert_eq!(ahead_nanos(offsets), Some(-9_500_000_000));
        assert_eq!(ahead_nanos("monotonic  0  0\n"), None);
    }
}
