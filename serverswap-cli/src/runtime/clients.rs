//! The arbiter's connections: who is admitted, what is sent, and when one is closed.
//!
//! The peer is the process that the kernel names (SO_PEERPIDFD, SO_PEERCRED), never one that a
//! message names. Nothing is honoured before its user id was checked; what another user may is in [`admission`](super::admission).

use std::collections::{BTreeMap, BTreeSet};
use std::io;
use std::os::fd::OwnedFd;
use std::rc::Rc;
use std::sync::Arc;

use nix::unistd::geteuid;
use serverswap::protocol::limits::CONNECTIONS_MAX;
use serverswap::protocol::message::{
    ArbiterInfo, Code, Error, FromArbiter, FromClient, Greeting, LISTENER, Limits, Role, Serving,
    UnixSockets, VERSION,
};
use serverswap::protocol::{Address, Generation};
use serverswap::sys::channel::Channel;
use serverswap::sys::listener::is_listener_of;
use serverswap::sys::peer::{credentials, peer_pidfd};
use serverswap::sys::process::{self, Process, is_gone, pidfd_open};
use tokio::net::UnixStream;
use tokio::sync::mpsc;

use super::admission::{AllowedProcess, Rights};
use super::arbiter::ArbiterInput;
use super::connection::{ClientConnection, ReceivedItem};
use super::process_table::ProcessTable;
use super::stand_ins;
use super::task::Task;
use super::trace::{Side, TraceWriter};
use crate::arbiter::{Arbiter, ArbiterEvent, ConnectionId, Speaker, capabilities};
use crate::sys::descriptors;

/// Most bytes that may wait for a client that does not read.
const QUEUED_BYTES_MAX: usize = 4 << 20;

/// What became of a new connection.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Admission {
    Greeted,
    Refused(Code),
}

/// Most generations of allowed users of which it is known who has started them; the oldest are forgotten first.
const USERS_MAX: usize = 65_536;

/// Every open connection.
pub(super) struct Clients {
    trace: TraceWriter,
    inbox: mpsc::Sender<ArbiterInput>,
    next: u64,
    clients: BTreeMap<ConnectionId, ConnectedClient>,
    /// The connections with something to send, or to be closed.
    dirty: BTreeSet<ConnectionId>,
    /// The users whom a holder lets take part, by the generations that they have started.
    users: BTreeMap<Generation, u32>,
    /// Listeners that came with a `hello` in this turn.
    offered: Vec<(Address, Arc<OwnedFd>)>,
}

struct ConnectedClient {
    connection: Rc<ClientConnection>,
    process: Process,
    /// What its `hello` says.
    unix_sockets: Option<UnixSockets>,
    rights: Rights,
    state: ConnectionStatus,
    task: Task,
}

/// Whether a connection goes on.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum ConnectionStatus {
    Open,
    /// It is closed when everything was sent.
    Closing,
    /// As [`ConnectionStatus::Closing`], and the fatal error is the last message that is sent.
    Faulted,
}

impl Clients {
    pub(super) fn new(trace: TraceWriter, inbox: mpsc::Sender<ArbiterInput>) -> Self {
        Clients {
            trace,
            inbox,
            next: 0,
            clients: BTreeMap::new(),
            dirty: BTreeSet::new(),
            users: BTreeMap::new(),
            offered: Vec::new(),
        }
    }

    /// Greets a new client, or sends it the reason why it is refused.
    pub(super) fn greet(
        &mut self,
        stream: UnixStream,
        processes: &mut ProcessTable,
        core: &Arbiter,
        is_allowed: impl Fn(u32) -> bool,
    ) -> Admission {
        let admitted = self.admit(&stream, processes, core, is_allowed);
        let peer = admitted.as_ref().ok().map(|(process, _)| *process);
        let observer = self.trace.observer(Side::Arbiter, peer);
        let (process, rights) = match admitted {
            Ok(admitted) => admitted,
            Err(AdmissionRefusal { code, message }) => {
                let refused = Admission::Refused(code.clone());
                let mut channel = Channel::<FromClient, FromArbiter, _>::new(stream).observed(observer);
                channel.send(&FromArbiter::Error(Error { re: None, code, message, fatal: true }), Vec::new());
                // One attempt: nothing is kept for a client that is not admitted.
                let _ = channel.flush();
                return refused;
            }
        };
        self.next += 1;
        let link = ConnectionId(self.next);
        let connection = Rc::new(ClientConnection::new(stream, observer));
        let task = Task::spawn(Rc::clone(&connection).run(link, self.inbox.clone()));
        let state = ConnectionStatus::Open;
        let client = ConnectedClient { connection, process, rights, unix_sockets: None, state, task };
        self.clients.insert(link, client);
        self.send(link, &FromArbiter::Greeting(greeting()), None);
        Admission::Greeted
    }

