//! Copies what is appended to a log to our own stdout or stderr, for as long as the command is there.
//!
//! Each copy has a thread, which alone waits for an output that takes nothing: the log is its buffer. An output that
//! was closed ends the copy, and nothing else.

use std::io;
use std::os::fd::AsFd;
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use nix::sys::eventfd::{EfdFlags, EventFd};

use super::destination::OurStream;
use super::follow::Follow;
use crate::sys::write::write_all;

/// How long the end of a command waits for an output that takes nothing.
const STALL_MAX: Duration = Duration::from_secs(1);

/// Bytes that are copied at once.
const CHUNK_BYTES: usize = 64 * 1024;

/// The copies of one command.
#[derive(Debug, Default)]
pub struct Copies(Vec<Copying>);

/// One thread.
#[derive(Debug)]
struct Copying(Arc<Shared>);

#[derive(Debug)]
struct Shared {
    progress: Mutex<Progress>,
    changed: Condvar,
    /// Readable when the copy is to end.
    stop: EventFd,
}

#[derive(Debug, Default, Clone, Copy, PartialEq, Eq)]
struct Progress {
    chunks: u64,
    stage: Stage,
}

#[derive(Debug, Default, Clone, Copy, PartialEq, Eq)]
enum Stage {
    #[default]
    Following,
    /// To be copied up to where the log ends now.
    Ending,
    Ended,
}

impl Copies {
    /// Copies a log from now on.
    ///
    /// # Errors
    /// Out of descriptors or threads.
    pub(super) fn start(&mut self, follow: Follow, to: OurStream) -> io::Result<()> {
        self.0.push(match to {
            OurStream::Stdout => Copying::start(follow, io::stdout())?,
            OurStream::Stderr => Copying::start(follow, io::stderr())?,
        });
        Ok(())
    }

    /// Copies what the logs have now, as long as the outputs take it, and ends.
    pub fn finish(&self) {
        for copying in &self.0 {
            copying.0.stop();
        }
        for copying in &self.0 {
            copying.0.await_end();
        }
    }
}

impl Copying {
    fn start(follow: Follow, output: impl AsFd + Send + 'static) -> io::Result<Copying> {
        let stop = EventFd::from_flags(EfdFlags::EFD_CLOEXEC | EfdFlags::EFD_NONBLOCK)?;
        let shared = Arc::new(Shared { progress: Mutex::default(), changed: Condvar::new(), stop });
        let copying = Copying(Arc::clone(&shared));
        let run = move || {
            shared.copy(follow, &output);
            shared.update(|progress| progress.stage = Stage::Ended);
        };
        std::thread::Builder::new().name("copy".to_owned()).spawn(run)?;
        Ok(copying)
    }
}

impl Shared {
    /// Until it is stopped, the log cannot be read or the output does not take it.
    fn copy(&self, mut follow: Follow, output: &impl AsFd) {
        let mut buffer = vec![0; CHUNK_BYTES];
        let mut end = None;
        loop {
            if end.is_none() && self.lock().stage == Stage::Ending {
                end = Some(follow.length());
            }
            if end.is_some_and(|end| end <= follow.position()) {
                return;
            }
            match follow.read(&mut buffer) {
                Ok(0) if end.is_some() => return,
                Ok(0) => follow.wait(Some(self.stop.as_fd()), None),
                Ok(count) if write_all(output, &buffer[..count]).is_ok() => {
                    self.update(|progress| progress.chunks += 1);
                }
                Ok(_) | Err(_) => return,
            }
        }
    }

    fn stop(&self) {
        self.update(|progress| {
            if progress.stage == Stage::Following {
                progress.stage = Stage::Ending;
            }
        });
        // A counter of one is far from its limit.
        let _ = self.stop.write(1);
    }

    fn await_end(&self) {
        let mut progress = self.lock();
        while progress.stage != Stage::Ended {
            let before = *progress;
            let unchanged = |now: &mut Progress| *now == before;
            let waited = self.changed.wait_timeout_while(progress, STALL_MAX, unchanged);
            let (now, timeout) = waited.unwrap_or_else(PoisonError::into_inner);
            if timeout.timed_out() {
                return;
            }
            progress = now;
        }
    }

    fn update(&self, change: impl FnOnce(&mut Progress)) {
        change(&mut self.lock());
        self.changed.notify_all();
    }

    fn lock(&self) -> MutexGuard<'_, Progress> {
        self.progress.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use std::io::{Read, Write};

    use super::*;

    fn log() -> (tempfile::NamedTempFile, Follow) {
        let file = tempfile::NamedTempFile::new().expect("a temporary file");
        let follow = Follow::from_beginning(file.path()).expect("it is there");
        (file, follow)
    }

    #[test]
    fn everything_that_was_appended_is_copied_before_the_end() {
        let (mut file, follow) = log();
        let (mut reader, writer) = io::pipe().expect("a pipe");
        let copies = Copies(vec![Copying::start(follow, writer).expect("started")]);
        writeln!(file, "one").expect("writable");
        let mut first = [0; 4];
        reader.read_exact(&mut first).expect("copied while the command is there");
        writeln!(file, "two").expect("writable");
        copies.finish();
        let mut rest = String::new();
        reader.read_to_string(&mut rest).expect("the copy has ended");
        assert_eq!((&first, rest.as_str()), (b"one\n", "two\n"));
    }

    #[test]
    fn an_output_that_takes_nothing_keeps_the_end_waiting_for_a_moment_only() {
        let (mut file, follow) = log();
        let (_reader, writer) = io::pipe().expect("a pipe");
        let copies = Copies(vec![Copying::start(follow, writer).expect("started")]);
        file.write_all(&vec![b'x'; 1 << 20]).expect("writable");
        copies.finish();
        assert_eq!(copies.0[0].0.lock().stage, Stage::Ending);
    }

    #[test]
    fn a_closed_output_ends_the_copy() {
        let (mut file, follow) = log();
        let (reader, writer) = io::pipe().expect("a pipe");
        drop(reader);
        let copying = Copying::start(follow, writer).expect("started");
        writeln!(file, "one").expect("writable");
        copying.0.await_end();
        assert_eq!(copying.0.lock().stage, Stage::Ended);
    }
}
