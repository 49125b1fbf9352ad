//! The arbiter's connections: greeting, negotiation, messages in and out.
//!
//! Who speaks is what the kernel says (SO_PEERCRED), never what a message says. Nothing is
//! honoured before the user id was checked.

use std::collections::{BTreeMap, BTreeSet};
use std::os::fd::OwnedFd;
use std::sync::Arc;

use nix::unistd::geteuid;
use serverswap::protocol::Address;
use serverswap::protocol::limits::CONNECTIONS_MAX;
use serverswap::protocol::line::Decoded;
use serverswap::protocol::message::{
    ArbiterInfo, Code, Error, FromArbiter, FromClient, Greeting, Limits, VERSION,
};
use serverswap::sys::channel::{Channel, Fill, ReceiveError};
use serverswap::sys::peer::{credentials, peer_pidfd};
use serverswap::sys::process::{Process, pidfd_open};

use super::negotiation::{Negotiation, Step};
use super::poller::{Interest, Poller, Token};
use super::recorder::{Recorder, Side};
use super::watched::Watched;
use crate::arbiter::{Event, Link};
use crate::sys::descriptors;

/// Most bytes that may wait for a client that does not read.
const QUEUED_BYTES_MAX: usize = 4 << 20;

/// Most reads from one client in a turn, so that nobody keeps the others waiting.
const FILLS_PER_TURN: usize = 16;

/// Every open connection.
pub(super) struct Clients {
    recorder: Recorder,
    next: u64,
    open: BTreeMap<Link, Client>,
    /// Those that have something to send, or are to be closed.
    unsettled: BTreeSet<Link>,
    /// Listeners that came with a `hello` in this turn.
    offered: Vec<(Address, Arc<OwnedFd>)>,
}

struct Client {
    channel: Channel<FromClient, FromArbiter>,
    process: Process,
    negotiation: Negotiation,
    ending: Ending,
    interest: Interest,
}

/// Whether a connection goes on.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Ending {
    /// It does.
    Not,
    /// It is closed when everything was sent.
    AfterSending,
    /// It was told what it did wrong, and that is the last thing that it is told.
    AfterFault,
}

impl Clients {
    /// Nobody yet.
    pub(super) fn new(recorder: Recorder) -> Self {
        Clients { recorder, next: 0, open: BTreeMap::new(), unsettled: BTreeSet::new(), offered: Vec::new() }
    }

    /// Lets a new client in, or tells it why not.
    pub(super) fn greet(&mut self, socket: OwnedFd, watched: &mut Watched, poller: &Poller) {
        let admitted = self.admit(&socket, watched, poller);
        let mut channel = Channel::new(socket).observed(self.recorder.observer(Side::Arbiter));
        let process = match admitted {
            Ok(process) => process,
            Err(Refusal { code, message }) => {
                channel.send(&FromArbiter::Error(Error { re: None, code, message, fatal: true }), Vec::new());
                // One attempt: whoever is not let in gets no buffer of ours.
                let _ = channel.flush();
                return;
            }
        };
        self.next += 1;
        let link = Link(self.next);
        if poller.add(&channel, Token::Client(link)).is_err() {
            return;
        }
        let negotiation = Negotiation::default();
        let client = Client { channel, process, negotiation, ending: Ending::Not, interest: Interest::Read };
        self.open.insert(link, client);
        self.send(link, &FromArbiter::Greeting(greeting()), None);
    }