    fn admit(
        &self,
        stream: &UnixStream,
        processes: &mut ProcessTable,
        core: &Arbiter,
        is_allowed: impl Fn(u32) -> bool,
    ) -> Result<(Process, Rights), AdmissionRefusal> {
        let peer = credentials(stream).map_err(|error| AdmissionRefusal::internal(&error))?;
        let user = geteuid().as_raw();
        let is_other_user = peer.uid != user && peer.uid != 0;
        if is_other_user && user != 0 {
            return Err(AdmissionRefusal::stranger(peer.uid, user));
        }
        if peer.pid == 0 {
            let message = "this process runs in a pid namespace that the arbiter cannot see".to_owned();
            return Err(AdmissionRefusal { code: Code::OtherPidNamespace, message });
        }
        if self.clients.len() >= CONNECTIONS_MAX {
            let message = format!("{CONNECTIONS_MAX} connections are open");
            return Err(AdmissionRefusal { code: Code::TooManyConnections, message });
        }
        if descriptors::is_reserved(stream) {
            let message = "the arbiter has no descriptor left for another connection".to_owned();
            return Err(AdmissionRefusal { code: Code::Exhausted, message });
        }
        let identified = identify(stream, peer.pid);
        let (process, pidfd) = identified.map_err(|error| AdmissionRefusal::internal(&error))?;
        let rights = if is_other_user && is_allowed(peer.uid) {
            let allowed = AllowedProcess::look(process, peer.uid, core);
            Rights::Allowed(allowed.map_err(|error| AdmissionRefusal::internal(&error))?)
        } else if is_other_user {
            let rights = Rights::of_other_user(process, core);
            rights.ok_or_else(|| AdmissionRefusal::stranger(peer.uid, user))?
        } else {
            Rights::Everything
        };
        processes.watch(process, pidfd).map_err(|error| AdmissionRefusal::internal(&error))?;
        Ok((process, rights))
    }

    /// The process of a connection that is still open.
    pub(super) fn process_of(&self, link: ConnectionId) -> Option<Process> {
        self.clients
            .get(&link)
            .filter(|client| client.state == ConnectionStatus::Open)
            .map(|client| client.process)
    }

    /// The rights that a supervisor wants Unix sockets to have.
    pub(super) fn unix_sockets_of(&self, link: ConnectionId) -> Option<UnixSockets> {
        self.clients.get(&link)?.unix_sockets
    }

    /// Whether nothing more can come from the process; what it has sent is read first.
    pub(super) fn read_the_rest_of(&self, process: Process) -> bool {
        let open = self.clients.values().filter(|client| client.process == process);
        let mut open = open.filter(|client| client.state == ConnectionStatus::Open).peekable();
        let is_all_read = open.peek().is_none();
        open.for_each(|client| client.connection.read_the_rest());
        is_all_read
    }

    /// The process has exited, and everything that it sent was handled.
    pub(super) fn remove_all_of(&mut self, process: Process) {
        self.clients.retain(|_, client| client.process != process);
    }

