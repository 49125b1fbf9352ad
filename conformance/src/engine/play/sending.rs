//! `send`, and the ways in which the suite ends a connection.

use std::os::fd::AsFd;

use base64::Engine;
use base64::prelude::BASE64_STANDARD;
use serde_json::{Value, json};

use crate::engine::failure::Failure;
use crate::engine::stage::Stage;
use crate::peer::{Judged, ready};
use crate::scenario::{Offset, Send, Split, Template};

impl Stage {
    pub(super) fn send(&mut self, send: &Send) -> Result<(), Failure> {
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
                // So that each piece is read by itself.
                self.read_by_driver()?;
            }
            let fds: &[String] = if index == send.fds_at { &send.fds } else { &[] };
            self.send_bytes(&send.on, &bytes[piece[0]..piece[1]], fds)?;
        }
        if end == bytes.len() { self.sent(&send.on, &bytes) } else { Ok(()) }
    }

    /// Everything that was sent has been read; a process that stands still or is gone reads nothing.
    fn read_by_driver(&mut self) -> Result<(), Failure> {
        let reads = self.driver.as_ref().is_some_and(|driver| !driver.stopped && driver.exited().is_none());
        if reads { self.sync() } else { Ok(()) }
    }

    fn bytes(&mut self, send: &Send) -> Result<Vec<u8>, Failure> {
        if let Some(raw) = &send.raw {
            let bytes = self.variables.fill_text(raw)?.into_bytes();
            self.link(&send.on)?.say_bytes(&bytes);
            return Ok(bytes);
        }
        if let Some(raw) = &send.raw_b64 {
            let bytes = BASE64_STANDARD.decode(self.variables.fill_text(raw)?);
            let bytes = bytes
                .map_err(|error| Failure::Suite(format!("the scenario is wrong: `raw_b64`: {error}")))?;
            self.link(&send.on)?.say_bytes(&bytes);
            return Ok(bytes);
        }
        let judged = if send.judged { Judged::Yes } else { Judged::No };
        let mut bytes = Vec::new();
        for template in send.message.iter().chain(send.lines.iter().flatten()) {
            let line = self.filled(&send.on, template)?;
            // What is cut is a beginning of a line and no line.
            if send.cut.is_none() {
                self.judge(&send.on, &line, judged)?;
            }
            bytes.extend(line.to_string().into_bytes());
            bytes.push(b'\n');
        }
        Ok(bytes)
    }

    /// What a template says now. `$next` numbers are those of the connection.
    pub(super) fn filled(&mut self, name: &str, template: &Template) -> Result<Value, Failure> {
        let mut variables = std::mem::take(&mut self.variables);
        let filled = self.link(name).map(|link| template.fill(&mut variables, &mut || link.next_id()));
        self.variables = variables;
        Ok(filled??)
    }

    fn offsets(&self, split: &Split) -> Result<Vec<usize>, Failure> {
        split.0.iter().map(|offset| self.offset(offset)).collect()
    }

    fn offset(&self, offset: &Offset) -> Result<usize, Failure> {
        match offset {
            Offset::Bytes(bytes) => Ok(*bytes),
            Offset::Each => {
                Err(Failure::Suite("the scenario is wrong: `each` is no single offset".to_owned()))
            }
            Offset::Variable(name) => {
                let value = self.variables.value(name)?;
                let bytes = value.as_u64().and_then(|bytes| usize::try_from(bytes).ok());
                bytes.ok_or_else(|| Failure::Suite(format!("the scenario is wrong: `${name}` is {value}")))
            }
        }
    }

    pub(super) fn close(&mut self, name: &str) -> Result<(), Failure> {
        self.link(name)?;
        self.trace.remark(Some(name), "closed by the suite");
        self.links.remove(name);
        Ok(())
    }

    /// Closes a connection on which something was not read: the kernel then tells the other side
    /// that it was reset. After half a line of ours nothing can be asked: what was not read has to
    /// be there.
    pub(super) fn reset(&mut self, name: &str) -> Result<(), Failure> {
        let link = self.link(name)?;
        link.stall(true);
        let asks = link.is_open() && !link.mid_line;
        if asks {
            let id = self.link(name)?.next_id();
            self.send_line(name, &json!({"type": "ping", "id": id}), Judged::No)?;
        }
        let deadline = self.budget.deadline(None);
        let readable = ready(&[self.link(name)?.as_fd()], deadline).map_err(Failure::io("cannot wait"))?;
        if readable != [true] {
            return Err(if asks {
                Failure::Client(format!("`pong` on `{name}` was awaited and did not come"))
            } else {
                Failure::Suite("the scenario is wrong: `reset` after half a line needs unread data; `stall` before the client speaks".to_owned())
            });
        }
        self.trace.remark(Some(name), "closed by the suite, with unread data");
        self.links.remove(name);
        Ok(())
    }
}
