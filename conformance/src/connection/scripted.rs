//! One connection: bytes and descriptors to lines, and lines to bytes.

use std::collections::VecDeque;
use std::io;
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::time::Instant;

use rustix::io::Errno;
use rustix::net::Shutdown;
use serde_json::{Map, Value};
use serverswap_protocol::message::VERSION;
use serverswap_protocol::trace::Side;

use super::poll::writable;
use super::socket::{self, Chunk};
use super::trace::{Trace, WireEntry};
use super::validator::{Validation, Validator};

/// One end of a connection that a script plays.
#[derive(Debug)]
pub struct ScriptedConnection {
    name: String,
    socket: OwnedFd,
    ours: Side,
    validator: Validator,
    buffer: Vec<u8>,
    fds: VecDeque<OwnedFd>,
    inbox: VecDeque<Received>,
    ended: Option<ConnectionEnd>,
    /// Lines that may come at any time, set aside until somebody expects them.
    aside: VecDeque<Received>,
    /// Whether it is not read at the moment.
    stalled: bool,
    /// The beginning of a line of ours whose end was not sent yet.
    unfinished: UnfinishedLine,
    last_id: u64,
    /// Whether a complete `hello` came and no `welcome` was sent.
    is_unwelcomed: bool,
}

/// What was sent of a line, and the descriptors that were sent and belong to no line yet.
#[derive(Debug, Default)]
struct UnfinishedLine {
    bytes: Vec<u8>,
    fds: VecDeque<String>,
}

/// How the other side has ended a connection.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ConnectionEnd {
    /// It had read everything.
    Eof,
    /// It had not.
    Reset,
}

/// A line as it was on the wire, not yet judged.
#[derive(Debug)]
pub struct RawLine {
    /// Without its line feed.
    pub bytes: Vec<u8>,
    /// As many as it names, if so many have come.
    pub fds: Vec<OwnedFd>,
}

/// A line of the other side.
#[derive(Debug)]
pub struct Received {
    /// The line without its line feed, for people.
    pub text: String,
    /// Its object, even when it is wrong otherwise.
    pub object: Option<Value>,
    /// Its descriptors.
    pub fds: Vec<OwnedFd>,
    /// Whether it came after a complete `hello` and, as far as the suite has sent one, before the `welcome`.
    pub is_unwelcomed: bool,
}

impl Received {
    /// Its `type`.
    #[must_use]
    pub fn kind(&self) -> Option<&str> {
        self.object.as_ref()?.get("type")?.as_str()
    }
}

impl ScriptedConnection {
    /// A new connection on which the suite plays `ours`.
    #[must_use]
    pub fn new(name: &str, socket: OwnedFd, ours: Side) -> ScriptedConnection {
        ScriptedConnection {
            name: name.to_owned(),
            socket,
            ours,
            validator: Validator::new(ours),
            buffer: Vec::new(),
            fds: VecDeque::new(),
            inbox: VecDeque::new(),
            aside: VecDeque::new(),
            ended: None,
            stalled: false,
            unfinished: UnfinishedLine::default(),
            last_id: 0,
            is_unwelcomed: false,
        }
    }

    /// Its name in the scenario.
    #[must_use]
    pub fn name(&self) -> &str {
        &self.name
    }

    /// Whether something may come on it and it is read.
    #[must_use]
    pub fn is_read(&self) -> bool {
        !self.stalled && self.ended.is_none()
    }

    /// Stops reading, or goes on.
    pub fn stall(&mut self, stalled: bool) {
        self.stalled = stalled;
    }

    /// How the other side has ended it.
    #[must_use]
    pub fn ended(&self) -> Option<ConnectionEnd> {
        self.ended
    }

    /// Whether `welcome` was said and nothing fatal.
    #[must_use]
    pub fn is_open(&self) -> bool {
        self.validator.connection() == Some("open")
    }

