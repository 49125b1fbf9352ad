//! Joins the core with the calls of a generation: reads them, asks, and answers.
//!
//! It never blocks, and has no rule about addresses. listen(2) is done here, on a duplicate of the socket, in
//! place of the caller: so it is known what came of it before the server goes on.

use std::collections::{BTreeMap, VecDeque};
use std::io;
use std::os::fd::{AsFd, OwnedFd};
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use nix::errno::Errno;
use nix::fcntl::{FcntlArg, OFlag, fcntl};
use serverswap::connection::transport::SharedListener;
use serverswap::protocol::{Address, Generation};
use serverswap::sys::listener::{BACKLOG, inet_address_of, listen, sockets_of};
use serverswap::sys::process::generation_members;
use tokio::io::unix::AsyncFd;
use tokio::sync::mpsc;
use tokio::task::spawn_local;
use tokio::time::sleep;

use super::call::{self, Call, Wanted};
use super::core::{CallId, Core, CoreAction, CoreInput, Granted, Listening};
use super::hangups::Hangups;
use super::reader;
use super::unix_paths::UnixPaths;
use crate::runtime::{LookThread, Task};
use crate::sys::async_fd::{async_fd, readable};
use crate::sys::listen::backlog;
use crate::sys::registrations::{inode, register, registrations};
use crate::sys::seccomp::{Notification, answer, continue_call, is_waiting, place};

/// From one look to the next whether the kernel has bound a datagram socket, at first.
const BINDS: Duration = Duration::from_millis(1);

/// How long after a bind it is looked for the first and the last time whether the socket is still open: that of a server
/// listens by then, and one that was bound only to see whether the address is free was closed.
const LOOK_FIRST: Duration = Duration::from_millis(250);
const LOOK_LAST: Duration = Duration::from_secs(16);

/// What the owner is to do or to know.
#[derive(Debug)]
pub(crate) enum Intercepted {
    /// The generation wants to bind there: claim it, and [`Interception::answer`].
    Asks(Address),
    /// It has called listen, or has bound a datagram socket: this is its listener.
    Listens(Address, SharedListener),
    /// It bound after [`Grant::Empty`], and closed the socket without listening.
    Abandoned(Address),
    /// A process may not be looked into, so what it binds is its own.
    Unreadable {
        /// Its thread that called.
        pid: u32,
        /// Why.
        problem: io::Error,
    },
    /// No process is left that is intercepted, or nobody can answer any more.
    Ended,
}

/// What its owner was granted.
#[derive(Debug)]
pub(crate) enum Grant {
    /// The address, with the listener of an older generation.
    Listener(SharedListener),
    /// The address; the server is to open it.
    Empty,
    /// Nothing: the server is told that the address is in use.
    Refused,
}

/// The calls of one generation.
pub(crate) struct Interception {
    generation: Generation,
    /// The main process of the server.
    server: u32,
    notify: OwnedFd,
    reader: Option<AsyncFd<OwnedFd>>,
    core: Core,
    calls: BTreeMap<CallId, Call>,
    /// The listener of each address.
    listeners: BTreeMap<Address, SharedListener>,
    /// The sockets that were bound at addresses that are free; by inode, for the name of a Unix socket may be relative.
    bound: BTreeMap<u64, Bound>,
    hangups: Hangups,
    paths: UnixPaths,
    events: VecDeque<Intercepted>,
    looks: LookThread,
    found: (mpsc::UnboundedSender<Look>, mpsc::UnboundedReceiver<Look>),
}

/// A socket that was bound at an address that is free, and has not listened.
struct Bound {
    address: Address,
    /// Until it is closed.
    _looking: Task,
    /// Of a datagram socket, which is never asked to listen: until the kernel has bound it.
    _binding: Option<Task>,
}

/// What was found out about a socket.
enum Look {
    /// For a call that waits.
    Call(CallId, Address, bool),
    /// One that was bound is open no more.
    Closed(u64),
    /// A datagram socket is bound.
    Binds(OwnedFd),
}

