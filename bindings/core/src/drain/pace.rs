//! When each connection that lives on is told goodbye. Pure, and the same in every language.
//!
//! A connection lives on if no answer ends it: a websocket, an event stream, a session of HTTP/2. Its client connects again
//! when it is told goodbye, and if all were told at one instant, all would.
//!
//! Rules:
//! - goodbyes are said at equal intervals, over the whole time until a moment before the deadline. How many connections
//!   wait for theirs is given each time, so one that ends by itself, or comes late, moves the others;
//! - few connections do not keep a server for that long: the interval is at most [`INTERVAL_MAX`];
//! - where in its first interval a server begins is random, so that servers that are taken down together do not speak
//!   together. Random intervals would be uneven;
//! - what was missed while the server was busy is made up for within [`CATCH_UP_MAX`], and beyond that is spread anew.

use std::cmp::Reverse;
use std::time::Duration;

/// The longest time between two goodbyes.
const INTERVAL_MAX: Duration = Duration::from_millis(200);

/// How long before the deadline the last goodbye is said, so that its client can answer: a twentieth of the time, and no
/// more than this.
const CLOSING_MAX: Duration = Duration::from_millis(250);
const CLOSING_SHARE: u32 = 20;

/// Goodbyes that are later than this are not said together.
const CATCH_UP_MAX: Duration = Duration::from_millis(100);

/// A response is silent when nothing was sent for a tenth of the time that flowing responses have, for no more than half of the
/// time that silent ones have, and for no more than this.
const SILENT_MAX: Duration = Duration::from_secs(10);
const SILENT_SHARE: u32 = 10;
const SILENT_SHARE_OF_DRAIN: u32 = 2;

/// After which times the clients of event streams that are cut together come back.
const RETRY_MIN: Duration = Duration::from_secs(1);
const RETRY_MAX: Duration = Duration::from_secs(10);

/// The goodbyes of one drain.
#[derive(Debug, Clone, Copy)]
pub struct Pace {
    begun: Duration,
    end: Duration,
    /// The part of the first interval that passes before the first goodbye.
    jitter: f64,
    said: Option<Duration>,
}

impl Pace {
    /// Of a drain that begins at a time, and cuts connections at its deadline. `jitter`: a random number from 0 to 1.
    #[must_use]
    pub fn new(begun: Duration, deadline: Duration, jitter: f64) -> Self {
        let mut pace = Pace { begun, end: begun, jitter: jitter.clamp(0.0, 1.0), said: None };
        pace.extend(deadline);
        pace
    }

    /// The deadline is later.
    pub fn extend(&mut self, deadline: Duration) {
        let closing = (deadline.saturating_sub(self.begun) / CLOSING_SHARE).min(CLOSING_MAX);
        self.end = self.end.max(deadline.saturating_sub(closing));
    }

    /// When the next goodbye is due, if so many connections wait for theirs; `None` if none does.
    #[must_use]
    pub fn next(&self, waiting: u32) -> Option<Duration> {
        if waiting == 0 {
            return None;
        }
        let parts = f64::from(waiting);
        let (from, share, longest) = match self.said {
            None => (self.begun, self.jitter / parts, INTERVAL_MAX.mul_f64(self.jitter)),
            Some(said) => (said, 1.0 / (parts + 1.0 - self.jitter), INTERVAL_MAX),
        };
        // More than this makes no difference, and a drain may be endless.
        let left = self.end.saturating_sub(from).min(INTERVAL_MAX.saturating_mul(waiting.saturating_add(1)));
        Some(from + left.mul_f64(share).min(longest))
    }

    /// Whether a goodbye is due now, if so many connections wait for theirs; if so, it counts as said.
    #[must_use]
    pub fn is_due(&mut self, now: Duration, waiting: u32) -> bool {
        let due = self.next(waiting).filter(|due| *due <= now);
        if let Some(due) = due {
            self.said = Some(due.max(now.saturating_sub(CATCH_UP_MAX)));
        }
        due.is_some()
    }
}

/// In which order connections are told goodbye: silent before flowing, and those first that have been silent for longest.
/// Returns their places in `silences`: for how long nothing was sent on each.
#[must_use]
pub fn goodbye_order(silences: &[Duration]) -> Vec<usize> {
    let mut order: Vec<usize> = (0..silences.len()).collect();
    order.sort_by_key(|place| Reverse(silences[*place]));
    order
}

/// For how long nothing is sent on a connection before it counts as silent. `drain`: the time of the drain; `stream`: that of
/// responses that flow.
#[must_use]
pub fn silent_after(drain: Duration, stream: Duration) -> Duration {
    (stream / SILENT_SHARE).min(drain / SILENT_SHARE_OF_DRAIN).min(SILENT_MAX)
}

/// After what time the client of an event stream that is cut is to come back. `jitter`: a random number from 0 to 1.
#[must_use]
pub fn event_stream_retry(jitter: f64) -> Duration {
    RETRY_MIN + (RETRY_MAX - RETRY_MIN).mul_f64(jitter.clamp(0.0, 1.0))
}

