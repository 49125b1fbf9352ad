//! The driver's process and its three streams.

use std::collections::{BTreeMap, VecDeque};
use std::fs::File;
use std::io::{self, Read, Seek, SeekFrom, Write};
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::os::unix::process::CommandExt;
use std::process::{Child, ChildStdin, ChildStdout, Command, Stdio};

use rustix::process::{
    Pid, PidfdFlags, Rlimit, Signal, WaitId, WaitIdOptions, kill_process_group, pidfd_open,
    pidfd_send_signal, waitid,
};
use serde_json::{Map, Value, json};

use super::settings::DriverCommand;
use crate::connection::Trace;
use crate::contract::{self, CONFORMANCE_VARIABLE, ContractError, HelloReply, Reply, Said};
use crate::report::Party;
use crate::runner::{Exited, Failure, Fault};

/// Most bytes of standard error that a report holds.
const STDERR_BYTES_MAX: u64 = 64 * 1024;

/// Who the driver says that it is.
pub type Introduction = HelloReply;

/// A running driver. Dropped, it is killed with everything of its process group.
#[derive(Debug)]
pub struct Driver {
    child: Child,
    pidfd: OwnedFd,
    stdin: Option<ChildStdin>,
    stdout: Option<ChildStdout>,
    stderr: File,
    buffer: Vec<u8>,
    replies: VecDeque<Reply>,
    events: VecDeque<Map<String, Value>>,
    /// How many of the events, from the first on, were told before the last reply.
    events_before_reply: usize,
    seq: u64,
    exited: Option<Exited>,
    /// Whether a fault does not let its end be seen.
    hides_its_end: bool,
    /// Whether the case has done something that ends it.
    pub(super) ends: bool,
    /// Whether it was stopped by a signal.
    pub(super) stopped: bool,
    /// The limit of open descriptors before it was lowered.
    pub(super) usual_limit: Option<Rlimit>,
}

impl Driver {
    /// Starts it with further variables; `None` removes one.
    ///
    /// # Errors
    /// There is no such program, or it is none.
    pub fn start(
        command: &DriverCommand,
        environment: &BTreeMap<String, Option<String>>,
    ) -> io::Result<Driver> {
        let stderr = tempfile::tempfile()?;
        let mut started = Command::new(&command.program);
        started.args(&command.arguments).process_group(0);
        started.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(stderr.try_clone()?);
        started.env(CONFORMANCE_VARIABLE, "1");
        for (name, value) in environment {
            match value {
                Some(value) => started.env(name, value),
                None => started.env_remove(name),
            };
        }
        if let Some(directory) = &command.directory {
            started.current_dir(directory);
        }
        let mut child = started.spawn()?;
        let (stdin, stdout) = (child.stdin.take(), child.stdout.take());
        if let Some(stdout) = &stdout {
            rustix::io::ioctl_fionbio(stdout, true)?;
        }
        let pidfd = pidfd_open(pid(&child), PidfdFlags::empty())?;
        Ok(Driver {
            child,
            pidfd,
            stdin,
            stdout,
            stderr,
            buffer: Vec::new(),
            replies: VecDeque::new(),
            events: VecDeque::new(),
            events_before_reply: 0,
            seq: 0,
            exited: None,
            hides_its_end: false,
            ends: false,
            stopped: false,
            usual_limit: None,
        })
    }

    /// Its process id.
    #[must_use]
    pub fn pid(&self) -> u32 {
        self.child.id()
    }

    /// How it has ended.
    #[must_use]
    pub fn exited(&self) -> Option<Exited> {
        self.exited
    }

    /// Gives it a command; the number of its reply. A driver that is gone is noticed elsewhere.
    pub fn command(&mut self, command: Map<String, Value>, fault: &mut dyn Fault, trace: &mut Trace) -> u64 {
        self.seq += 1;
        let mut line = Map::from_iter([("seq".to_owned(), json!(self.seq))]);
        line.extend(command);
        let Some(line) = fault.command(line) else {
            let reply = json!({"seq": self.seq, "ok": true});
            if let Ok(Said::Reply(reply)) = contract::read(reply.to_string().as_bytes()) {
                self.replies.push_back(reply);
            }
            return self.seq;
        };
        let mut bytes = Value::Object(line).to_string().into_bytes();
        trace.add(Party::Suite, None, &bytes);
        bytes.push(b'\n');
        if let Some(stdin) = &mut self.stdin {
            // It has closed its standard input or is gone: its reply will be missed.
            let _ = stdin.write_all(&bytes);
        }
        self.seq
    }

    /// Ends its standard input: it has to end.
    pub fn end_input(&mut self) {
        self.stdin = None;
        self.ends = true;
    }