    fn admit(&self, socket: &OwnedFd, watched: &mut Watched, poller: &Poller) -> Result<Process, Refusal> {
        let peer = credentials(socket).map_err(|error| Refusal::internal(&error))?;
        let user = geteuid().as_raw();
        if peer.uid != user && peer.uid != 0 {
            let message = format!("user {} may not speak to the servers of user {user}", peer.uid);
            return Err(Refusal { code: Code::NotPermitted, message });
        }
        if peer.pid == 0 {
            let message = "this process runs in a pid namespace that the arbiter cannot see".to_owned();
            return Err(Refusal { code: Code::OtherPidNamespace, message });
        }
        if self.open.len() >= CONNECTIONS_MAX {
            let message = format!("{CONNECTIONS_MAX} connections are open");
            return Err(Refusal { code: Code::TooManyConnections, message });
        }
        if descriptors::is_reserved(socket) {
            let message = "the arbiter has no descriptor left for another connection".to_owned();
            return Err(Refusal { code: Code::Exhausted, message });
        }
        let pidfd = match peer_pidfd(socket) {
            Some(pidfd) => pidfd,
            None => pidfd_open(peer.pid).map_err(|error| Refusal::internal(&error))?,
        };
        let process = Process::of(peer.pid).map_err(|error| Refusal::internal(&error))?;
        watched.watch(process, pidfd, poller).map_err(|error| Refusal::internal(&error))?;
        Ok(process)
    }

    pub(super) fn links_of(&self, process: Process) -> Vec<Link> {
        self.open.iter().filter(|(_, client)| client.process == process).map(|(link, _)| *link).collect()
    }

    /// What a client has said, a bounded piece of it.
    pub(super) fn receive(&mut self, link: Link, watched: &Watched, events: &mut Vec<Event>) {
        self.unsettled.insert(link);
        for _ in 0..FILLS_PER_TURN {
            match self.fill(link, watched, events) {
                More::Perhaps => {}
                More::No => return,
            }
        }
    }

    /// Everything that a client has said, to the end.
    pub(super) fn receive_rest(&mut self, link: Link, watched: &Watched, events: &mut Vec<Event>) {
        while self.fill(link, watched, events) == More::Perhaps {}
    }

    fn fill(&mut self, link: Link, watched: &Watched, events: &mut Vec<Event>) -> More {
        let Some(client) = self.open.get_mut(&link) else {
            return More::No;
        };
        if client.ending != Ending::Not {
            return More::No;
        }
        let filled = client.channel.fill().unwrap_or(Fill::End);
        self.decode(link, watched, events);
        match filled {
            Fill::Data => More::Perhaps,
            Fill::WouldBlock => More::No,
            Fill::End => {
                self.close_after_sending(link);
                events.push(Event::Unlinked { link });
                More::No
            }
        }
    }

    fn decode(&mut self, link: Link, watched: &Watched, events: &mut Vec<Event>) {
        while let Some(client) = self.open.get_mut(&link).filter(|client| client.ending == Ending::Not) {
            match client.channel.next() {
                Ok(None) => return,
                Ok(Some(Decoded::Ignored)) => {}
                Ok(Some(Decoded::Unknown { id, kind })) => {
                    let message = format!("version {VERSION} has no message `{kind}`");
                    self.answer(link, Some(id), Code::UnknownType, message, events);
                }
                Ok(Some(Decoded::Message { message, fds })) => {
                    self.step(link, message, fds, watched, events);
                }
                Err(error) => self.refuse(link, &error, events),
            }
        }
    }

    fn step(
        &mut self,
        link: Link,
        message: FromClient,
        fds: Vec<(String, OwnedFd)>,
        watched: &Watched,
        events: &mut Vec<Event>,
    ) {
        let Some(client) = self.open.get_mut(&link) else {
            return;
        };
        let process = client.process;
        let liveness = watched.liveness(process);
        match client.negotiation.take_in(message, fds) {
            Step::Arrived(hello) => {
                let arrival = hello.arrival(link, process, liveness, &mut self.offered);
                events.push(Event::Arrived(arrival));
            }
            Step::Unfinished => {}
            Step::Said(message) => {
                events.push(Event::Said { link, message: *message, liveness });
            }
            Step::Refused { code, message } => self.end(link, code, message, events),
        }
    }

    fn refuse(&mut self, link: Link, error: &ReceiveError, events: &mut Vec<Event>) {
        self.answer(link, error.re(), error.code(), error.to_string(), events);
    }