    /// What an item that was received means to the core; what the core need not know is answered
    /// here.
    pub(super) fn event(
        &mut self,
        link: ConnectionId,
        received: ReceivedItem,
        processes: &mut ProcessTable,
        core: &Arbiter,
    ) -> Option<ArbiterEvent> {
        let process = self.process_of(link)?;
        let permitted = self.permitted(link, process, received, core)?;
        let permitted = self.spoken_for(link, process, permitted, processes, core);
        let process = self.process_of(link)?;
        let liveness = processes.liveness(process);
        match permitted {
            ReceivedItem::Hello(hello) => {
                if let Some(client) = self.clients.get_mut(&link) {
                    client.unix_sockets = hello.unix_sockets();
                }
                Some(ArbiterEvent::Hello(hello.arrival(link, process, liveness, &mut self.offered)))
            }
            ReceivedItem::Message(message, fds) => match self.offer(&message, fds) {
                Ok(()) => Some(ArbiterEvent::Received { link, message: *message, liveness }),
                Err(message) => self.fault(link, Code::InvalidMessage, message),
            },
            ReceivedItem::BadRequest { re, code, message } => {
                self.send_error(link, Some(re), code, message);
                None
            }
            ReceivedItem::Fault { code, message } => self.fault(link, code, message),
            ReceivedItem::End => {
                self.close(link, ConnectionStatus::Closing);
                Some(ArbiterEvent::Disconnected { link })
            }
        }
    }

    /// What the client has no right to is refused, and becomes what it would be without.
    fn permitted(
        &mut self,
        link: ConnectionId,
        process: Process,
        received: ReceivedItem,
        core: &Arbiter,
    ) -> Option<ReceivedItem> {
        let rights = self.clients.get(&link)?.rights;
        let code = Code::NotPermitted;
        Some(match received {
            ReceivedItem::Hello(hello) => {
                match rights.objection_to_hello(hello.hello(), |address| core.has(process, address)) {
                    Some(message) => ReceivedItem::Fault { code, message },
                    None => {
                        if let (Rights::Allowed(process), Role::Supervisor, Some(generation)) =
                            (rights, hello.hello().role, hello.hello().generation)
                        {
                            self.users.insert(generation, process.user);
                            if self.users.len() > USERS_MAX {
                                self.users.pop_first();
                            }
                        }
                        ReceivedItem::Hello(hello)
                    }
                }
            }
            ReceivedItem::Message(message, fds) => match rights.objection_to_claim(&message) {
                Some((re, message)) => ReceivedItem::BadRequest { re, code, message },
                None => ReceivedItem::Message(message, fds),
            },
            ReceivedItem::BadRequest { .. } | ReceivedItem::Fault { .. } | ReceivedItem::End => received,
        })
    }

    /// The process of a stand-in's connection is the one that it speaks for.
    fn spoken_for(
        &mut self,
        link: ConnectionId,
        peer: Process,
        received: ReceivedItem,
        processes: &mut ProcessTable,
        core: &Arbiter,
    ) -> ReceivedItem {
        let ReceivedItem::Hello(hello) = received else {
            return received;
        };
        let code = Code::NotPermitted;
        let rights = self.clients.get(&link).map(|client| client.rights);
        match (hello.hello().stand_in, hello.hello().generation) {
            (Some(stand_in), Some(generation)) => {
                let watched =
                    stand_ins::identify(peer, stand_in, generation, core).and_then(|(process, pidfd)| {
                        if let Some(Rights::Allowed(allowed)) = rights
                            && process::user(process.pid).ok() != Some(allowed.user)
                        {
                            return Err(format!("pid {} runs as another user", stand_in.pid));
                        }
                        processes.watch(process, pidfd).map_err(|error| error.to_string())?;
                        Ok(process)
                    });
                match (watched, self.clients.get_mut(&link)) {
                    (Ok(process), Some(client)) => client.process = process,
                    (Err(message), _) => return ReceivedItem::Fault { code, message },
                    (Ok(_), None) => {}
                }
            }
            (None, _)
                if hello.hello().role == Role::Server
                    && matches!(core.connected_speaker(peer), Some(Speaker::StandIn(_))) =>
            {
                let message = format!("the supervisor of pid {} is connected as its stand-in", peer.pid);
                return ReceivedItem::Fault { code, message };
            }
            (Some(_), None) | (None, _) => {}
        }
        ReceivedItem::Hello(hello)
    }

    /// The user who has started a generation, if it is one whom a holder lets take part.
    pub(super) fn user_of(&self, generation: Generation) -> Option<u32> {
        self.users.get(&generation).copied()
    }

