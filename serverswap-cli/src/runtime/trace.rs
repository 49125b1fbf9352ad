//! `--trace FILE`: every line of every connection, as this process sends and receives it, and, where it is the arbiter,
//! which process is at the other end, which has exited, and each turn of the core.
//!
//! What it writes is described in `spec/README.md`, "Recordings". Of a line it deliberately
//! understands nothing but how many descriptors it names. A file that cannot be written is reported
//! once and ends the recording, and nothing else.

use std::fs::File;
use std::io::{self, Write};
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use serde::{Deserialize, Serialize};
use serverswap::protocol::limits::LINE_BYTES_MAX;
use serverswap::sys::channel::LineObserver;
use serverswap::sys::clock::boottime_micros;
use serverswap::sys::process::Process;

use crate::arbiter::{ArbiterAction, ArbiterEvent, Fetched};
use crate::replay::{StartRecord, TurnTaken, nanos};
use crate::ui::{Console, Report};

/// Records connections, if there is a file to record to.
#[derive(Debug, Clone, Default)]
pub(super) struct TraceWriter(Option<Arc<Mutex<Recording>>>);

#[derive(Debug)]
struct Recording {
    path: PathBuf,
    /// `None` after it could not be written.
    file: Option<File>,
    connections: u64,
    console: Console,
}

/// Which side of a connection this process is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub(super) enum Side {
    Client,
    Arbiter,
}

/// One recorded line.
#[derive(Serialize)]
struct Entry<'a> {
    at: u64,
    on: &'a str,
    by: Side,
    from: Side,
    line: &'a str,
    #[serde(skip_serializing_if = "is_zero")]
    fds: usize,
}

/// What the arbiter learns from the kernel, and what its core does.
#[derive(Serialize)]
struct ArbiterEntry<'a> {
    at: u64,
    from: Source,
    arbiter: u32,
    #[serde(flatten)]
    what: Entered<'a>,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
