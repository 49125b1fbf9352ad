//! One client's connection: a task that reads, decodes and negotiates, and sends what the socket
//! did not take at once.
//!
//! It decides nothing: what it reads goes to the arbiter's task, in order. Rules:
//! - At most [`READS_AHEAD_MAX`] reads of one client wait for the arbiter. A client that sends
//!   faster is not read from, so it delays nobody, and costs no more memory than that.
//! - A client that pings without pause is read from at [`PINGS_AT_ONCE`] pings and a ping every [`PING_PAUSE`]:
//!   what costs its sender nothing is not to cost all others the processor.
//! - Everything that a process sent is read before its connection counts as ended, also where
//!   another process holds the socket open: after the process has exited, the connection is read
//!   until nothing is left, and not until its end.

use std::cell::{Cell, RefCell};
use std::future::pending;
use std::io;
use std::os::fd::OwnedFd;
use std::rc::Rc;
use std::sync::Arc;
use std::time::Duration;

use serverswap::protocol::line::Decoded;
use serverswap::protocol::message::{Code, FromArbiter, FromClient, VERSION};
use serverswap::sys::channel::{Channel, Fill, LineObserver, ReceiveError};
use tokio::io::Interest;
use tokio::net::UnixStream;
use tokio::sync::{Notify, OwnedSemaphorePermit, Semaphore, mpsc};
use tokio::time::{Instant, sleep_until};

use super::arbiter::ArbiterInput;
use super::negotiation::{CompleteHello, Negotiation, NegotiationStep};
use crate::arbiter::ConnectionId;

/// Most reads, of 16 KiB each, of one client that the arbiter has not handled yet: what one client
/// may add to a turn.
const READS_AHEAD_MAX: usize = 1;

/// Most pings of one client that are answered without a pause, but for those of one read; clients of ours ping when a
/// request has waited for seconds.
const PINGS_AT_ONCE: u32 = 256;

/// How long one more ping delays the next read.
const PING_PAUSE: Duration = Duration::from_micros(50);

/// How long a client may take from the greeting to the end of its `hello`. A client is stopped or stuck
/// that needs longer; it connects again when it goes on.
const HELLO_WAIT: Duration = Duration::from_secs(30);

/// A connection, shared by its task and the arbiter's.
pub(super) struct ClientConnection {
    stream: Rc<UnixStream>,
    channel: RefCell<Channel<FromClient, FromArbiter, Rc<UnixStream>>>,
    flow: Cell<Flow>,
    /// When all pings so far would have been answered, at one every [`PING_PAUSE`].
    pings_until: Cell<Instant>,
    /// The arbiter has queued something or changed the flow.
    changed: Notify,
}

/// What is still read from a connection.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Flow {
    /// Everything.
    Reading,
    /// What is there now: the process has exited.
    ReadingTheRest,
    /// Nothing more; it is closed when everything was sent.
    Sending,
}

/// What a client has sent.
pub(super) enum ReceivedItem {
    /// A complete `hello`.
    Hello(Box<CompleteHello>),
    /// A message of a negotiated client, and the descriptors that came with it.
    Message(Box<FromClient>, Vec<(String, OwnedFd)>),
    /// A request that cannot be granted whatever the state is; the connection goes on.
    BadRequest { re: u64, code: Code, message: String },
    /// Something after which the connection cannot go on.
    Fault { code: Code, message: String },
    /// Everything was read.
    End,
}

/// A read that the arbiter has not handled yet; dropped when it has.
pub(super) type ReadAhead = Rc<OwnedSemaphorePermit>;

impl ClientConnection {
    pub(super) fn new(stream: UnixStream, observer: Option<Box<dyn LineObserver>>) -> Self {
        let stream = Rc::new(stream);
        let channel = RefCell::new(Channel::new(Rc::clone(&stream)).observed(observer));
        let (flow, pings_until) = (Cell::new(Flow::Reading), Cell::new(Instant::now()));
        ClientConnection { stream, channel, flow, pings_until, changed: Notify::new() }
    }

    pub(super) fn send(&self, message: &FromArbiter, listener: Option<Arc<OwnedFd>>) {
        self.channel.borrow_mut().send(message, listener.into_iter().collect());
    }

    /// Sends what can be sent now; the task sends the rest.
    pub(super) fn flush(&self) {
        let mut channel = self.channel.borrow_mut();
        // After a failed write the rest is still to be read; the end of it comes by itself.
        let _ = channel.flush();
        if channel.wants_write() {
            self.changed.notify_one();
        }
    }

