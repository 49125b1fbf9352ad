//! Lines for stderr that never make the caller wait: a bounded queue and a thread that empties it
//! and then ends.
//!
//! A terminal can be stopped (Ctrl-S), the reader of a pipe can stop reading, a log driver can hang.
//! The arbiter still serves its clients then: only the thread waits. When the queue is full its oldest
//! lines are dropped, and how many is the first thing written when there is room again.
//!
//! Rules:
//! - `O_NONBLOCK` is never set: servers share the open file description. Where another process has set
//!   it, the thread waits with poll(2).
//! - An error, such as a closed pipe, drops the line and ends nothing.
//! - The order of lines is kept.

use std::collections::VecDeque;
use std::os::fd::AsFd;
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use crate::sys::write::write_all;

/// Most bytes that wait to be written.
const QUEUE_BYTES_MAX: usize = 64 * 1024;

/// The queue. There is a thread only while there is something to write.
#[derive(Debug)]
pub(super) struct OutputQueue {
    shared: Arc<SharedQueue>,
}

struct SharedQueue {
    queue: Mutex<Queue>,
    /// The writer has ended.
    written: Condvar,
    write: WriteBytes,
    /// The line about lines that were dropped.
    dropped_line: DroppedLine,
}

type WriteBytes = Box<dyn Fn(&[u8]) + Send + Sync>;
type DroppedLine = Box<dyn Fn(u64) -> String + Send + Sync>;

#[derive(Debug, Default)]
struct Queue {
    lines: VecDeque<String>,
    bytes: usize,
    /// Lines that were dropped and are not yet reported.
    dropped: u64,
    writer: Writer,
}

/// The thread.
#[derive(Debug, Default, Clone, Copy, PartialEq, Eq)]
enum Writer {
    #[default]
    None,
    Writing,
}

impl OutputQueue {
    pub(super) fn new(
        output: impl AsFd + Send + Sync + 'static,
        dropped_line: impl Fn(u64) -> String + Send + Sync + 'static,
    ) -> Self {
        let write = move |bytes: &[u8]| {
            let _ = write_all(&output, bytes);
        };
        let shared = SharedQueue {
            queue: Mutex::default(),
            written: Condvar::new(),
            write: Box::new(write),
            dropped_line: Box::new(dropped_line),
        };
        OutputQueue { shared: Arc::new(shared) }
    }

    /// Appends lines; never waits for the output.
    pub(super) fn push(&self, lines: String) {
        if lines.is_empty() {
            return;
        }
        let mut queue = self.shared.lock();
        queue.push(lines);
        match std::mem::replace(&mut queue.writer, Writer::Writing) {
            Writer::Writing => {}
            Writer::None => {
                drop(queue);
                self.start();
            }
        }
    }

    /// Waits until everything is written, and no longer than `limit`.
    pub(super) fn flush(&self, limit: Duration) {
        let is_writing = |queue: &mut Queue| queue.writer == Writer::Writing;
        drop(self.shared.written.wait_timeout_while(self.shared.lock(), limit, is_writing));
    }

    /// Where the kernel gives no thread, the caller writes.
    fn start(&self) {
        let shared = Arc::clone(&self.shared);
        let thread = std::thread::Builder::new().name("stderr".to_owned()).spawn(move || shared.write_all());
        if thread.is_err() {
            self.shared.write_all();
        }
    }
}

impl SharedQueue {
    fn write_all(&self) {
        while let Some(lines) = self.next() {
            (self.write)(lines.as_bytes());
        }
    }

    /// The next lines to write; `None` ends the writer.
    fn next(&self) -> Option<String> {
        let mut queue = self.lock();
        let next = match std::mem::take(&mut queue.dropped) {
            0 => queue.pop(),
            dropped => Some((self.dropped_line)(dropped)),
        };
        if next.is_none() {
            queue.writer = Writer::None;
            self.written.notify_all();
        }
        next
    }

    fn lock(&self) -> MutexGuard<'_, Queue> {
        self.queue.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Queue {
    fn push(&mut self, lines: String) {
        while self.bytes + lines.len() > QUEUE_BYTES_MAX && self.pop().is_some() {
            self.dropped += 1;
        }
        self.bytes += lines.len();
        self.lines.push_back(lines);
    }

    fn pop(&mut self) -> Option<String> {
        let lines = self.lines.pop_front()?;
        self.bytes -= lines.len();
        Some(lines)
    }
}

impl std::fmt::Debug for SharedQueue {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        formatter.debug_struct("Shared").field("queue", &self.queue).finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use std::io::{BufRead, BufReader, PipeReader};

    use super::*;

    const LONG: Duration = Duration::from_secs(60);

    fn queue_to_a_pipe() -> (OutputQueue, PipeReader) {
        let (reader, writer) = std::io::pipe().expect("a pipe");
        (OutputQueue::new(writer, |dropped| format!("{dropped} dropped\n")), reader)
    }

    #[test]
    fn lines_are_written_in_order_and_a_flush_waits_for_them() {
        let (queue, mut reader) = queue_to_a_pipe();
        queue.push("one\n".to_owned());
        queue.push("two\n".to_owned());
        queue.flush(LONG);
        let mut bytes = [0; 8];
        std::io::Read::read_exact(&mut reader, &mut bytes).expect("they are there");
        assert_eq!(&bytes, b"one\ntwo\n");
    }

    #[test]
    fn an_output_that_takes_nothing_makes_nobody_wait_and_what_was_dropped_is_counted() {
        const LINES: u64 = 10_000;
        let (queue, reader) = queue_to_a_pipe();
        for number in 0..LINES {
            queue.push(format!("{number:>99}\n"));
        }
        queue.flush(Duration::ZERO);
        let mut lines = BufReader::new(reader).lines().map(|line| line.expect("text"));
        let (mut written, mut dropped, mut last) = (0, 0, String::new());
        while written + dropped < LINES {
            let line = lines.next().expect("it goes on");
            match line.strip_suffix(" dropped") {
                Some(count) => dropped += count.parse::<u64>().expect("a number"),
                None => (written, last) = (written + 1, line),
            }
        }
        assert!(dropped > 0 && last.trim() == "9999", "{dropped} dropped, then `{last}`");
    }

    #[test]
    fn a_line_longer_than_the_queue_is_written() {
        let (queue, reader) = queue_to_a_pipe();
        queue.push("x".repeat(QUEUE_BYTES_MAX * 2) + "\n");
        let line = BufReader::new(reader).lines().next().expect("one").expect("text");
        assert_eq!(line.len(), QUEUE_BYTES_MAX * 2);
    }

    #[test]
    fn a_closed_output_drops_lines_and_ends_nothing() {
        let (queue, reader) = queue_to_a_pipe();
        drop(reader);
        queue.push("nobody reads this\n".to_owned());
        queue.flush(LONG);
    }

    #[test]
    fn there_is_no_thread_when_there_is_nothing_to_write() {
        let (queue, _reader) = queue_to_a_pipe();
        queue.push("one\n".to_owned());
        queue.flush(LONG);
        assert_eq!(queue.shared.lock().writer, Writer::None);
    }
}
