//! Lines for stderr that never make the caller wait: a bounded queue and a thread that empties it.
//!
//! A terminal can be stopped (Ctrl-S), the reader of a pipe can stop reading, a log driver can hang.
//! The arbiter serves its clients meanwhile: only the thread waits. When the queue is full its oldest
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

use nix::errno::Errno;
use nix::poll::{PollFd, PollFlags, PollTimeout, poll};

/// Most bytes that wait to be written.
const QUEUE_BYTES_MAX: usize = 64 * 1024;

/// The queue; its thread is started with the first line.
#[derive(Debug)]
pub(super) struct OutputQueue {
    shared: Arc<Shared>,
}

struct Shared {
    queue: Mutex<Queue>,
    changed: Condvar,
    write: WriteAll,
    /// The line about lines that were dropped.
    dropped_line: DroppedLine,
}

type WriteAll = Box<dyn Fn(&[u8]) + Send + Sync>;
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
    NotStarted,
    /// It waits for lines.
    Idle,
    /// It writes one.
    Writing,
    /// The kernel gave no thread: lines are written at once.
    None,
}

impl OutputQueue {
    pub(super) fn new(
        output: impl AsFd + Send + Sync + 'static,
        dropped_line: impl Fn(u64) -> String + Send + Sync + 'static,
    ) -> Self {
        let write = move |bytes: &[u8]| write_all(&output, bytes);
        let shared = Shared {
            queue: Mutex::default(),
            changed: Condvar::new(),
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
        if queue.writer == Writer::NotStarted {
            queue.writer = self.start();
        }
        if queue.writer == Writer::None {
            drop(queue);
            return (self.shared.write)(lines.as_bytes());
        }
        queue.push(lines);
        self.shared.changed.notify_all();
    }

    /// Waits until everything is written, and no longer than `limit`.
    pub(super) fn flush(&self, limit: Duration) {
        let is_busy = |queue: &mut Queue| queue.has_lines() || queue.writer == Writer::Writing;
        drop(self.shared.changed.wait_timeout_while(self.shared.lock(), limit, is_busy));
    }

    fn start(&self) -> Writer {
        let shared = Arc::clone(&self.shared);
        let thread = std::thread::Builder::new().name("stderr".to_owned()).spawn(move || shared.run());
        if thread.is_ok() { Writer::Idle } else { Writer::None }
    }
}

impl Shared {
    fn run(&self) {
        loop {
            let lines = self.next();
            (self.write)(lines.as_bytes());
        }
    }

    /// Waits for something to write.
    fn next(&self) -> String {
        let mut queue = self.lock();
        queue.writer = Writer::Idle;
        self.changed.notify_all();
        let is_empty = |queue: &mut Queue| !queue.has_lines();
        let mut queue = self.changed.wait_while(queue, is_empty).unwrap_or_else(PoisonError::into_inner);
        queue.writer = Writer::Writing;
        match std::mem::take(&mut queue.dropped) {
            0 => queue.pop().unwrap_or_default(),
            dropped => (self.dropped_line)(dropped),
        }
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

    fn has_lines(&self) -> bool {
        self.dropped > 0 || !self.lines.is_empty()
    }
}

impl std::fmt::Debug for Shared {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        formatter.debug_struct("Shared").field("queue", &self.queue).finish_non_exhaustive()
    }
}

fn write_all(output: &impl AsFd, mut bytes: &[u8]) {
    while !bytes.is_empty() {
        match nix::unistd::write(output, bytes) {
            Ok(written) => bytes = &bytes[written..],
            Err(Errno::EINTR) => {}
            Err(Errno::EAGAIN) => wait_for_room(output),
            Err(_) => return,
        }
    }
}

fn wait_for_room(output: &impl AsFd) {
    let mut waited_for = [PollFd::new(output.as_fd(), PollFlags::POLLOUT)];
    // Whatever it says, the next write says it too.
    let _ = poll(&mut waited_for, PollTimeout::NONE);
}

#[cfg(test)]
mod tests {
    use std::io::{BufRead, BufReader, PipeReader};
    use std::sync::mpsc::channel;

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
        drop(queue);
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
    fn without_a_thread_lines_are_written_at_once() {
        let (sender, written) = channel();
        let shared = Shared {
            queue: Mutex::new(Queue { writer: Writer::None, ..Queue::default() }),
            changed: Condvar::new(),
            write: Box::new(move |bytes| sender.send(bytes.to_vec()).expect("received")),
            dropped_line: Box::new(|_| String::new()),
        };
        OutputQueue { shared: Arc::new(shared) }.push("one\n".to_owned());
        assert_eq!(written.try_recv().as_deref(), Ok(b"one\n".as_slice()));
    }
}