    /// Bytes that wait for the client to read.
    pub(super) fn queued_bytes(&self) -> usize {
        self.channel.borrow().queued_bytes()
    }

    /// Nothing more is read.
    pub(super) fn stop_reading(&self) {
        self.flow.set(Flow::Sending);
        self.changed.notify_one();
    }

    /// The process has exited: [`ReceivedItem::End`] comes after what is there.
    pub(super) fn read_the_rest(&self) {
        if self.flow.get() == Flow::Reading {
            self.flow.set(Flow::ReadingTheRest);
            self.changed.notify_one();
        }
    }

    /// The connection's task, for as long as the arbiter keeps it.
    pub(super) async fn run(self: Rc<Self>, link: ConnectionId, inbox: mpsc::Sender<ArbiterInput>) {
        let ahead = Arc::new(Semaphore::new(READS_AHEAD_MAX));
        let (mut negotiation, hello_by) = (Negotiation::default(), Instant::now() + HELLO_WAIT);
        loop {
            let is_silent = !negotiation.is_done() && self.flow.get() == Flow::Reading;
            let input = tokio::select! {
                read_ahead = self.readable(&ahead) => {
                    let received = self.receive(&mut negotiation);
                    if received.is_empty() {
                        continue;
                    }
                    self.count_pings(&received);
                    ArbiterInput::Received { link, received, read_ahead }
                }
                () = self.writable() => {
                    self.flush_until_full();
                    if self.flow.get() != Flow::Sending || self.queued_bytes() > 0 {
                        continue;
                    }
                    ArbiterInput::Sent { link }
                }
                () = self.changed.notified() => continue,
                () = sleep_until(hello_by), if is_silent => {
                    self.flow.set(Flow::Sending);
                    let message = format!("no complete `hello` within {} s", HELLO_WAIT.as_secs());
                    let received = vec![ReceivedItem::Fault { code: Code::NotNegotiated, message }];
                    ArbiterInput::Received { link, received, read_ahead: None }
                }
            };
            if inbox.send(input).await.is_err() {
                return;
            }
        }
    }

    /// Waits until there is something to read, the arbiter is not too far behind, and the client is not ahead with pings.
    async fn readable(&self, ahead: &Arc<Semaphore>) -> Option<ReadAhead> {
        match self.flow.get() {
            Flow::Reading => {
                sleep_until(self.pings_until.get() - PINGS_AT_ONCE * PING_PAUSE).await;
                let permit = Arc::clone(ahead).acquire_owned().await.expect("it is never closed");
                // A failure is found again by the read.
                let _ = self.stream.readable().await;
                Some(Rc::new(permit))
            }
            Flow::ReadingTheRest => None,
            Flow::Sending => pending().await,
        }
    }

    fn count_pings(&self, received: &[ReceivedItem]) {
        let is_ping = |one: &&ReceivedItem| matches!(one, ReceivedItem::Message(message, _) if matches!(**message, FromClient::Ping(_)));
        let pings = u32::try_from(received.iter().filter(is_ping).count()).unwrap_or(u32::MAX);
        self.pings_until.set(self.pings_until.get().max(Instant::now()) + PING_PAUSE.saturating_mul(pings));
    }

    async fn writable(&self) {
        if self.queued_bytes() == 0 {
            pending::<()>().await;
        }
        // A failure is found again by the write.
        let _ = self.stream.writable().await;
    }

    fn flush_until_full(&self) {
        let _ = self.stream.try_io(Interest::WRITABLE, || {
            let mut channel = self.channel.borrow_mut();
            channel.flush()?;
            if channel.wants_write() { Err(io::ErrorKind::WouldBlock.into()) } else { Ok(()) }
        });
    }

    /// One read; everything that there is, if the process has exited.
    fn receive(&self, negotiation: &mut Negotiation) -> Vec<ReceivedItem> {
        let mut received = Vec::new();
        loop {
            let filled = self.fill();
            self.decode(negotiation, &mut received);
            let is_over = match (filled, self.flow.get()) {
                (Fill::Data, Flow::Reading) | (Fill::WouldBlock, Flow::Reading) => return received,
                (Fill::Data, Flow::ReadingTheRest) => false,
                (Fill::WouldBlock, Flow::ReadingTheRest) | (Fill::End, _) => true,
                // A fault ends it, and nothing comes after that.
                (Fill::Data | Fill::WouldBlock, Flow::Sending) => return received,
            };
            if is_over {
                if self.flow.replace(Flow::Sending) != Flow::Sending {
                    received.push(ReceivedItem::End);
                }
                return received;
            }
        }
    }

