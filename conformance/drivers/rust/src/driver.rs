//! The loop: wait for a command, the library, or a user, and do what it wants.

use std::collections::BTreeMap;
use std::fs::File;
use std::io::{self, Read};
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};

use nix::poll::{PollFd, PollFlags, PollTimeout, poll};
use serde_json::{Value, json};
use serverswap::{Address, Connection, Event};

use crate::answer::Refused;
use crate::output::say;
use crate::service::Service;

/// Everything that the driver has.
#[derive(Debug)]
pub(crate) struct Driver {
    input: File,
    buffer: Vec<u8>,
    pub connection: Option<Connection>,
    /// The `op` of the newest claim of each address.
    pub claims: BTreeMap<Address, String>,
    /// The addresses that were granted, with a listener if one came.
    pub granted: BTreeMap<Address, Option<OwnedFd>>,
    pub services: BTreeMap<Address, Service>,
}

impl Driver {
    pub fn new() -> io::Result<Driver> {
        Ok(Driver {
            input: File::from(io::stdin().as_fd().try_clone_to_owned()?),
            buffer: Vec::new(),
            connection: None,
            claims: BTreeMap::new(),
            granted: BTreeMap::new(),
            services: BTreeMap::new(),
        })
    }

    /// Until the end of standard input.
    pub fn run(&mut self) -> io::Result<()> {
        loop {
            let readable = self.wait()?;
            self.process()?;
            if readable && !self.read_commands()? {
                return Ok(());
            }
        }
    }

    /// Waits for anything. Whether it is a command.
    fn wait(&self) -> io::Result<bool> {
        let users = self.services.values().filter(|service| service.accepts()).map(AsFd::as_fd);
        let library = self.connection.iter().map(AsFd::as_fd);
        let fds: Vec<BorrowedFd<'_>> = [self.input.as_fd()].into_iter().chain(library).chain(users).collect();
        let mut polled: Vec<PollFd<'_>> = fds.iter().map(|fd| PollFd::new(*fd, PollFlags::POLLIN)).collect();
        match poll(&mut polled, PollTimeout::NONE) {
            Ok(_) => Ok(polled[0].any().unwrap_or(true)),
            Err(nix::errno::Errno::EINTR) => Ok(false),
            Err(error) => Err(error.into()),
        }
    }

    /// Everything that the library and the users want at this moment.
    pub fn process(&mut self) -> io::Result<()> {
        if let Some(connection) = &mut self.connection {
            connection.process()?;
        }
        self.tell();
        for service in self.services.values_mut().filter(|service| service.accepts()) {
            match service.accept() {
                Ok(Some(op)) => say(&json!({"event": "accepted", "op": op})),
                Ok(None) => {}
                Err(error) => say(&json!({"event": "warning", "code": error.kind().to_string()})),
            }
        }
        Ok(())
    }

    /// Writes every event that there is.
    pub fn tell(&mut self) {
        while let Some(event) = self.connection.as_mut().and_then(Connection::next_event) {
            let line = self.event(event);
            say(&line);
        }
    }

    fn event(&mut self, event: Event) -> Value {
        let op = |address: &Address| self.claims.get(address).cloned().unwrap_or_default();
        match event {
            Event::Granted { address, listener } => {
                let line = json!({
                    "event": "granted", "op": op(&address), "address": address, "listener": listener.is_some(),
                });
                self.granted.insert(address, listener);
                line
            }
            Event::Refused { address, error } => json!({
                "event": "refused", "op": op(&address), "address": address,
                "code": error.code.to_string(), "message": error.message,
            }),
            Event::Waiting { address, waiting_for: Some(waiting_for) } => {
                json!({"event": "waiting", "op": op(&address), "waitingFor": waiting_for})
            }
            Event::Waiting { address, waiting_for: None } => json!({"event": "waiting", "op": op(&address)}),
            Event::Takedown { address, reason, drain, .. } => json!({
                "event": "takedown", "address": address, "reason": reason,
                "drainMs": u64::try_from(drain.as_millis()).unwrap_or(u64::MAX),
            }),
            Event::Error { code, message } => {
                eprintln!("{code}: {message}");
                json!({"event": "lost", "code": code.to_string()})
            }
        }
    }

    /// Does what has arrived on standard input. False at its end.
    fn read_commands(&mut self) -> io::Result<bool> {
        let mut chunk = [0; 16 * 1024];
        let length = self.input.read(&mut chunk)?;
        self.buffer.extend_from_slice(&chunk[..length]);
        while let Some(end) = self.buffer.iter().position(|byte| *byte == b'\n') {
            let line: Vec<u8> = self.buffer.drain(..=end).collect();
            self.do_line(&line);
        }
        Ok(length > 0)
    }

    fn do_line(&mut self, line: &[u8]) {
        let Ok(command) = serde_json::from_slice::<Value>(line) else {
            eprintln!("no JSON: {}", String::from_utf8_lossy(line));
            return;
        };
        let seq = command["seq"].as_u64().unwrap_or_default();
        let done = self.command(&command, seq);
        match done {
            Ok(mut reply) => {
                reply["seq"] = json!(seq);
                reply["ok"] = json!(true);
                say(&reply);
            }
            Err(refused) => say(&refused.reply(seq)),
        }
        // What a word brought about at once comes after its reply.
        self.tell();
    }

    /// The client.
    pub fn connection(&mut self) -> Result<&mut Connection, Refused> {
        self.connection.as_mut().ok_or(Refused::Command("`connect` comes first"))
    }
}
