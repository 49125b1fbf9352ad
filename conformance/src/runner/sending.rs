//! `send`, `close`: what the suite puts on the wire.

use base64::Engine;
use base64::prelude::BASE64_STANDARD;
use serde_json::Value;

use super::{CaseRun, Failure, SubjectUnderTest};
use crate::connection::Validation;
use crate::scenario::{Offset, Send, Split, Template};

impl<S: SubjectUnderTest> CaseRun<S> {
    /// Sends lines or bytes, whole or in pieces.
    pub fn send(&mut self, send: &Send) -> Result<(), Failure> {
        let bytes = self.bytes(send)?;
        let end = match &send.cut {
            Some(cut) => self.offsets(cut)?.first().copied().unwrap_or(bytes.len()).min(bytes.len()),
            None => bytes.len(),
        };
        let mut begins = vec![0];
        if send.split.0.contains(&Offset::Each) {
            begins.extend(1..end);
        } else {
            begins.extend(self.offsets(&send.split)?.into_iter().filter(|offset| (1..end).contains(offset)));
        }
        begins.push(end);
        for (index, piece) in begins.windows(2).enumerate() {
            if index > 0 {
                S::between_pieces(self)?;
            }
            let fds: &[String] = if index == send.fds_at { &send.fds } else { &[] };
            self.send_bytes(&send.on, &bytes[piece[0]..piece[1]], fds, validation(send))?;
        }
        if end == bytes.len() { self.show_sent(&send.on, &bytes) } else { Ok(()) }
    }

    fn bytes(&mut self, send: &Send) -> Result<Vec<u8>, Failure> {
        let raw = match (&send.raw, &send.raw_b64) {
            (Some(raw), _) => Some(self.variables.fill_text(raw)?.into_bytes()),
            (None, Some(raw)) => {
                let bytes = BASE64_STANDARD.decode(self.variables.fill_text(raw)?);
                Some(bytes.map_err(|error| Failure::scenario(&format!("`raw_b64`: {error}")))?)
            }
            (None, None) => None,
        };
        if let Some(bytes) = raw {
            self.connection(&send.on)?.note_sent_bytes(&bytes);
            return Ok(bytes);
        }
        let mut bytes = Vec::new();
        for template in send.message.iter().chain(send.lines.iter().flatten()) {
            let line = self.filled(&send.on, template)?;
            // What is cut is a beginning of a line and no line.
            if send.cut.is_none() {
                self.validate_sent(&send.on, &line, validation(send))?;
            }
            bytes.extend(line.to_string().into_bytes());
            bytes.push(b'\n');
        }
        Ok(bytes)
    }

    /// What a template makes now. `$next` numbers are those of the connection.
    pub fn filled(&mut self, name: &str, template: &Template) -> Result<Value, Failure> {
        let mut variables = std::mem::take(&mut self.variables);
        let filled = self
            .connection(name)
            .map(|connection| template.fill(&mut variables, &mut || connection.next_id()));
        self.variables = variables;
        Ok(filled??)
    }

    fn offsets(&self, split: &Split) -> Result<Vec<usize>, Failure> {
        split.0.iter().map(|offset| self.offset(offset)).collect()
    }

    fn offset(&self, offset: &Offset) -> Result<usize, Failure> {
        match offset {
            Offset::Bytes(bytes) => Ok(*bytes),
            Offset::Each => Err(Failure::scenario("`each` is no single offset")),
            Offset::Variable(name) => {
                let value = self.variables.value(name)?;
                let bytes = value.as_u64().and_then(|bytes| usize::try_from(bytes).ok());
                bytes.ok_or_else(|| Failure::scenario(&format!("`${name}` is {value}")))
            }
        }
    }

    /// Closes a connection; whoever made it lives on.
    pub fn close(&mut self, name: &str) -> Result<(), Failure> {
        self.connection(name)?;
        self.trace.remark(Some(name), "closed by the suite");
        self.connections.remove(name);
        Ok(())
    }
}

/// Whether what is sent has to be right. What bytes are nobody knows.
fn validation(send: &Send) -> Validation {
    let is_bytes = send.raw.is_some() || send.raw_b64.is_some();
    if send.judged && !is_bytes { Validation::Required } else { Validation::Waived }
}
