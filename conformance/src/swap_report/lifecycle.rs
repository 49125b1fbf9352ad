//! What became of each generation, and when, as a recording of `serverswap --trace` says.

use std::collections::{BTreeMap, BTreeSet};
use std::fs::File;
use std::io::{BufRead, BufReader};
use std::path::Path;
use std::time::{Duration, Instant};

use rustix::time::{ClockId, clock_gettime};
use serde::Deserialize;
use serverswap_protocol::Generation;
use serverswap_protocol::message::{Event, EventKind};
use serverswap_protocol::trace::Side;

/// A moment in microseconds since the beginning of the load; negative before.
pub type Micros = i64;

/// The beginning of the load by two clocks: that of the load, and that of recordings.
#[derive(Debug, Clone, Copy)]
pub struct Zero {
    /// By the clock of the load.
    pub at: Instant,
    boot_micros: Micros,
}

/// One generation. What has not happened is `None`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Lifecycle {
    /// Its servers, as far as they were granted anything.
    pub pids: BTreeSet<u32>,
    /// Its command was started.
    pub started: Micros,
    /// A server claimed an address: it is ready.
    pub ready: Option<Micros>,
    /// An address was granted.
    pub granted: Option<Micros>,
    /// It serves, perhaps beside an older one.
    pub serving: Option<Micros>,
    /// It was told to let go, by a takedown or a signal.
    pub takedown: Option<Micros>,
    /// No connection was open any more.
    pub drained: Option<Micros>,
    /// Its last server has exited.
    pub ended: Option<Micros>,
    /// It was ended by a signal, because its time was over or it handles no takedown.
    pub signalled: Option<Micros>,
    /// It was last heard of then: when its command ended, if it never served.
    pub heard: Micros,
    /// It is up, and every server that it replaced has exited: then, or a moment before.
    pub done: Option<Micros>,
    /// Connections that it closed unfinished.
    pub cut: u64,
}

/// A line of a recording.
#[derive(Deserialize)]
struct Entry {
    at: u64,
    #[serde(default)]
    on: String,
    /// Which side recorded it.
    by: Option<Side>,
    #[serde(default)]
    line: String,
    /// A process that has exited.
    gone: Option<Gone>,
}

#[derive(Deserialize)]
struct Gone {
    pid: u32,
}

/// A message, as far as it matters here.
#[derive(Deserialize)]
#[serde(tag = "type", rename_all = "camelCase")]
enum Said {
    Hello {
        generation: Option<Generation>,
    },
    Event(Box<Event>),
    #[serde(other)]
    Other,
}

impl Zero {
    /// This moment.
    pub fn now() -> Zero {
        let boot = clock_gettime(ClockId::Boottime);
        Zero { at: Instant::now(), boot_micros: boot.tv_sec * 1_000_000 + boot.tv_nsec / 1_000 }
    }

    /// A moment by the clock of recordings.
    #[cfg(test)]
    pub(super) fn at_boot_micros(boot_micros: Micros) -> Zero {
        Zero { at: Instant::now(), boot_micros }
    }

    fn micros(self, boot_micros: u64) -> Micros {
        Micros::try_from(boot_micros).unwrap_or(Micros::MAX) - self.boot_micros
    }
}

/// The generations that were started no sooner than `earliest` before the load, the oldest first. A recording that is not there has none.
pub fn read_lifecycles(recording: &Path, zero: Zero, earliest: Duration) -> Vec<Lifecycle> {
    let Ok(file) = File::open(recording) else { return Vec::new() };
    lifecycles(BufReader::new(file), zero, earliest)
}

/// Lines that say nothing of a generation are passed over.
pub(super) fn lifecycles(recording: impl BufRead, zero: Zero, earliest: Duration) -> Vec<Lifecycle> {
    let mut known = BTreeMap::new();
    let mut connections = BTreeMap::new();
    for line in recording.split(b'\n').map_while(Result::ok) {
        let Ok(Entry { at, on, by, line, gone }) = serde_json::from_slice(&line) else { continue };
        let at = zero.micros(at);
        if let Some(Gone { pid }) = gone {
            let its = known.values_mut().find(|one: &&mut Lifecycle| one.pids.contains(&pid));
            its.into_iter().for_each(|one| one.ended = one.ended.max(Some(at)));
        }
        match serde_json::from_str(&line) {
            Ok(Said::Hello { generation: Some(generation) }) => {
                of(&mut known, generation, zero);
                connections.insert(on.clone(), generation);
            }
            // What the arbiter has said is recorded again by who receives it, a moment later.
            Ok(Said::Event(event)) if by != Some(Side::Client) => {
                of(&mut known, event.generation, zero).note(at, &event)
            }
            Ok(Said::Event(_) | Said::Hello { generation: None } | Said::Other) | Err(_) => {}
        }
        if let Some(generation) = connections.get(&on) {
            let one = of(&mut known, *generation, zero);
            one.heard = one.heard.max(at);
        }
    }
    let earliest = -Micros::try_from(earliest.as_micros()).unwrap_or(Micros::MAX);
    known.into_values().filter(|one| one.started >= earliest).collect()
}

fn of(known: &mut BTreeMap<Generation, Lifecycle>, generation: Generation, zero: Zero) -> &mut Lifecycle {
    known.entry(generation).or_insert_with(|| Lifecycle::started(zero.micros(generation.start)))
}

impl Lifecycle {
    pub(super) fn started(started: Micros) -> Lifecycle {
        Lifecycle {
            pids: BTreeSet::new(),
            started,
            ready: None,
            granted: None,
            serving: None,
            takedown: None,
            drained: None,
            ended: None,
            signalled: None,
            heard: started,
            done: None,
            cut: 0,
        }
    }

    /// The same is reported to several, and of several addresses: what begins has begun with the first one.
    fn note(&mut self, at: Micros, event: &Event) {
        self.cut = self.cut.max(event.cut.unwrap_or(0));
        let first = |known: &mut Option<Micros>| *known = Some(known.map_or(at, |known| known.min(at)));
        match event.what {
            EventKind::Claimed => first(&mut self.ready),
            EventKind::Granted => {
                first(&mut self.granted);
                self.pids.extend(event.pid);
            }
            EventKind::Probation | EventKind::Serving => {
                first(&mut self.serving);
                self.pids.extend(event.pid);
            }
            EventKind::Draining => {
                first(&mut self.takedown);
                if event.connections == Some(0) {
                    first(&mut self.drained);
                }
            }
            EventKind::Terminated | EventKind::Killed => {
                first(&mut self.takedown);
                first(&mut self.signalled);
            }
            EventKind::Done => first(&mut self.done),
            EventKind::Gone => self.ended = self.ended.max(Some(at)),
            EventKind::Up
            | EventKind::Busy
            | EventKind::Vacant
            | EventKind::Replaced
            | EventKind::Close
            | EventKind::Superseded
            | EventKind::Failed
            | EventKind::Gap
            | EventKind::Other(_) => {}
        }
    }

    /// Whether it accepts connections at this moment, as far as is known.
    pub(super) fn accepts(&self, at: Micros) -> bool {
        let until = self.takedown.or(self.ended);
        self.serving.is_some_and(|since| since <= at) && until.is_none_or(|until| at < until)
    }
}