    fn fill(&self) -> Fill {
        let read = || match self.channel.borrow_mut().fill()? {
            Fill::WouldBlock => Err(io::ErrorKind::WouldBlock.into()),
            filled @ (Fill::Data | Fill::End) => Ok(filled),
        };
        let read = match self.flow.get() {
            Flow::Reading => self.stream.try_io(Interest::READABLE, read),
            Flow::ReadingTheRest | Flow::Sending => read(),
        };
        match read {
            Ok(filled) => filled,
            Err(error) if error.kind() == io::ErrorKind::WouldBlock => Fill::WouldBlock,
            Err(_) => Fill::End,
        }
    }

    fn decode(&self, negotiation: &mut Negotiation, received: &mut Vec<ReceivedItem>) {
        while self.flow.get() != Flow::Sending {
            let next = self.channel.borrow_mut().next();
            let one = match next {
                Ok(None) => return,
                Ok(Some(Decoded::Ignored)) => continue,
                Ok(Some(Decoded::Unknown { id, kind })) => unknown(negotiation, id, &kind),
                Ok(Some(Decoded::Message { message, fds })) => match negotiation.handle(message, fds) {
                    NegotiationStep::Complete(hello) => ReceivedItem::Hello(hello),
                    NegotiationStep::Incomplete => continue,
                    NegotiationStep::Message(message, fds) => ReceivedItem::Message(message, fds),
                    NegotiationStep::Refused { code, message } => ReceivedItem::Fault { code, message },
                },
                Err(error) => undecodable(negotiation, &error),
            };
            if matches!(one, ReceivedItem::Fault { .. }) {
                self.flow.set(Flow::Sending);
            }
            received.push(one);
        }
    }
}

/// Before the `hello` is complete no other type is legal.
fn unknown(negotiation: &Negotiation, id: u64, kind: &str) -> ReceivedItem {
    let message = format!("version {VERSION} has no message `{kind}`");
    if negotiation.is_done() {
        ReceivedItem::BadRequest { re: id, code: Code::UnknownType, message }
    } else {
        ReceivedItem::Fault { code: Code::NotNegotiated, message }
    }
}

/// The error answers a request where there is one; otherwise it is about the connection.
fn undecodable(negotiation: &Negotiation, error: &ReceiveError) -> ReceivedItem {
    let (code, message) = (error.code(), error.to_string());
    match error.re() {
        Some(re) if negotiation.is_done() => ReceivedItem::BadRequest { re, code, message },
        Some(_) | None => ReceivedItem::Fault { code, message },
    }
}

#[cfg(test)]
mod tests {
    use std::io::Write;
    use std::os::fd::AsFd;

    use serverswap::protocol::Generation;
    use serverswap::protocol::SocketMode;
    use serverswap::protocol::line::encode;
    use serverswap::protocol::message::{ClientInfo, Hello, Ping, ReadyFor, Role};
    use tokio::task::{LocalSet, yield_now};
    use tokio::time::timeout;

    use super::*;
    use crate::runtime::task::Task;

    /// A connection whose other end is in the test's hands.
    struct Ends {
        connection: Rc<ClientConnection>,
        client: std::os::unix::net::UnixStream,
        inbox: mpsc::Receiver<ArbiterInput>,
        _task: Task,
    }

    impl Ends {
        fn open() -> Ends {
            let (ours, client) = std::os::unix::net::UnixStream::pair().expect("a socket pair");
            ours.set_nonblocking(true).expect("a socket");
            client.set_nonblocking(true).expect("a socket");
            let connection =
                Rc::new(ClientConnection::new(UnixStream::from_std(ours).expect("a runtime"), None));
            let (sender, inbox) = mpsc::channel(64);
            let task = Task::spawn(Rc::clone(&connection).run(ConnectionId(1), sender));
            Ends { connection, client, inbox, _task: task }
        }

        async fn received(&mut self) -> (Vec<ReceivedItem>, Option<ReadAhead>) {
            match self.inbox.recv().await.expect("the task runs") {
                ArbiterInput::Received { received, read_ahead, .. } => (received, read_ahead),
                ArbiterInput::Connected(_)
                | ArbiterInput::Sent { .. }
                | ArbiterInput::Exited(_)
                | ArbiterInput::Ended { .. }
                | ArbiterInput::Signalled { .. }
                | ArbiterInput::SignalSent { .. }
                | ArbiterInput::Looked { .. }
                | ArbiterInput::OwnerFound { .. }
                | ArbiterInput::BindOwnerFound { .. }
                | ArbiterInput::Listens { .. }
                | ArbiterInput::DoesNotListen { .. } => {
                    panic!("a connection sends what it has received")
                }
            }
        }
    }