impl Interception {
    /// Takes over the calls that come by `notify`, and starts the reader.
    ///
    /// # Errors
    /// Out of descriptors or processes.
    pub(crate) fn start(notify: OwnedFd, generation: Generation, server: u32) -> io::Result<Self> {
        let (ours, readers) = reader::pair()?;
        reader::start(notify.try_clone()?, readers)?;
        Interception::with_reader(notify, ours, generation, server)
    }

    /// With a reader that was started otherwise.
    pub(super) fn with_reader(
        notify: OwnedFd,
        reader: OwnedFd,
        generation: Generation,
        server: u32,
    ) -> io::Result<Self> {
        Ok(Interception {
            generation,
            server,
            notify,
            reader: Some(async_fd(reader)?),
            core: Core::default(),
            calls: BTreeMap::new(),
            listeners: BTreeMap::new(),
            bound: BTreeMap::new(),
            hangups: Hangups::new()?,
            paths: UnixPaths::new(generation),
            events: VecDeque::new(),
            looks: LookThread::default(),
            found: mpsc::unbounded_channel(),
        })
    }

    /// Waits for something that the owner is to do or to know. Nothing is lost when it is cancelled.
    pub(crate) async fn next(&mut self) -> Intercepted {
        loop {
            if let Some(event) = self.events.pop_front() {
                return event;
            }
            tokio::select! {
                () = readable(self.reader.as_ref()) => self.receive(),
                Some(look) = self.found.1.recv() => self.looked(look),
                inodes = self.hangups.next() => self.listen_again(&inodes),
                () = self.paths.keep_all() => {}
            }
        }
    }

    /// Answers [`Intercepted::Asks`].
    pub(crate) fn answer(&mut self, address: &Address, grant: Grant) {
        let granted = match grant {
            Grant::Listener(listener) => {
                self.holds(address, listener);
                Granted::WithListener
            }
            Grant::Empty => Granted::Empty,
            Grant::Refused => Granted::Refused,
        };
        self.turn(CoreInput::Answered { address: address.clone(), granted });
    }

    fn receive(&mut self) {
        while let Some(reader) = &self.reader {
            match reader::next(reader.get_ref()) {
                Ok(Some(notification)) => self.called(&notification),
                Ok(None) => return,
                Err(_) => {
                    self.reader = None;
                    self.events.push_back(Intercepted::Ended);
                }
            }
        }
    }

    fn called(&mut self, notification: &Notification) {
        let (id, read) = (notification.id(), call::read(notification, self.generation));
        if !is_waiting(&self.notify, id) {
            return; // killed: what was read may be another's
        }
        match read {
            Ok(Some(call)) => self.wanted(CallId(id), call),
            Ok(None) => continue_call(&self.notify, id),
            Err(problem) => {
                continue_call(&self.notify, id);
                self.events.push_back(Intercepted::Unreadable { pid: notification.thread(), problem });
            }
        }
    }

    fn wanted(&mut self, id: CallId, call: Call) {
        let sharing = call.sharing;
        let input = match &call.wanted {
            Wanted::Bind(address) => Some(CoreInput::Bind { call: id, address: address.clone(), sharing }),
            Wanted::Listen { address, .. } => {
                let own = inode(&call.socket);
                let held =
                    self.listeners.iter().find(|(_, listener)| own.is_some() && inode(listener) == own);
                let found = match held {
                    Some((address, _)) => Some((address.clone(), Listening::Held)),
                    None => {
                        let bound = own.and_then(|own| self.bound.get(&own)).map(|bound| &bound.address);
                        let bound = bound.or(address.as_ref());
                        bound.map(|address| (address.clone(), Listening::Other))
                    }
                };
                found.map(|(address, socket)| CoreInput::Listen { call: id, address, sharing, socket })
            }
        };
        match input {
            Some(input) => {
                self.calls.insert(id, call);
                self.turn(input);
            }
            None => continue_call(&self.notify, id.0),
        }
    }

    fn turn(&mut self, input: CoreInput) {
        let mut actions = Vec::new();
        self.core.handle(input, &mut actions);
        for action in actions {
            self.perform(action);
        }
    }

