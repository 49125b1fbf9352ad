//! From what recvmsg(2) returns to whole lines with their descriptors.
//!
//! Rules: descriptors form one queue a connection; a line takes as many as its `fds`
//! names. Descriptors travel with the first byte of their line, so when no byte of a
//! further line is buffered, the queue must be empty. Every error is fatal for the
//! connection, and dropping the reader closes what is queued.

use std::collections::VecDeque;

use serde_json::{Map, Value};

use super::object;
use crate::limits::{FDS_PER_LINE_MAX, LINE_BYTES_MAX};
use crate::message::Code;

/// One whole line: a JSON object and the descriptors that it names.
#[derive(Debug)]
pub struct Line<F> {
    /// The object, its reserved keys checked.
    pub object: Map<String, Value>,
    /// `(name, descriptor)` in the order of `fds`.
    pub fds: Vec<(String, F)>,
}

/// Why a connection cannot go on.
#[derive(Debug, thiserror::Error)]
pub enum LineError {
    /// A line without a line feed within the limit.
    #[error("a line is longer than {LINE_BYTES_MAX} bytes")]
    TooLong,
    /// Not one JSON object of the protocol's form.
    #[error("malformed line: {0}")]
    Malformed(#[source] serde_json::Error),
    /// A reserved key has an impossible value.
    #[error("malformed line: `{0}` must be {1}")]
    Reserved(&'static str, &'static str),
    /// Fewer descriptors arrived than the line names.
    #[error("a line names {named} descriptors and {arrived} arrived")]
    TooFew {
        /// The length of `fds`.
        named: usize,
        /// How many were queued.
        arrived: usize,
    },
    /// Descriptors arrived that no line names.
    #[error("{0} descriptors arrived that no line names")]
    LeftOver(usize),
    /// The stream ended in the middle of a line.
    #[error("the connection ended in the middle of a line")]
    Unfinished,
}

impl LineError {
    /// The code of the fatal `error` that answers it.
    pub fn code(&self) -> Code {
        match self {
            LineError::TooLong => Code::LineTooLong,
            LineError::Malformed(_) | LineError::Reserved(..) | LineError::Unfinished => Code::MalformedLine,
            LineError::TooFew { .. } | LineError::LeftOver(_) => Code::DescriptorMismatch,
        }
    }
}

/// Splits a stream of bytes and descriptors into lines.
#[derive(Debug)]
pub struct LineReader<F> {
    /// Received and not yet taken; `start` is where the next line begins.
    bytes: Vec<u8>,
    start: usize,
    /// How far `bytes` is known to hold no line feed.
    searched: usize,
    fds: VecDeque<F>,
}

impl<F> Default for LineReader<F> {
    fn default() -> Self {
        LineReader { bytes: Vec::new(), start: 0, searched: 0, fds: VecDeque::new() }
    }
}

impl<F> LineReader<F> {
    /// Adds what one recvmsg(2) returned.
    pub fn push(&mut self, bytes: &[u8], fds: impl IntoIterator<Item = F>) {
        self.forget_taken();
        self.bytes.extend_from_slice(bytes);
        self.fds.extend(fds);
    }

    /// The next whole line, or `None` until more bytes come.
    ///
    /// # Errors
    /// Every [`LineError`] is fatal: nothing after it can be trusted.
    pub fn next_line(&mut self) -> Result<Option<Line<F>>, LineError> {
        let Some(end) = self.line_end()? else {
            return Ok(None);
        };
        let text = &self.bytes[self.start..end];
        let object = object::parse(text).map_err(LineError::Malformed)?;
        self.start = end + 1;
        self.searched = self.start;
        let names = reserved(&object)?;
        if names.len() > self.fds.len() {
            return Err(LineError::TooFew { named: names.len(), arrived: self.fds.len() });
        }
        let left = self.fds.len() - names.len();
        if left > 0 && self.start == self.bytes.len() {
            return Err(LineError::LeftOver(left));
        }
        let taken = self.fds.drain(..names.len());
        let fds = names.into_iter().zip(taken).collect();
        Ok(Some(Line { object, fds }))
    }

    /// To be called at the end of the stream: checks that it ended between two lines.
    ///
    /// # Errors
    /// [`LineError::Unfinished`] in the middle of a line.
    pub fn finish(&self) -> Result<(), LineError> {
        if self.start < self.bytes.len() { Err(LineError::Unfinished) } else { Ok(()) }
    }

    /// Drops lines that were taken: at once when nothing follows them, otherwise when
    /// they are as long as one line, so that a stream without a pause does not pile up.
    fn forget_taken(&mut self) {
        if self.start == self.bytes.len() || self.start >= LINE_BYTES_MAX {
            self.bytes.drain(..self.start);
            self.searched -= self.start;
            self.start = 0;
        }
    }

    fn line_end(&mut self) -> Result<Option<usize>, LineError> {
        let found = self.bytes[self.searched..].iter().position(|byte| *byte == b'\n');
        if let Some(offset) = found {
            let end = self.searched + offset;
            return if end - self.start < LINE_BYTES_MAX { Ok(Some(end)) } else { Err(LineError::TooLong) };
        }
        self.searched = self.bytes.len();
        let buffered = self.bytes.len() - self.start;
        if buffered >= LINE_BYTES_MAX {
            return Err(LineError::TooLong);
        }
        // What is queued now can only belong to the line that has begun.
        let most = if buffered == 0 { 0 } else { FDS_PER_LINE_MAX };
        if self.fds.len() > most {
            return Err(LineError::LeftOver(self.fds.len()));
        }
        Ok(None)
    }
}

/// Checks `type`, `id`, `re`, `ext`, and returns the names in `fds`.
fn reserved(object: &Map<String, Value>) -> Result<Vec<String>, LineError> {
    if !object.get("type").is_some_and(Value::is_string) {
        return Err(LineError::Reserved("type", "a string"));
    }
    for key in ["id", "re"] {
        if object.get(key).is_some_and(|value| value.as_u64().is_none_or(|number| number == 0)) {
            return Err(LineError::Reserved(key, "an integer from 1 to 2^53 - 1"));
        }
    }
    if object.get("ext").is_some_and(|value| !value.is_object()) {
        return Err(LineError::Reserved("ext", "an object"));
    }
    match object.get("fds") {
        None => Ok(Vec::new()),
        Some(value) => names(value).ok_or(LineError::Reserved("fds", "a list of at most 128 distinct names")),
    }
}

fn names(value: &Value) -> Option<Vec<String>> {
    let names: Vec<String> =
        value.as_array()?.iter().map(|name| name.as_str().map(str::to_owned)).collect::<Option<_>>()?;
    let mut sorted: Vec<&String> = names.iter().collect();
    sorted.sort();
    sorted.dedup();
    (sorted.len() == names.len() && names.len() <= FDS_PER_LINE_MAX).then_some(names)
}