    fn in_a_runtime(test: impl Future<Output = ()>) {
        let mut runtime = tokio::runtime::Builder::new_current_thread();
        let runtime = runtime.enable_all().start_paused(true).build().expect("a runtime");
        LocalSet::new().block_on(&runtime, test);
    }

    fn hello() -> Vec<u8> {
        encode(&FromClient::Hello(Hello {
            id: 1,
            version: VERSION,
            client: ClientInfo { name: "client".to_owned(), version: "1".to_owned() },
            role: Role::Server,
            generation: Some(Generation { start: 1, pid: 1 }),
            holding: Vec::new(),
            draining: Vec::new(),
            more: false,
            form: None,
            timeouts: None,
            unix_sockets: None,
            stand_in: None,
            fds: Vec::new(),
        }))
    }

    #[test]
    fn a_client_that_never_completes_its_hello_is_closed_after_a_bounded_time() {
        in_a_runtime(async {
            let mut ends = Ends::open();
            ends.client.write_all(b"{\"type\":\"hel").expect("sent");
            let began = Instant::now();
            let (received, _) = ends.received().await;
            assert!(matches!(received[..], [ReceivedItem::Fault { code: Code::NotNegotiated, .. }]));
            assert_eq!(began.elapsed(), HELLO_WAIT);
        });
    }

    #[test]
    fn a_client_that_is_negotiated_may_be_silent_for_ever() {
        in_a_runtime(async {
            let mut ends = Ends::open();
            ends.client.write_all(&hello()).expect("sent");
            let (received, _) = ends.received().await;
            assert!(matches!(received[..], [ReceivedItem::Hello(_)]));
            assert!(timeout(100 * HELLO_WAIT, ends.inbox.recv()).await.is_err());
        });
    }

    #[test]
    fn a_client_is_not_read_from_while_the_arbiter_is_behind() {
        in_a_runtime(async {
            let mut ends = Ends::open();
            ends.client.write_all(&hello()).expect("sent");
            let mut ahead = vec![ends.received().await];
            let line = encode(&FromClient::Ping(Ping { id: 2 }));
            while ahead.len() < READS_AHEAD_MAX {
                ends.client.write_all(&line).expect("sent");
                ahead.push(ends.received().await);
            }
            ends.client.write_all(&line).expect("sent");
            assert!(timeout(HELLO_WAIT, ends.inbox.recv()).await.is_err());
            ahead.remove(0);
            assert!(matches!(ends.received().await.0[..], [ReceivedItem::Message(..)]));
        });
    }

    #[test]
    fn a_client_that_pings_without_pause_is_read_from_slowly_and_one_that_claims_is_not() {
        let claim = FromClient::ReadyFor(ReadyFor {
            id: 2,
            address: "web".parse().expect("a name"),
            socket: SocketMode::Bind,
            more: false,
            provide: false,
        });
        let many = 4 * PINGS_AT_ONCE;
        let slowly = (many - PINGS_AT_ONCE) * PING_PAUSE;
        for (message, least) in [(FromClient::Ping(Ping { id: 2 }), slowly), (claim, Duration::ZERO)] {
            in_a_runtime(async {
                let mut ends = Ends::open();
                ends.client.write_all(&hello()).expect("sent");
                drop(ends.received().await);
                let began = Instant::now();
                for _ in 0..many {
                    ends.client.write_all(&encode(&message)).expect("sent");
                    drop(ends.received().await);
                }
                let took = began.elapsed();
                assert!((least..=least + Duration::from_millis(many.into())).contains(&took), "{took:?}");
                assert!(!least.is_zero() || took.is_zero(), "{took:?}");
            });
        }
    }

    #[test]
    fn what_a_process_sent_before_its_exit_is_read_though_another_one_has_its_socket_open() {
        in_a_runtime(async {
            let mut ends = Ends::open();
            let _inherited = ends.client.as_fd().try_clone_to_owned().expect("a descriptor");
            ends.client.write_all(&hello()).expect("sent");
            yield_now().await;
            ends.connection.read_the_rest();
            let mut all = Vec::new();
            while !matches!(all.last(), Some(ReceivedItem::End)) {
                all.extend(ends.received().await.0);
            }
            assert!(matches!(all[..], [ReceivedItem::Hello(_), ReceivedItem::End]));
        });
    }
}