    /// Reads what is there. The lines are not in the inbox before [`ScriptedConnection::receive`].
    ///
    /// # Errors
    /// The socket fails in a way that is no end of a connection.
    pub fn read(&mut self) -> io::Result<(Vec<RawLine>, Option<ConnectionEnd>)> {
        let ended = loop {
            match socket::receive(self.socket.as_fd())? {
                Chunk::Data(bytes, fds) => {
                    self.buffer.extend(bytes);
                    self.fds.extend(fds);
                }
                Chunk::Nothing => break None,
                Chunk::End => break Some(ConnectionEnd::Eof),
                Chunk::Reset => break Some(ConnectionEnd::Reset),
            }
        };
        Ok((self.cut(), ended))
    }

    fn cut(&mut self) -> Vec<RawLine> {
        let mut lines = Vec::new();
        while let Some(end) = self.buffer.iter().position(|byte| *byte == b'\n') {
            let mut bytes: Vec<u8> = self.buffer.drain(..=end).collect();
            bytes.pop();
            // What no line names is the last line's, so that its judge sees too many.
            let take =
                if self.buffer.is_empty() { self.fds.len() } else { named(&bytes).min(self.fds.len()) };
            lines.push(RawLine { bytes, fds: self.fds.drain(..take).collect() });
        }
        lines
    }

    /// Traces and judges a line and puts it into the inbox.
    ///
    /// # Errors
    /// What is wrong with the line; it is in the inbox all the same.
    pub fn receive(&mut self, line: RawLine, trace: &mut Trace) -> Result<(), String> {
        let RawLine { bytes, fds } = line;
        let object: Option<Value> = serde_json::from_slice(&bytes).ok().filter(Value::is_object);
        let fds_named = names(object.as_ref(), fds.len());
        let entry = WireEntry { from: self.ours.other(), bytes: &bytes, fds: fds_named, deliberate: false };
        trace.add_wire(self.ours, &self.name, entry);
        let is_unwelcomed = self.is_unwelcomed;
        let verdict = self.validator.received(&bytes, fds.len());
        self.is_unwelcomed |= self.validator.connection() == Some("negotiating");
        let text = String::from_utf8_lossy(&bytes).into_owned();
        self.inbox.push_back(Received { text, object, fds, is_unwelcomed });
        verdict.map(|_| ())
    }

    /// The other side has ended it.
    ///
    /// # Errors
    /// It did so in the middle of a line.
    pub fn end(&mut self, ended: ConnectionEnd, trace: &mut Trace) -> Result<(), String> {
        let how = match ended {
            ConnectionEnd::Eof => "closed by the other side",
            ConnectionEnd::Reset => "reset by the other side",
        };
        trace.remark(Some(&self.name), how);
        self.ended = Some(ended);
        let rest = std::mem::take(&mut self.buffer);
        if rest.is_empty() {
            return Ok(());
        }
        Err(format!("it ended in the middle of the line `{}`", String::from_utf8_lossy(&rest)))
    }

    /// The next line that was heard.
    pub fn take(&mut self) -> Option<Received> {
        self.inbox.pop_front()
    }

    /// The next line that was heard, left where it is.
    #[must_use]
    pub fn peek(&self) -> Option<&Received> {
        self.inbox.front()
    }

    /// Every line that was heard and not looked at, taken out.
    pub fn take_unread(&mut self) -> Vec<Received> {
        self.inbox.drain(..).chain(self.aside.drain(..)).collect()
    }

    /// The end of the connection, as if it had not been noticed yet.
    pub fn forget_end(&mut self) -> Option<ConnectionEnd> {
        self.ended.take()
    }

    /// Sets the next lines aside that may come at any time.
    pub fn set_aside(&mut self, may_come: impl Fn(&Received) -> bool) {
        while self.inbox.front().is_some_and(&may_come) {
            self.aside.extend(self.inbox.pop_front());
        }
    }

    /// A line that was set aside and is the one that is looked for, taken out.
    pub fn take_aside(&mut self, wanted: impl FnMut(&Received) -> bool) -> Option<Received> {
        let at = self.aside.iter().position(wanted)?;
        self.aside.remove(at)
    }

