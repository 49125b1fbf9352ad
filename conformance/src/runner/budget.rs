//! How long single waits last.

use std::time::{Duration, Instant};

/// How long any single wait lasts before it is a failure.
const WAIT: Duration = Duration::from_secs(5);

/// The limits of waits.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Budget {
    /// The usual limits, times this: 1.0 unless the machine is slow.
    Times(f64),
    /// No limit: a person sits at the other end.
    Endless,
}

impl Default for Budget {
    fn default() -> Self {
        Budget::Times(1.0)
    }
}

impl Budget {
    /// How long a wait lasts that asks for so many milliseconds, or for nothing in particular.
    #[must_use]
    pub fn duration(self, millis: Option<u64>) -> Option<Duration> {
        match self {
            Budget::Times(slow) => {
                Some(millis.map_or(WAIT, Duration::from_millis).mul_f64(slow.clamp(0.01, 1000.0)))
            }
            Budget::Endless => None,
        }
    }

    /// When such a wait ends that begins now.
    #[must_use]
    pub fn deadline(self, millis: Option<u64>) -> Option<Instant> {
        self.duration(millis).map(|duration| Instant::now() + duration)
    }
}