#[cfg(test)]
mod tests {
    use serde::Deserialize;

    use super::*;

    #[derive(Deserialize)]
    #[serde(rename_all = "camelCase")]
    struct Vectors {
        paces: Vec<Case>,
        orders: Vec<Order>,
        silences: Vec<Silence>,
        retries: Vec<Retry>,
    }

    #[derive(Deserialize)]
    #[serde(rename_all = "camelCase")]
    struct Case {
        about: String,
        drain_ms: u64,
        jitter: f64,
        steps: Vec<Step>,
    }

    #[derive(Deserialize)]
    #[serde(rename_all = "camelCase")]
    struct Step {
        now_ms: f64,
        waiting: u32,
        next_ms: Option<f64>,
        is_due: bool,
        extend_ms: Option<u64>,
    }

    #[derive(Deserialize)]
    #[serde(rename_all = "camelCase")]
    struct Order {
        silences_ms: Vec<u64>,
        order: Vec<usize>,
    }

    #[derive(Deserialize)]
    #[serde(rename_all = "camelCase")]
    struct Silence {
        drain_ms: u64,
        stream_ms: u64,
        silent_after_ms: u64,
    }

    #[derive(Deserialize)]
    #[serde(rename_all = "camelCase")]
    struct Retry {
        jitter: f64,
        retry_ms: u64,
    }

    /// They bind the pace of the Go module, too.
    fn vectors() -> Vectors {
        serde_json::from_str(include_str!("../../vectors/pace.json")).expect("the vectors are as declared")
    }

    fn millis(millis: f64) -> Duration {
        Duration::from_secs_f64(millis / 1_000.0)
    }

    #[test]
    fn goodbyes_are_due_when_the_vectors_say() {
        for case in vectors().paces {
            let mut pace = Pace::new(Duration::ZERO, Duration::from_millis(case.drain_ms), case.jitter);
            for step in case.steps {
                if let Some(extend) = step.extend_ms {
                    pace.extend(Duration::from_millis(extend));
                }
                let next = pace.next(step.waiting).map(|next| (next.as_secs_f64() * 1e6).round() / 1e3);
                assert_eq!(next, step.next_ms, "{} at {} ms", case.about, step.now_ms);
                assert_eq!(pace.is_due(millis(step.now_ms), step.waiting), step.is_due, "{}", case.about);
            }
        }
    }

    #[test]
    fn the_order_the_silences_and_the_retries_are_those_of_the_vectors() {
        let vectors = vectors();
        for Order { silences_ms, order } in vectors.orders {
            let silences: Vec<Duration> = silences_ms.into_iter().map(Duration::from_millis).collect();
            assert_eq!(goodbye_order(&silences), order);
        }
        for Silence { drain_ms, stream_ms, silent_after_ms } in vectors.silences {
            let [drain, stream, silent] = [drain_ms, stream_ms, silent_after_ms].map(Duration::from_millis);
            assert_eq!(silent_after(drain, stream), silent);
        }
        for Retry { jitter, retry_ms } in vectors.retries {
            assert_eq!(event_stream_retry(jitter), Duration::from_millis(retry_ms));
        }
    }

    /// When each of so many connections is told goodbye, on a clock that stops when one is due.
    fn told(count: u32, drain: Duration, jitter: f64) -> Vec<Duration> {
        let mut pace = Pace::new(Duration::ZERO, drain, jitter);
        let mut told = Vec::new();
        for waiting in (1..=count).rev() {
            let due = pace.next(waiting).expect("one waits");
            assert!(pace.is_due(due, waiting));
            told.push(due);
        }
        told
    }

    #[test]
    fn of_a_thousand_connections_at_most_a_twentieth_is_told_goodbye_in_any_twentieth_of_the_window() {
        let window = Duration::from_millis(29_250);
        let twentieth = window / 20 - Duration::from_micros(1);
        for jitter in [0.0, 0.3, 0.999, 1.0] {
            let told = told(1_000, Duration::from_millis(29_500), jitter);
            for from in &told {
                let within = told.iter().filter(|at| (*from..=*from + twentieth).contains(*at)).count();
                assert!(within <= 50, "{within} from {from:?}");
            }
            assert!(told[999] <= window, "{:?}", told[999]);
        }
    }

    #[test]
    fn few_connections_do_not_keep_a_server_for_its_whole_drain() {
        let told = told(3, Duration::from_secs(30), 0.5);
        assert_eq!(told, [100, 300, 500].map(Duration::from_millis));
    }

    #[test]
    fn a_hundred_thousand_connections_are_all_told_goodbye_by_a_timer_of_a_millisecond() {
        let mut pace = Pace::new(Duration::ZERO, Duration::from_secs(30), 0.5);
        let mut waiting = 100_000;
        for now in (0..30_000).map(Duration::from_millis) {
            while pace.is_due(now, waiting) {
                waiting -= 1;
            }
        }
        assert_eq!(waiting, 0);
    }
}
