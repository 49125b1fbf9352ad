//! A program that was started: its words, its exit.

use std::os::unix::process::ExitStatusExt;
use std::process::ExitStatus;
use std::time::{Duration, Instant};

use rustix::process::{Pid, Signal, kill_process};
use tokio::process::Child;
use tokio::time::timeout;

use super::transcript::Transcript;
use super::write_watch::WriteWatch;
use super::{LIMIT, SandboxError};

/// A running or ended program.
#[derive(Debug)]
pub struct Started {
    command: String,
    child: Child,
    pid: u32,
    began: Instant,
    out: Transcript,
    err: Transcript,
    watch: WriteWatch,
    exit: Option<Exit>,
}

/// How a program ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Exit {
    /// Its exit status, or 128 and the signal that ended it, as a shell has it.
    pub status: i32,
    /// From its start to its end.
    pub took: Duration,
}

impl Started {
    pub(super) fn new(
        command: String,
        child: Child,
        began: Instant,
        out: Transcript,
        err: Transcript,
        watch: WriteWatch,
    ) -> Self {
        let pid = child.id().expect("it was not waited for yet");
        Started { command, child, pid, began, out, err, watch, exit: None }
    }

    /// Its process id.
    pub fn pid(&self) -> u32 {
        self.pid
    }

    /// When it was started.
    pub fn began(&self) -> Instant {
        self.began
    }

    /// Everything on its standard output so far, that of its server included.
    pub fn stdout(&mut self) -> &str {
        self.out.text()
    }

    /// Everything on its standard error so far, that of its server included.
    pub fn stderr(&mut self) -> &str {
        self.err.text()
    }

    /// Sends it a signal; one that has ended gets none.
    pub fn signal(&self, signal: Signal) {
        let pid = i32::try_from(self.pid).ok().and_then(Pid::from_raw);
        if let (None, Some(pid)) = (self.exit, pid) {
            // It is not waited for yet, so the number is still its own.
            let _ = kill_process(pid, signal);
        }
    }

    /// The next line on standard error that contains `text`.
    ///
    /// # Errors
    /// If it ends without saying so, or takes longer than [`LIMIT`].
    pub async fn says(&mut self, text: &str) -> Result<String, SandboxError> {
        self.line(text, |started| &mut started.err, AtExit::GiveUp).await
    }

    /// The next line on standard output that contains `text`. Its server may say it after the
    /// program itself has ended.
    ///
    /// # Errors
    /// If it takes longer than [`LIMIT`].
    pub async fn prints(&mut self, text: &str) -> Result<String, SandboxError> {
        self.line(text, |started| &mut started.out, AtExit::GoOn).await
    }

    /// How it ends; waits for it.
    ///
    /// # Errors
    /// If that takes longer than [`LIMIT`].
    pub async fn exit(&mut self) -> Result<Exit, SandboxError> {
        self.exit_within(LIMIT).await
    }

    /// How it ends; waits for it no longer than `limit`.
    ///
    /// # Errors
    /// If it still runs then.
    pub async fn exit_within(&mut self, limit: Duration) -> Result<Exit, SandboxError> {
        match timeout(limit, self.ended()).await {
            Ok(exit) => exit,
            Err(_) => Err(self.too_late("did not end")),
        }
    }

    /// The lines of either output since the last call. Waits for nothing.
    pub fn new_lines(&mut self) -> Vec<String> {
        let err = std::iter::from_fn(|| self.err.next_unshown());
        let out = std::iter::from_fn(|| self.out.next_unshown());
        err.chain(out).collect()
    }

    async fn line(
        &mut self,
        text: &str,
        transcript: fn(&mut Started) -> &mut Transcript,
        at_exit: AtExit,
    ) -> Result<String, SandboxError> {
        let search = async {
            loop {
                let exit = self.exit;
                while let Some(line) = transcript(self).next_line() {
                    if line.contains(text) {
                        return Ok(line);
                    }
                }
                match (exit, at_exit) {
                    (Some(exit), AtExit::GiveUp) => {
                        return Err(SandboxError::Ended {
                            command: self.command.clone(),
                            status: exit.status,
                            text: text.to_owned(),
                            said: self.said(),
                        });
                    }
                    (Some(_), AtExit::GoOn) => self.watch.written().await,
                    (None, _) => self.step().await?,
                }
            }
        };
        match timeout(LIMIT, search).await {
            Ok(result) => result,
            Err(_) => Err(self.too_late(&format!("did not say `{text}`"))),
        }
    }

    async fn ended(&mut self) -> Result<Exit, SandboxError> {
        loop {
            if let Some(exit) = self.exit {
                return Ok(exit);
            }
            self.step().await?;
        }
    }

    /// Waits for the next thing that happens to it.
    async fn step(&mut self) -> Result<(), SandboxError> {
        let happened = tokio::select! {
            status = self.child.wait() => status.map(Some),
            () = self.watch.written() => Ok(None),
        };
        match happened {
            Ok(Some(status)) => {
                self.exit = Some(Exit { status: status_of(status), took: self.began.elapsed() });
                Ok(())
            }
            Ok(None) => Ok(()),
            Err(source) => Err(self.failed(source)),
        }
    }

    fn failed(&self, source: std::io::Error) -> SandboxError {
        SandboxError::Io { what: format!("`{}` cannot be watched", self.command), source }
    }

    fn too_late(&mut self, expected: &str) -> SandboxError {
        SandboxError::TooLate {
            command: self.command.clone(),
            expected: expected.to_owned(),
            said: self.said(),
        }
    }

    fn said(&mut self) -> String {
        format!("{}{}", self.out.text(), self.err.text())
    }
}

/// Whether a line may still come when the program itself has ended.
#[derive(Debug, Clone, Copy)]
enum AtExit {
    GiveUp,
    GoOn,
}

fn status_of(status: ExitStatus) -> i32 {
    status.code().unwrap_or_else(|| 128 + status.signal().unwrap_or(0))
}