    /// The last line that was heard, left where it is.
    #[must_use]
    pub fn newest(&self) -> Option<&Received> {
        self.inbox.back()
    }

    /// The last line that was heard, taken back: who answers it does so by itself.
    pub fn take_back(&mut self) -> Option<Received> {
        self.inbox.pop_back()
    }

    /// An `id` that is greater than every one before on this connection.
    pub fn next_id(&mut self) -> u64 {
        self.last_id += 1;
        self.last_id
    }

    /// Judges a line that is about to be sent.
    ///
    /// # Errors
    /// What is wrong with it; the fault of the suite.
    pub fn validate_sent(&mut self, line: &Map<String, Value>, validation: Validation) -> Result<(), String> {
        if let Some(id) = line.get("id").and_then(Value::as_u64) {
            self.last_id = self.last_id.max(id);
        }
        let verdict = self.validator.sent(line, validation);
        // What it does not answer welcomes nobody.
        let is_answered = self.validator.connection() == Some("open");
        let is_of_version = line.get("version").is_none_or(|version| version == VERSION);
        self.is_unwelcomed &= !(is_answered && is_of_version);
        verdict
    }

    /// As [`ScriptedConnection::validate_sent`], for bytes that are wrong on purpose, or may be.
    pub fn note_sent_bytes(&mut self, bytes: &[u8]) {
        for line in bytes.split(|byte| *byte == b'\n') {
            let id = serde_json::from_slice::<Value>(line).ok().and_then(|line| line.get("id")?.as_u64());
            self.last_id = self.last_id.max(id.unwrap_or(0));
        }
        self.validator.sent_bytes(bytes);
    }

    /// Sends one piece, the descriptors with its first byte. A peer that is gone is no error: it is
    /// noticed when it is read.
    ///
    /// # Errors
    /// The peer has not read for so long that nothing more could be sent before `deadline`.
    pub fn send(&self, bytes: &[u8], fds: &[BorrowedFd<'_>], deadline: Option<Instant>) -> io::Result<()> {
        let mut sent = 0;
        while sent < bytes.len() {
            let attached = if sent == 0 { fds } else { &[] };
            match socket::send(self.socket.as_fd(), &bytes[sent..], attached) {
                Ok(some) => sent += some,
                Err(Errno::INTR) => {}
                Err(Errno::PIPE | Errno::CONNRESET) => return Ok(()),
                Err(Errno::AGAIN) => {
                    if !writable(self.socket.as_fd(), deadline)? {
                        return Err(io::ErrorKind::TimedOut.into());
                    }
                }
                Err(error) => return Err(error.into()),
            }
        }
        Ok(())
    }

    /// Whether what was sent last ended in the middle of a line.
    #[must_use]
    pub fn is_mid_line(&self) -> bool {
        !self.unfinished.bytes.is_empty()
    }

    /// Traces what is sent. A line is traced when it is whole; a part of it is a remark.
    pub fn trace_sent(&mut self, bytes: &[u8], fds: &[String], validation: Validation, trace: &mut Trace) {
        self.unfinished.fds.extend(fds.iter().cloned());
        let mut pieces = bytes.split_inclusive(|byte| *byte == b'\n').peekable();
        while let Some(piece) = pieces.next() {
            if self.is_mid_line() || !piece.ends_with(b"\n") {
                let text = String::from_utf8_lossy(piece);
                trace.remark(Some(&self.name), &format!("sends a part of a line: {}", text.trim_end()));
            }
            self.unfinished.bytes.extend_from_slice(piece);
            if piece.ends_with(b"\n") {
                self.trace_line(pieces.peek().is_none(), validation, trace);
            }
        }
    }

    /// What no line names is the last line's.
    fn trace_line(&mut self, is_last: bool, validation: Validation, trace: &mut Trace) {
        let UnfinishedLine { bytes, fds } = &mut self.unfinished;
        let mut bytes = std::mem::take(bytes);
        bytes.pop();
        let take = if is_last { fds.len() } else { named(&bytes).min(fds.len()) };
        let fds = fds.drain(..take).collect();
        let deliberate = validation == Validation::Waived;
        let entry = WireEntry { from: self.ours, bytes: &bytes, fds, deliberate };
        trace.add_wire(self.ours, &self.name, entry);
    }

    /// Ends the suite's direction.
    pub fn shutdown(&self) {
        // A peer that is gone already needs not be told.
        let _ = rustix::net::shutdown(&self.socket, Shutdown::Write);
    }
}

impl AsFd for ScriptedConnection {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.socket.as_fd()
    }
}