    fn perform(&mut self, action: CoreAction) {
        match action {
            CoreAction::Continue(id) => self.proceed(id),
            CoreAction::Place(id, address) => self.place(id, &address),
            CoreAction::Refuse(id) => self.reply(id, Err(Errno::EADDRINUSE)),
            CoreAction::Listen(id, address) => self.listen(id, address),
            CoreAction::Ask(address) => self.events.push_back(Intercepted::Asks(address)),
            CoreAction::LookWhetherOpen(id, address) => self.look_whether_open(id, address),
            CoreAction::TellListens(address) => {
                if let Some(listener) = self.listeners.get(&address).cloned() {
                    self.events.push_back(Intercepted::Listens(address, listener));
                }
            }
            CoreAction::TellAbandoned(address) => self.events.push_back(Intercepted::Abandoned(address)),
        }
    }

    fn proceed(&mut self, id: CallId) {
        if let Some(call) = self.calls.remove(&id)
            && let Wanted::Bind(address) = call.wanted
            && self.core.is_free(&address)
            && let Some(inode) = inode(&call.socket)
        {
            let looking = self.look_until_closed(inode);
            let binding = match address {
                Address::Udp(_) => Some(self.look_until_bound(call.socket)),
                Address::Tcp(_) | Address::Unix(_) | Address::Name(_) => None,
            };
            self.bound.insert(inode, Bound { address, _looking: looking, _binding: binding });
        }
        continue_call(&self.notify, id.0);
    }

    fn reply(&mut self, id: CallId, result: nix::Result<()>) {
        self.calls.remove(&id);
        answer(&self.notify, id.0, result);
    }

    fn listen(&mut self, id: CallId, address: Address) {
        let Some(call) = self.calls.remove(&id) else { return };
        let wanted = match call.wanted {
            Wanted::Listen { backlog, .. } => backlog,
            Wanted::Bind(_) => return continue_call(&self.notify, id.0),
        };
        let held = self.listeners.get(&address);
        let is_held = held.is_some_and(|held| inode(held) == inode(&call.socket));
        // Of a listener that is not TCP the backlog is not known, so it stays as it is.
        let result = match (is_held, backlog(&call.socket)) {
            (true, Some(present)) => listen(&call.socket, present.max(wanted)),
            (true, None) => Ok(()),
            (false, _) => listen(&call.socket, wanted),
        };
        answer(&self.notify, id.0, result);
        if result.is_ok() && !is_held {
            self.holds(&address, Arc::new(call.socket));
            self.turn(CoreInput::Learnt { address });
        }
    }

    /// This is the address's listener from now on.
    fn holds(&mut self, address: &Address, listener: SharedListener) {
        self.hangups.watch(&listener);
        self.bound.retain(|_, bound| bound.address != *address);
        if let Address::Unix(path) = address {
            self.keep_path(path.clone());
        }
        if let Some(former) = self.listeners.insert(address.clone(), listener) {
            self.hangups.forget(&former);
        }
    }

    fn keep_path(&mut self, path: PathBuf) {
        let kept = self.paths.restore(&path).and_then(|()| self.paths.keep(&path));
        if let (Ok(link), Some(reader)) = (kept, &self.reader) {
            // Without a reader the link stays; it does no harm.
            let _ = reader::remove_in_the_end(reader.get_ref(), &link);
        }
    }

    fn place(&mut self, id: CallId, address: &Address) {
        let Some((call, listener)) = self.calls.remove(&id).zip(self.listeners.get(address).cloned()) else {
            return continue_call(&self.notify, id.0);
        };
        // A listener whose path cannot be made again would never be found.
        let is_reachable = match address {
            Address::Unix(path) => self.paths.restore(path).is_ok(),
            Address::Tcp(_) | Address::Udp(_) | Address::Name(_) => true,
        };
        match is_reachable && self.put(id, call, &listener).is_ok() {
            true => answer(&self.notify, id.0, Ok(())),
            false => continue_call(&self.notify, id.0),
        }
    }

    /// The caller's descriptor is the listener from now on, with the flags that it had.
    fn put(&self, id: CallId, call: Call, listener: &SharedListener) -> io::Result<()> {
        let listener: &OwnedFd = listener;
        let Call { caller, number, socket, .. } = call;
        let registered = registrations(&caller, &socket);
        let is_close_on_exec = caller.is_close_on_exec(number)?;
        let is_nonblocking = is_nonblocking(&socket)?;
        place(&self.notify, id.0, listener, number, is_close_on_exec)?;
        if is_nonblocking {
            set_nonblocking(listener)?;
        }
        // With the last descriptor of it, its entries in epoll instances are gone.
        drop(socket);
        registered.iter().for_each(|one| drop(register(one, listener)));
        Ok(())
    }