    /// The error that answers a request; without one, or before the `welcome`, it is about the
    /// connection.
    fn answer(&mut self, link: Link, re: Option<u64>, code: Code, message: String, events: &mut Vec<Event>) {
        let is_negotiated =
            self.open.get(&link).is_some_and(|client| matches!(client.negotiation, Negotiation::Done));
        match (re, is_negotiated, code) {
            (Some(re), true, code) => self.say_error(link, Some(re), code, message),
            (_, false, Code::UnknownType) => self.end(link, Code::NotNegotiated, message, events),
            (_, _, code) => self.end(link, code, message, events),
        }
    }

    fn end(&mut self, link: Link, code: Code, message: String, events: &mut Vec<Event>) {
        self.say_error(link, None, code, message);
        events.push(Event::Unlinked { link });
        if let Some(client) = self.open.get_mut(&link) {
            client.ending = Ending::AfterFault;
        }
    }

    fn say_error(&mut self, link: Link, re: Option<u64>, code: Code, message: String) {
        let fatal = re.is_none();
        self.send(link, &FromArbiter::Error(Error { re, code, message, fatal }), None);
    }

    pub(super) fn send(&mut self, link: Link, message: &FromArbiter, listener: Option<Arc<OwnedFd>>) {
        if let Some(client) = self.open.get_mut(&link).filter(|client| client.ending != Ending::AfterFault) {
            client.channel.send(message, listener.into_iter().collect());
            self.unsettled.insert(link);
        }
    }

    pub(super) fn close_after_sending(&mut self, link: Link) {
        if let Some(client) = self.open.get_mut(&link) {
            if client.ending == Ending::Not {
                client.ending = Ending::AfterSending;
            }
            self.unsettled.insert(link);
        }
    }

    pub(super) fn remove(&mut self, link: Link, poller: &Poller) {
        if let Some(client) = self.open.remove(&link) {
            poller.remove(&client.channel, Token::Client(link));
        }
    }

    pub(super) fn take_offered(&mut self) -> Vec<(Address, Arc<OwnedFd>)> {
        std::mem::take(&mut self.offered)
    }

    /// Sends what can be sent now, and closes what is to be closed. A client that does not
    /// read what it is sent is closed, and returned; it may come back.
    pub(super) fn settle(&mut self, poller: &Poller) -> Vec<Link> {
        let mut unread = Vec::new();
        for link in std::mem::take(&mut self.unsettled) {
            let Some(client) = self.open.get_mut(&link) else {
                continue;
            };
            let sent = client.channel.flush();
            let is_stuck = client.channel.queued_bytes() > QUEUED_BYTES_MAX;
            let is_over = client.ending != Ending::Not && !client.channel.wants_write();
            if is_stuck && client.ending == Ending::Not {
                unread.push(link);
            }
            if is_stuck || is_over {
                self.remove(link, poller);
                continue;
            }
            // After a failed write the rest is still to be read; the end of it comes by itself.
            let waits = sent.is_ok() && client.channel.wants_write();
            let interest = match client.ending {
                Ending::Not if waits => Interest::ReadAndWrite,
                Ending::Not => Interest::Read,
                Ending::AfterSending | Ending::AfterFault => Interest::Write,
            };
            if interest != client.interest {
                client.interest = interest;
                poller.change(&client.channel, Token::Client(link), interest);
            }
        }
        unread
    }
}

/// Whether there may be more to read.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum More {
    Perhaps,
    No,
}

/// Why a client is not let in.
struct Refusal {
    code: Code,
    message: String,
}

impl Refusal {
    fn internal(error: &std::io::Error) -> Self {
        Refusal { code: Code::Exhausted, message: format!("cannot look at the process: {error}") }
    }
}

fn greeting() -> Greeting {
    Greeting {
        versions: vec![VERSION],
        arbiter: ArbiterInfo {
            name: "serverswap".to_owned(),
            version: env!("CARGO_PKG_VERSION").to_owned(),
            pid: std::process::id(),
        },
        capabilities: BTreeMap::new(),
        limits: Limits::V1,
    }
}
