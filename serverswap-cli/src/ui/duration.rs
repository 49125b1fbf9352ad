//! Durations as people read them: two units at most, and no more digits than matter.

use std::time::Duration;

use serde::Serializer;

/// `312 ms`, `1.3 s`, `28 s`, `2 min 5 s`, `3 h 20 min`, `4 d 2 h`.
pub fn text(duration: Duration) -> String {
    let (millis, seconds) = (duration.as_millis(), duration.as_secs());
    match seconds {
        0 => format!("{millis} ms"),
        1..10 => tenths(millis),
        10..60 => format!("{seconds} s"),
        60..3_600 => pair(seconds, 60, "min", 1, "s"),
        3_600..86_400 => pair(seconds, 3_600, "h", 60, "min"),
        86_400.. => pair(seconds, 86_400, "d", 3_600, "h"),
    }
}

fn tenths(millis: u128) -> String {
    match millis / 100 % 10 {
        0 => format!("{} s", millis / 1_000),
        tenth => format!("{}.{tenth} s", millis / 1_000),
    }
}

fn pair(seconds: u64, large: u64, large_name: &str, small: u64, small_name: &str) -> String {
    match seconds % large / small {
        0 => format!("{} {large_name}", seconds / large),
        rest => format!("{} {large_name} {rest} {small_name}", seconds / large),
    }
}

/// Whole milliseconds, for JSON.
pub fn millis(duration: Duration) -> u64 {
    u64::try_from(duration.as_millis()).unwrap_or(u64::MAX)
}

/// `#[serde(serialize_with)]`: whole milliseconds.
pub(crate) fn serialize_millis<S: Serializer>(duration: &Duration, serializer: S) -> Result<S::Ok, S::Error> {
    serializer.serialize_u64(millis(*duration))
}

/// `#[serde(serialize_with)]`: whole milliseconds, for a field that is left out when absent.
pub(crate) fn serialize_some_millis<S: Serializer>(
    duration: &Option<Duration>,
    serializer: S,
) -> Result<S::Ok, S::Error> {
    match duration {
        Some(duration) => serialize_millis(duration, serializer),
        None => serializer.serialize_none(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_duration_has_two_units_at_most() {
        let cases = [
            (0, "0 ms"),
            (999, "999 ms"),
            (1_000, "1 s"),
            (1_349, "1.3 s"),
            (28_900, "28 s"),
            (60_000, "1 min"),
            (125_000, "2 min 5 s"),
            (12_000_000, "3 h 20 min"),
            (352_800_000, "4 d 2 h"),
        ];
        for (millis, expected) in cases {
            assert_eq!(text(Duration::from_millis(millis)), expected);
        }
    }
}
