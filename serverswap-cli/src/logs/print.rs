//! Prints a log: that of stdout on stdout, that of stderr on stderr, one of both on stdout.

use std::io;
use std::os::fd::AsFd;
use std::path::Path;
use std::thread;
use std::time::Duration;

use nix::errno::Errno;

use crate::cli::Extent;
use crate::output::follow::Follow;
use crate::output::generation_log::FoundLog;
use crate::sys::write::write_all;
use crate::ui::{Conclusion, Console, Report, Summary, UNABLE};

/// How long the end of the last writer may stay unnoticed: the kernel reports it a moment before the lock is
/// released.
const LOOK_AGAIN: Duration = Duration::from_secs(1);

/// Bytes that are printed at once.
const CHUNK_BYTES: usize = 64 * 1024;

/// Why it ended.
#[derive(Debug)]
enum PrintError {
    Read(io::Error),
    Write(Errno),
}

/// Prints a log, and what is appended until no process can append any more.
pub(super) fn print(log: &FoundLog, extent: Extent, console: &Console) -> Conclusion {
    console.report(&Report::LogShown {
        command: log.record.command.clone(),
        started: log.record.started.clone(),
        stdout: log.stdout(),
        stderr: log.stderr(),
    });
    let printed = thread::scope(|scope| {
        let stderr = log.stderr().map(|path| scope.spawn(move || one(&path, &io::stderr(), log, extent)));
        let stdout = log.stdout().map_or(Ok(()), |path| one(&path, &io::stdout(), log, extent));
        stdout.and(stderr.map_or(Ok(()), |thread| thread.join().expect("it does not panic")))
    });
    match (printed, extent) {
        // A reader that closes early, such as `head`, is no failure.
        (Ok(()) | Err(PrintError::Write(Errno::EPIPE)), Extent::UntilNow) => Conclusion::silent(0),
        (Ok(()), Extent::Follow) => {
            console.report(&Report::LogEnded);
            Conclusion::silent(0)
        }
        (Err(PrintError::Write(Errno::EPIPE)), Extent::Follow) => Conclusion::silent(0),
        (Err(error), Extent::UntilNow | Extent::Follow) => console.failed(&error.summary(), UNABLE),
    }
}

fn one(path: &Path, output: &impl AsFd, log: &FoundLog, extent: Extent) -> Result<(), PrintError> {
    let mut follow = Follow::from_beginning(path).map_err(PrintError::Read)?;
    let mut buffer = vec![0; CHUNK_BYTES];
    let mut is_written_to = extent == Extent::Follow;
    loop {
        let count = follow.read(&mut buffer).map_err(PrintError::Read)?;
        write_all(output, &buffer[..count]).map_err(PrintError::Write)?;
        if count == 0 {
            if !is_written_to {
                return Ok(());
            }
            follow.wait(None, Some(LOOK_AGAIN));
            // What was appended before the last writer ended is read after this.
            is_written_to = log.is_written_to();
        }
    }
}

impl PrintError {
    fn summary(&self) -> Summary {
        let (error, hint) = match self {
            PrintError::Read(error) => (format!("the log cannot be read: {error}"), "`serverswap status`"),
            PrintError::Write(errno) => {
                (format!("the log cannot be printed: {}", io::Error::from(*errno)), "see where stdout goes")
            }
        };
        Summary::Failure { error: format!("{error}; no server was touched"), hint: hint.to_owned() }
    }
}
