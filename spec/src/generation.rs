//! The identity of a generation: one start of a command.
//!
//! Deliberately no clock and no process id lookup here: the supervisor that
//! starts a generation makes the value, every other process copies it.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Deserializer, Serialize, Serializer};

use crate::limits::INTEGER_MAX;

/// One start of a command, ordered by start time and then by the supervisor's pid:
/// the greater one is the newer one.
///
/// On the wire and in `SERVERSWAP_GENERATION` it is the string `START-PID`; a client
/// passes it on unchanged.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Generation {
    /// When the command was started, in microseconds of `CLOCK_BOOTTIME` (since boot,
    /// never set back, counts while suspended: clock_gettime(2)).
    pub start: u64,
    /// Process id of the supervisor that started it.
    pub pid: u32,
}

/// A text that is not `START-PID`.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("`{text}` is not a generation; expected `START-PID`, two decimal numbers")]
pub struct GenerationError {
    text: String,
}

impl fmt::Display for Generation {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}-{}", self.start, self.pid)
    }
}

impl FromStr for Generation {
    type Err = GenerationError;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let error = || GenerationError { text: text.to_owned() };
        let (start, pid) = text.split_once('-').ok_or_else(error)?;
        let start: u64 = decimal(start).ok_or_else(error)?;
        let pid: u64 = decimal(pid).ok_or_else(error)?;
        let pid = u32::try_from(pid).map_err(|_| error())?;
        if start > INTEGER_MAX || pid == 0 {
            return Err(error());
        }
        Ok(Generation { start, pid })
    }
}

/// Plain decimal digits without sign or leading zero: one text for one number.
fn decimal(text: &str) -> Option<u64> {
    let digits = !text.is_empty() && text.bytes().all(|b| b.is_ascii_digit());
    let canonical = text == "0" || !text.starts_with('0');
    (digits && canonical).then(|| text.parse().ok())?
}

impl Serialize for Generation {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl<'de> Deserialize<'de> for Generation {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = String::deserialize(deserializer)?;
        text.parse().map_err(serde::de::Error::custom)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_later_start_is_the_newer_generation_and_the_pid_breaks_a_tie() {
        let mut generations: Vec<Generation> =
            ["7-9", "10-2", "7-10"].iter().map(|text| text.parse().expect("valid")).collect();
        generations.sort();
        let sorted: Vec<String> = generations.iter().map(ToString::to_string).collect();
        assert_eq!(sorted, ["7-9", "7-10", "10-2"]);
    }

    #[test]
    fn anything_but_two_plain_decimal_numbers_is_refused() {
        for text in [
            "",
            "7",
            "7-",
            "-7",
            "7-0",
            "07-1",
            "7-01",
            "+7-1",
            "7-1-1",
            "9007199254740992-1",
            "7-4294967296",
        ] {
            assert!(text.parse::<Generation>().is_err(), "{text}");
        }
    }
}