/// How many descriptors a line names.
fn named(line: &[u8]) -> usize {
    let line = serde_json::from_slice::<Value>(line).ok();
    line.and_then(|line| Some(line.get("fds")?.as_array()?.len())).unwrap_or(0)
}

/// What the descriptors of a line are called, as the line says it.
fn names(object: Option<&Value>, count: usize) -> Vec<String> {
    let named = object.and_then(|object| object.get("fds")?.as_array());
    let mut names: Vec<String> =
        named.into_iter().flatten().filter_map(Value::as_str).map(str::to_owned).take(count).collect();
    names.resize(count, "descriptor".to_owned());
    names
}

#[cfg(test)]
mod tests {
    use std::os::unix::net::UnixStream;

    use super::*;
    use crate::connection::{ready, same_file};

    /// A link and the other end, which speaks as a client.
    fn pair() -> (ScriptedConnection, ScriptedConnection) {
        let (ours, theirs) = UnixStream::pair().expect("a socket");
        (
            ScriptedConnection::new("a", ours.into(), Side::Arbiter),
            ScriptedConnection::new("b", theirs.into(), Side::Client),
        )
    }

    fn read(link: &mut ScriptedConnection) -> (Vec<RawLine>, Option<ConnectionEnd>) {
        ready(&[link.as_fd()], None).expect("it can be waited for");
        link.read().expect("a socket")
    }

    #[test]
    fn a_descriptor_belongs_to_the_line_that_names_it() {
        let (mut link, client) = pair();
        let file = tempfile::tempfile().expect("a file");
        client.send(b"{\"type\":\"serverUp\"}\n", &[], None).expect("sent");
        client.send(b"{\"fds\":[\"x\"]}\n", &[file.as_fd()], None).expect("sent");
        let (lines, _) = read(&mut link);
        let counts: Vec<usize> = lines.iter().map(|line| line.fds.len()).collect();
        assert_eq!(counts, [0, 1]);
        assert!(same_file(&lines[1].fds[0], &file).expect("files"));
    }

    #[test]
    fn a_line_is_there_when_it_is_whole_and_half_a_line_at_the_end_is_reported() {
        let (mut link, client) = pair();
        client.send(b"{\"a\":1}\n{\"b\"", &[], None).expect("sent");
        assert_eq!(read(&mut link).0.len(), 1);
        drop(client);
        let (lines, ended) = read(&mut link);
        assert!(lines.is_empty());
        let told = link.end(ended.expect("an end"), &mut Trace::default()).expect_err("half a line");
        assert_eq!(told, "it ended in the middle of the line `{\"b\"`");
    }

    #[test]
    fn an_end_with_unread_data_is_a_reset() {
        let (mut link, client) = pair();
        link.send(b"{}\n", &[], None).expect("sent");
        drop(client);
        assert_eq!(read(&mut link).1, Some(ConnectionEnd::Reset));
    }

    #[test]
    fn a_peer_that_does_not_read_is_noticed_at_the_deadline() {
        let (link, _client) = pair();
        let much = vec![b' '; 8 * 1024 * 1024];
        let error = link.send(&much, &[], Some(Instant::now())).expect_err("it does not fit");
        assert_eq!(error.kind(), io::ErrorKind::TimedOut);
    }
}