    /// The listener of `serving` is at hand if the core asks for it.
    fn offer(&mut self, message: &FromClient, fds: Vec<(String, OwnedFd)>) -> Result<(), String> {
        let FromClient::Serving(Serving { address, .. }) = message else {
            return Ok(());
        };
        for (name, fd) in fds {
            if name != LISTENER || !is_listener_of(&fd, address) {
                return Err(format!("the descriptor `{name}` is not the listener of `{address}`"));
            }
            self.offered.push((address.clone(), Arc::new(fd)));
        }
        Ok(())
    }

    fn fault(&mut self, link: ConnectionId, code: Code, message: String) -> Option<ArbiterEvent> {
        self.send_error(link, None, code, message);
        self.close(link, ConnectionStatus::Faulted);
        Some(ArbiterEvent::Disconnected { link })
    }

    fn send_error(&mut self, link: ConnectionId, re: Option<u64>, code: Code, message: String) {
        let fatal = re.is_none();
        self.send(link, &FromArbiter::Error(Error { re, code, message, fatal }), None);
    }

    pub(super) fn send(&mut self, link: ConnectionId, message: &FromArbiter, listener: Option<Arc<OwnedFd>>) {
        if let Some(client) =
            self.clients.get(&link).filter(|client| client.state != ConnectionStatus::Faulted)
        {
            client.connection.send(message, listener);
            self.dirty.insert(link);
        }
    }

    pub(super) fn close_after_sending(&mut self, link: ConnectionId) {
        if self.process_of(link).is_some() {
            self.close(link, ConnectionStatus::Closing);
        }
    }

    fn close(&mut self, link: ConnectionId, state: ConnectionStatus) {
        if let Some(client) = self.clients.get_mut(&link) {
            client.state = state;
            client.connection.stop_reading();
            self.dirty.insert(link);
        }
    }

    /// The connection's task has sent what was left.
    pub(super) fn sent(&mut self, link: ConnectionId) {
        self.dirty.insert(link);
    }

    pub(super) fn take_offered(&mut self) -> Vec<(Address, Arc<OwnedFd>)> {
        std::mem::take(&mut self.offered)
    }

    /// Closes every connection; what could not be sent is not sent any more.
    pub(super) async fn close_all(self) {
        for client in self.clients.into_values() {
            client.task.end().await;
        }
    }

    /// Sends what can be sent now, and closes what is to be closed. A client that does not
    /// read what it is sent is closed, and returned; it may connect again.
    pub(super) fn flush(&mut self) -> Vec<ConnectionId> {
        let mut unread = Vec::new();
        for link in std::mem::take(&mut self.dirty) {
            let Some(client) = self.clients.get(&link) else {
                continue;
            };
            client.connection.flush();
            let (state, queued) = (client.state, client.connection.queued_bytes());
            let is_stuck = queued > QUEUED_BYTES_MAX;
            if is_stuck && state == ConnectionStatus::Open {
                unread.push(link);
            }
            if is_stuck || (state != ConnectionStatus::Open && queued == 0) {
                self.clients.remove(&link);
            }
        }
        unread
    }
}

/// The peer and its pidfd. A start time that is read by number belongs to the process of the
/// pidfd only if that one has not exited meanwhile: otherwise the number may be another's by now.
fn identify(stream: &UnixStream, pid: u32) -> io::Result<(Process, OwnedFd)> {
    let pidfd = match peer_pidfd(stream) {
        Some(pidfd) => pidfd,
        None => pidfd_open(pid)?,
    };
    let process = Process::of(pid)?;
    if is_gone(&pidfd)? {
        return Err(io::Error::other("it has exited"));
    }
    Ok((process, pidfd))
}

/// Why a client is not admitted.
struct AdmissionRefusal {
    code: Code,
    message: String,
}

impl AdmissionRefusal {
    fn stranger(peer: u32, user: u32) -> Self {
        let message = format!("user {peer} may not speak to the servers of user {user}");
        AdmissionRefusal { code: Code::NotPermitted, message }
    }

    fn internal(error: &io::Error) -> Self {
        AdmissionRefusal { code: Code::Exhausted, message: format!("cannot look at the process: {error}") }
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
        capabilities: capabilities(),
        limits: Limits::V1,
    }
}