    fn look_whether_open(&mut self, call: CallId, address: Address) {
        let Some(inode) = self.listeners.get(&address).and_then(inode) else {
            return self.turn(CoreInput::Looked { call, address, is_open: true });
        };
        let (is_open, found) = (self.looks.run(self.is_open(inode)), self.found.0.clone());
        spawn_local(async move {
            // What cannot be looked at counts as open: then the kernel decides. It is too late for an answer that nobody takes.
            let _ = found.send(Look::Call(call, address, is_open.await.unwrap_or(true)));
        });
    }

    /// Nothing reports that another process closes a socket, so it is looked for again and again.
    fn look_until_closed(&self, inode: u64) -> Task {
        let (looks, found, is_open) = (self.looks.clone(), self.found.0.clone(), self.is_open(inode));
        Task::spawn(async move {
            let mut pause = LOOK_FIRST;
            loop {
                sleep(pause).await;
                if !looks.run(is_open).await.unwrap_or(true) {
                    break;
                }
                pause = (pause * 2).min(LOOK_LAST);
            }
            let _ = found.send(Look::Closed(inode));
        })
    }

    /// Why the bind is not done here, as a listen is: it would have the rights of this process. The kernel does it in a
    /// moment, and nothing reports that.
    fn look_until_bound(&self, socket: OwnedFd) -> Task {
        let found = self.found.0.clone();
        Task::spawn(async move {
            let mut pause = BINDS;
            while inet_address_of(&socket).is_none() {
                sleep(pause).await;
                pause = (pause * 2).min(LOOK_LAST);
            }
            let _ = found.send(Look::Binds(socket));
        })
    }

    /// Whether a process of the generation has the socket open, for the thread that looks.
    fn is_open(&self, inode: u64) -> impl FnOnce() -> bool + Copy + Send + 'static {
        let (generation, server) = (self.generation, self.server);
        move || {
            let Ok(members) = generation_members(generation, &[server]) else { return true };
            members.iter().any(|(member, _)| sockets_of(member.pid).is_ok_and(|own| own.contains(&inode)))
        }
    }

    fn looked(&mut self, look: Look) {
        match look {
            Look::Call(call, address, is_open) => self.turn(CoreInput::Looked { call, address, is_open }),
            Look::Closed(inode) => {
                let Some(Bound { address, .. }) = self.bound.remove(&inode) else { return }; // it listens
                if self.bound.values().all(|other| other.address != address) {
                    self.turn(CoreInput::Abandoned { address });
                }
            }
            Look::Binds(socket) => {
                let Some(bound) = inode(&socket).and_then(|inode| self.bound.remove(&inode)) else { return };
                self.holds(&bound.address, Arc::new(socket));
                self.turn(CoreInput::Learnt { address: bound.address });
            }
        }
    }

    /// After shutdown(2), which ends a TCP listener for all that share it until it listens again. With a Unix one it is
    /// for good.
    fn listen_again(&mut self, inodes: &[u64]) {
        let shut_down =
            self.listeners.values().filter(|one| inode(*one).is_some_and(|one| inodes.contains(&one)));
        shut_down.for_each(|listener| {
            let _ = listen(listener, BACKLOG);
        });
    }
}

fn flags(socket: &impl AsFd) -> nix::Result<OFlag> {
    fcntl(socket.as_fd(), FcntlArg::F_GETFL).map(OFlag::from_bits_retain)
}

fn is_nonblocking(socket: &impl AsFd) -> nix::Result<bool> {
    Ok(flags(socket)?.contains(OFlag::O_NONBLOCK))
}

fn set_nonblocking(socket: &impl AsFd) -> nix::Result<()> {
    fcntl(socket.as_fd(), FcntlArg::F_SETFL(flags(socket)? | OFlag::O_NONBLOCK)).map(drop)
}
