//! `greet`, `send`, `quiet`, `close`, `listener`, `descriptor`: what the suite says as a client.

use std::net::TcpListener;
use std::os::fd::OwnedFd;
use std::os::unix::net::UnixStream;

use base64::Engine;
use base64::prelude::BASE64_STANDARD;
use serde_json::{Value, json};

use super::failure::Failure;
use super::stage::Stage;
use crate::peer::{Heard, Judged};
use crate::scenario::{DescriptorKind, DescriptorStep, ListenerStep, Offset, Send, Split, Template};

impl Stage<'_> {
    /// Expects `greeting`, says `hello` as the server of the puppet's generation, expects `welcome`.
    pub(super) fn greet(&mut self, name: &str) -> Result<(), Failure> {
        self.await_type(name, "greeting")?;
        let generation = self.variables.value(&format!("{name}.generation"))?.clone();
        let id = self.link(name)?.next_id();
        let client = json!({"name": env!("CARGO_PKG_NAME"), "version": env!("CARGO_PKG_VERSION")});
        let hello = json!({
            "type": "hello", "id": id, "version": 1, "client": client, "role": "server", "generation": generation,
        });
        self.say(name, &hello, Judged::Yes)?;
        let welcome = self.await_type(name, "welcome")?.object.unwrap_or_default();
        if welcome["re"] == id && welcome["generation"] == generation && welcome["version"] == 1 {
            return Ok(());
        }
        Err(Failure::Subject(format!("`welcome` answers another `hello`: {welcome}")))
    }

    pub(super) fn await_type(&mut self, name: &str, kind: &str) -> Result<Heard, Failure> {
        let heard = self.await_line(name, &format!("`{kind}` on `{name}`"))?;
        if heard.object.as_ref().is_some_and(|line| line["type"] == kind) {
            return Ok(heard);
        }
        Err(Failure::Subject(format!("`{}` came on `{name}`; `{kind}` was awaited", heard.text)))
    }

    fn await_line(&mut self, name: &str, what: &str) -> Result<Heard, Failure> {
        self.wait(&what, None, &mut |stage| {
            let link = stage.link(name)?;
            while link.peek().is_some_and(is_passing) {
                link.take();
            }
            match (link.take(), link.ended()) {
                (Some(heard), _) => Ok(Some(heard)),
                (None, Some(_)) => {
                    Err(Failure::Subject(format!("the arbiter has ended `{name}`; {what} was awaited")))
                }
                (None, None) => Ok(None),
            }
        })
    }

    /// Nothing more comes: a `ping` is answered with nothing before its `pong`.
    pub(super) fn quiet(&mut self, on: &[String]) -> Result<(), Failure> {
        for name in on {
            self.no_line(name)?;
            let id = self.link(name)?.next_id();
            self.say(name, &json!({"type": "ping", "id": id}), Judged::Yes)?;
            let heard = self.await_line(name, &format!("`pong` for the `ping` {id} on `{name}`"))?;
            if !heard.object.is_some_and(|line| line["type"] == "pong" && line["re"] == id) {
                return Err(unexpected(&heard.text, name));
            }
        }
        on.iter().try_for_each(|name| self.no_line(name))
    }

    fn no_line(&mut self, name: &str) -> Result<(), Failure> {
        let link = self.link(name)?;
        while link.peek().is_some_and(is_passing) {
            link.take();
        }
        match link.peek() {
            Some(heard) => Err(unexpected(&heard.text, name)),
            None => Ok(()),
        }
    }

    pub(super) fn send(&mut self, send: &Send) -> Result<(), Failure> {
        let bytes = self.bytes(send)?;
        let end = match &send.cut {
            Some(cut) => {
                self.offsets(cut, bytes.len())?.first().copied().unwrap_or(bytes.len()).min(bytes.len())
            }
            None => bytes.len(),
        };
        let mut begins = vec![0];
        begins.extend(
            self.offsets(&send.split, bytes.len())?.into_iter().filter(|offset| (1..end).contains(offset)),
        );
        begins.push(end);
        for (index, piece) in begins.windows(2).enumerate() {
            let fds: &[String] = if index == send.fds_at { &send.fds } else { &[] };
            self.send_bytes(&send.on, &bytes[piece[0]..piece[1]], fds)?;
        }
        Ok(())
    }

    fn bytes(&mut self, send: &Send) -> Result<Vec<u8>, Failure> {
        let raw = match (&send.raw, &send.raw_b64) {
            (Some(raw), _) => Some(self.variables.fill_text(raw)?.into_bytes()),
            (None, Some(raw)) => Some(
                BASE64_STANDARD
                    .decode(raw)
                    .map_err(|error| Failure::Suite(format!("the scenario is wrong: `raw_b64`: {error}")))?,
            ),
            (None, None) => None,
        };
        if let Some(bytes) = raw {
            self.link(&send.on)?.say_bytes(&bytes);
            return Ok(bytes);
        }
        let judged = if send.judged && send.cut.is_none() { Judged::Yes } else { Judged::No };
        let mut bytes = Vec::new();
        for template in send.message.iter().chain(send.lines.iter().flatten()) {
            let line = self.filled(&send.on, template)?;
            self.judge(&send.on, &line, judged)?;
            bytes.extend(line.to_string().into_bytes());
            bytes.push(b'\n');
        }
        Ok(bytes)
    }

    /// What a template says now. `$next` numbers are those of the connection.
    fn filled(&mut self, name: &str, template: &Template) -> Result<Value, Failure> {
        let mut variables = std::mem::take(&mut self.variables);
        let filled = self.link(name).map(|link| template.fill(&mut variables, &mut || link.next_id()));
        self.variables = variables;
        Ok(filled??)
    }

    fn offsets(&self, split: &Split, length: usize) -> Result<Vec<usize>, Failure> {
        let mut offsets = Vec::new();
        for offset in &split.0 {
            match offset {
                Offset::Bytes(bytes) => offsets.push(*bytes),
                Offset::Variable(name) => offsets.push(number(self.variables.value(name)?)?),
                Offset::Each => offsets.extend(1..length),
            }
        }
        Ok(offsets)
    }

    /// Closes the connection; the puppet's process lives on.
    pub(super) fn close(&mut self, name: &str) -> Result<(), Failure> {
        self.link(name)?;
        self.trace.remark(Some(name), "closed by the suite");
        self.links.remove(name);
        Ok(())
    }

    /// Holds an address as another program does.
    pub(super) fn listen(&mut self, step: &ListenerStep) -> Result<(), Failure> {
        let at = self.variables.fill_text(&step.at)?;
        let listener = TcpListener::bind(&at).map_err(Failure::io("cannot open a listener"))?;
        let address = listener.local_addr().map_err(Failure::io("cannot look at a listener"))?;
        self.variables.set(format!("{}.address", step.name), address.to_string());
        self.descriptors.insert(step.name.clone(), listener.into());
        Ok(())
    }

    pub(super) fn open(&mut self, step: &DescriptorStep) -> Result<(), Failure> {
        let opened = match step.kind {
            DescriptorKind::Pipe => std::io::pipe().map(|(reader, _)| OwnedFd::from(reader)),
            DescriptorKind::File => tempfile::tempfile().map(OwnedFd::from),
            DescriptorKind::Udp => std::net::UdpSocket::bind("127.0.0.1:0").map(OwnedFd::from),
            DescriptorKind::Stream => UnixStream::pair().map(|(one, _)| OwnedFd::from(one)),
            DescriptorKind::Listener => TcpListener::bind("127.0.0.1:0").map(OwnedFd::from),
        };
        let opened = opened.map_err(Failure::io("cannot open a descriptor"))?;
        self.descriptors.insert(step.name.clone(), opened);
        Ok(())
    }
}

fn number(value: &Value) -> Result<usize, Failure> {
    let bytes = value.as_u64().and_then(|bytes| usize::try_from(bytes).ok());
    bytes.ok_or_else(|| Failure::Suite(format!("the scenario is wrong: {value} is no offset")))
}

/// Whether a line tells of no outcome: an arbiter may say it or not.
pub(super) fn is_passing(heard: &Heard) -> bool {
    heard.object.as_ref().is_some_and(|line| line["type"] == "progress")
}

fn unexpected(text: &str, name: &str) -> Failure {
    Failure::Subject(format!("`{text}` came on `{name}`, and nothing was to come"))
}
