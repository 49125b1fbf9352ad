//! The two clocks: one that every process of this boot shares, one for deadlines.

use std::time::Duration;

use nix::time::{ClockId, clock_gettime};

/// Microseconds since boot, suspended time included (`CLOCK_BOOTTIME`): what a
/// generation's `start` is made of. Never set back and the same in every process.
pub fn boottime_micros() -> u64 {
    let micros = now(ClockId::CLOCK_BOOTTIME).as_micros();
    u64::try_from(micros).expect("a machine runs for less than 584,000 years")
}

/// Time since some fixed moment before this process started (`CLOCK_MONOTONIC`): the
/// `now` of the pure cores. It stands still while the machine is suspended, so that a
/// nap of the machine uses up no deadline.
pub fn monotonic() -> Duration {
    now(ClockId::CLOCK_MONOTONIC)
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
}