    /// What becomes readable when there is something to read, and when it has ended.
    pub(super) fn descriptors(&self) -> Vec<BorrowedFd<'_>> {
        let is_awaited = self.exited.is_none() && !self.hides_its_end;
        let pidfd = is_awaited.then(|| self.pidfd.as_fd());
        self.stdout.iter().map(AsFd::as_fd).chain(pidfd).collect()
    }

    /// Takes in what is there.
    ///
    /// # Errors
    /// The contract is broken.
    pub fn read(&mut self, fault: &mut dyn Fault, trace: &mut Trace) -> Result<(), Failure> {
        self.read_stdout(fault, trace)?;
        self.look_for_end(fault, trace)
    }

    fn read_stdout(&mut self, fault: &mut dyn Fault, trace: &mut Trace) -> Result<(), Failure> {
        let mut chunk = [0; 16 * 1024];
        while let Some(stdout) = &mut self.stdout {
            match stdout.read(&mut chunk) {
                Ok(0) => self.stdout = None,
                Ok(length) => self.buffer.extend_from_slice(&chunk[..length]),
                Err(error) if error.kind() == io::ErrorKind::Interrupted => continue,
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => break,
                Err(error) => return Err(Failure::io("cannot read the driver's standard output")(error)),
            }
        }
        while let Some(end) = self.buffer.iter().position(|byte| *byte == b'\n') {
            let line: Vec<u8> = self.buffer.drain(..=end).collect();
            self.take_in(&line[..end], fault, trace)?;
        }
        if self.stdout.is_none() && !self.buffer.is_empty() {
            let rest = std::mem::take(&mut self.buffer);
            self.take_in(&rest, fault, trace)?;
        }
        Ok(())
    }

    fn take_in(&mut self, line: &[u8], fault: &mut dyn Fault, trace: &mut Trace) -> Result<(), Failure> {
        trace.add(Party::Driver, None, line);
        contract::read(line)?;
        let object: Map<String, Value> = serde_json::from_slice(line).unwrap_or_default();
        for object in fault.driver_line(object) {
            match contract::read(Value::Object(object.clone()).to_string().as_bytes())? {
                Said::Reply(reply) => self.take_reply(reply)?,
                Said::Event(_) => self.events.push_back(without_nothings(object)),
            }
        }
        Ok(())
    }

    fn take_reply(&mut self, reply: Reply) -> Result<(), ContractError> {
        let wrong = |why: String| {
            Err(ContractError::Reply { line: Value::Object(reply.object.clone()).to_string(), why })
        };
        if reply.seq > self.seq {
            return wrong(format!("there was no command with the `seq` {}", reply.seq));
        }
        self.replies.push_back(reply);
        self.events_before_reply = self.events.len();
        Ok(())
    }

    fn look_for_end(&mut self, fault: &mut dyn Fault, trace: &mut Trace) -> Result<(), Failure> {
        if self.exited.is_some() {
            return Ok(());
        }
        // It stays a zombie until it is dropped: its number, and with it that of its group, stays its own.
        let options = WaitIdOptions::EXITED | WaitIdOptions::NOHANG | WaitIdOptions::NOWAIT;
        let status = waitid(WaitId::PidFd(self.pidfd.as_fd()), options);
        let status = status.map_err(|error| Failure::io("cannot wait for the driver")(error.into()))?;
        let exited = status.and_then(|status| {
            status
                .exit_status()
                .map(Exited::Status)
                .or_else(|| status.terminating_signal().map(Exited::Signal))
        });
        let seen = exited.and_then(|exited| fault.exited(exited));
        self.hides_its_end = exited.is_some() && seen.is_none();
        let Some(exited) = seen else { return Ok(()) };
        trace.remark(None, &format!("the driver ended {exited}"));
        self.exited = Some(exited);
        Ok(())
    }

    /// The reply to a command, if it is there.
    ///
    /// # Errors
    /// The next reply is that of another command.
    pub fn reply(&mut self, seq: u64) -> Result<Option<Reply>, Failure> {
        match self.replies.pop_front() {
            None => Ok(None),
            Some(reply) if reply.seq == seq => Ok(Some(reply)),
            Some(reply) => Err(Failure::Driver(format!(
                "it answered `seq` {} when {seq} was to be answered: one reply for each command, in order",
                reply.seq
            ))),
        }
    }

    /// The events that have come and were not looked at.
    pub fn events(&mut self) -> &mut VecDeque<Map<String, Value>> {
        &mut self.events
    }

    /// The next event was looked at. Whether it was told before the last reply.
    pub fn pop_event(&mut self) -> bool {
        self.events.pop_front();
        let before = self.events_before_reply > 0;
        self.events_before_reply = self.events_before_reply.saturating_sub(1);
        before
    }

    /// How many descriptors its process has open.
    ///
    /// # Errors
    /// It is gone.
    pub fn descriptor_count(&self) -> io::Result<u64> {
        std::fs::read_dir(format!("/proc/{}/fd", self.pid())).map(|entries| entries.count() as u64)
    }

    /// Sends it a signal, and waits until one that stops it has stopped the last of its threads.
    ///
    /// # Errors
    /// It is gone.
    pub fn signal(&self, signal: Signal) -> io::Result<()> {
        pidfd_send_signal(&self.pidfd, signal)?;
        if signal == Signal::STOP {
            let options = WaitIdOptions::STOPPED | WaitIdOptions::EXITED | WaitIdOptions::NOWAIT;
            waitid(WaitId::PidFd(self.pidfd.as_fd()), options)?;
        }
        Ok(())
    }

    /// The end of what it wrote to standard error.
    pub fn stderr(&mut self) -> String {
        let length = self.stderr.metadata().map_or(0, |metadata| metadata.len());
        let mut bytes = Vec::new();
        let begin = SeekFrom::Start(length.saturating_sub(STDERR_BYTES_MAX));
        // What cannot be read back is missing in the report, and nothing else follows from it.
        let _ = self.stderr.seek(begin).and_then(|_| self.stderr.read_to_end(&mut bytes));
        String::from_utf8_lossy(&bytes).into_owned()
    }
}

impl Drop for Driver {
    fn drop(&mut self) {
        // Its group may be gone as a whole.
        let _ = kill_process_group(pid(&self.child), Signal::KILL);
        let _ = self.child.wait();
    }
}

/// An event without the fields that say nothing: some languages write `null` or an empty text for what is not there.
fn without_nothings(mut event: Map<String, Value>) -> Map<String, Value> {
    let says_nothing = |key: &str, value: &Value| value.is_null() || (key == "waitingFor" && value == "");
    event.retain(|key, value| !says_nothing(key, value));
    event
}

fn pid(child: &Child) -> Pid {
    Pid::from_child(child)
}