enum Source {
    Kernel,
    Core,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase", untagged)]
enum Entered<'a> {
    Peer { on: &'a str, peer: Process },
    Gone { gone: Process },
    Hidden { hidden: Process },
    Signalled { signalled: Process },
    Start { start: &'a StartRecord },
    Turn { turn: TurnTaken<'a> },
}

#[derive(Debug)]
struct ConnectionTrace {
    recording: Arc<Mutex<Recording>>,
    on: String,
    side: Side,
    /// The part of a line that has arrived.
    partial: Vec<u8>,
    /// Descriptors that have arrived and belong to no line yet.
    waiting_fds: usize,
}

impl TraceWriter {
    /// Appends to `path`, if there is one, which is made with mode 0600.
    pub(super) fn open(path: Option<&Path>, console: &Console) -> TraceWriter {
        let Some(path) = path else {
            return TraceWriter::default();
        };
        // Without O_NONBLOCK a FIFO that nobody reads would keep the deploy waiting.
        let opened =
            File::options().append(true).create(true).mode(0o600).custom_flags(libc::O_NONBLOCK).open(path);
        let mut recording =
            Recording { path: path.to_owned(), file: None, connections: 0, console: console.clone() };
        match opened {
            Ok(file) => recording.file = Some(file),
            Err(error) => recording.give_up(&error),
        }
        TraceWriter(Some(Arc::new(Mutex::new(recording))))
    }

    /// Records a new connection, of which this process is `side`; the arbiter knows the process at the other end.
    pub(super) fn observer(&self, side: Side, peer: Option<Process>) -> Option<Box<dyn LineObserver>> {
        let recording = self.0.as_ref()?;
        let on = {
            let mut locked = recording.lock().unwrap_or_else(PoisonError::into_inner);
            locked.file.as_ref()?;
            locked.connections += 1;
            // Several commands may append to one file.
            format!("{}-{}", std::process::id(), locked.connections)
        };
        if let Some(peer) = peer {
            self.enter(Source::Kernel, Entered::Peer { on: &on, peer });
        }
        let recording = Arc::clone(recording);
        Some(Box::new(ConnectionTrace { recording, on, side, partial: Vec::new(), waiting_fds: 0 }))
    }

    /// Records that this process becomes the arbiter.
    pub(super) fn start(&self, start: impl FnOnce() -> StartRecord) {
        if self.0.is_some() {
            self.enter(Source::Core, Entered::Start { start: &start() });
        }
    }

    /// Records a turn that was taken, before anything is sent.
    pub(super) fn turn<'a>(
        &self,
        now: Duration,
        events: impl Iterator<Item = &'a ArbiterEvent>,
        actions: &[ArbiterAction],
    ) {
        if self.0.is_none() {
            return;
        }
        let events: Vec<&ArbiterEvent> = events.collect();
        for event in &events {
            match event {
                ArbiterEvent::Gone { process, .. } => {
                    self.enter(Source::Kernel, Entered::Gone { gone: *process });
                }
                ArbiterEvent::Fetched { process, found: Fetched::Refused, .. } => {
                    self.enter(Source::Kernel, Entered::Hidden { hidden: *process });
                }
                ArbiterEvent::Hello(_)
                | ArbiterEvent::Received { .. }
                | ArbiterEvent::Disconnected { .. }
                | ArbiterEvent::Opened { .. }
                | ArbiterEvent::HeldByAbsent { .. }
                | ArbiterEvent::Fetched { .. }
                | ArbiterEvent::Polled { .. }
                | ArbiterEvent::Looked { .. }
                | ArbiterEvent::Signalled { .. }
                | ArbiterEvent::SignalSent { .. }
                | ArbiterEvent::Tick => {}
            }
        }
        for action in actions {
            if let ArbiterAction::Signal { process, .. } = action {
                self.enter(Source::Kernel, Entered::Signalled { signalled: *process });
            }
        }
        let turn = TurnTaken { now_nanos: nanos(now), events, actions };
        self.enter(Source::Core, Entered::Turn { turn });
    }

    fn enter(&self, from: Source, what: Entered<'_>) {
        let Some(recording) = &self.0 else { return };
        let entry = ArbiterEntry { at: boottime_micros(), from, arbiter: std::process::id(), what };
        recording.lock().unwrap_or_else(PoisonError::into_inner).append(&entry);
    }
}

impl LineObserver for ConnectionTrace {
    fn sent(&mut self, line: &[u8], fds: usize) {
        self.note(self.side, line, fds);
    }

    fn received(&mut self, bytes: &[u8], fds: usize) {
        self.waiting_fds += fds;
        let mut pieces = bytes.split_inclusive(|byte| *byte == b'\n').peekable();
        while let Some(piece) = pieces.next() {
            self.partial.extend_from_slice(piece);
            if piece.ends_with(b"\n") || self.partial.len() > LINE_BYTES_MAX {
                let line = std::mem::take(&mut self.partial);
                let named = if pieces.peek().is_some() { names(&line) } else { self.waiting_fds };
                let fds = named.min(self.waiting_fds);
                self.waiting_fds -= fds;
                self.note(self.side.other(), &line, fds);
            }
        }
    }
}

impl ConnectionTrace {
    fn note(&self, from: Side, line: &[u8], fds: usize) {
        let line = String::from_utf8_lossy(line.strip_suffix(b"\n").unwrap_or(line));
        let entry = Entry { at: boottime_micros(), on: &self.on, by: self.side, from, line: &line, fds };
        self.recording.lock().unwrap_or_else(PoisonError::into_inner).append(&entry);
    }
}

impl Recording {
    fn append(&mut self, entry: &impl Serialize) {
        let Some(file) = &mut self.file else {
            return;
        };
        let written = serde_json::to_vec(entry).map_err(io::Error::from).and_then(|mut bytes| {
            bytes.push(b'\n');
            file.write_all(&bytes)
        });
        if let Err(error) = written {
            self.give_up(&error);
        }
    }

    fn give_up(&mut self, error: &io::Error) {
        self.file = None;
        let report = Report::NotRecorded { path: self.path.clone(), problem: error.to_string() };
        self.console.report(&report);
    }
}

/// How many descriptors a line takes of those that have arrived.
fn names(line: &[u8]) -> usize {
    #[derive(Deserialize)]
    struct Named {
        #[serde(default)]
        fds: Vec<String>,
    }
    serde_json::from_slice::<Named>(line).map_or(0, |named| named.fds.len())
}

impl Side {
    fn other(self) -> Side {
        match self {
            Side::Client => Side::Arbiter,
            Side::Arbiter => Side::Client,
        }
    }
}

#[expect(clippy::trivially_copy_pass_by_ref, reason = "serde asks for it")]
fn is_zero(number: &usize) -> bool {
    *number == 0
}
