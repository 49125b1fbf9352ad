//! The next generations of a resident: each is the same command once more, a supervisor in a process of its own, as a
//! child of this one.
//!
//! What a service manager or a container knows is this process, which stays; everything else is a deploy like any
//! other. Deliberately nothing is decided here about a handover.

use std::cell::{Cell, RefCell};
use std::collections::BTreeSet;
use std::ffi::OsString;
use std::io;
use std::os::unix::ffi::{OsStrExt, OsStringExt};
use std::os::unix::fs::MetadataExt;
use std::os::unix::process::CommandExt;
use std::path::PathBuf;
use std::process::Command;
use std::rc::Rc;

use serverswap::sys::process::pidfd_open;
use tokio::net::UnixStream;
use tokio::net::unix::pipe;
use tokio::task::{JoinHandle, spawn_local};

use super::listener_store::ListenerStore;
use super::service_manager::ServiceManager;
use crate::cli::environment;
use crate::history::Who;
use crate::supervisor::ServerExit;
use crate::sys::{passed, session, signals};
use crate::ui::{Console, DeployResult, Report, SetupError, StillTrue, Summary};

/// Longest result, in bytes: what a pipe takes without a reader (pipe(7)).
const RESULT_BYTES_MAX: usize = 65_536;

/// The supervisors that this process has started.
pub(super) struct Successors {
    console: Console,
    service: Rc<ServiceManager>,
    store: Rc<ListenerStore>,
    /// The working directory by its name, if the shell has told it.
    folder: Option<PathBuf>,
    /// Children that were not reaped: their numbers are their own.
    living: Rc<RefCell<BTreeSet<u32>>>,
    last_exit: Cell<Option<ServerExit>>,
    replies: RefCell<Vec<JoinHandle<()>>>,
    /// How often this process was asked to stop.
    stops: Cell<u32>,
}

/// Who asks for the next generation.
pub(super) enum Asker {
    /// `serverswap reload`, which waits for the answer.
    Client(UnixStream),
    /// Who has sent HUP.
    Signal(Who),
}

impl Successors {
    pub(super) fn new(
        console: Console,
        service: Rc<ServiceManager>,
        store: Rc<ListenerStore>,
        living: Rc<RefCell<BTreeSet<u32>>>,
    ) -> Self {
        Successors {
            console,
            service,
            store,
            folder: named_folder(),
            living,
            last_exit: Cell::default(),
            replies: RefCell::default(),
            stops: Cell::default(),
        }
    }

    /// Starts one; how its deploy went is told to the client that has asked for it.
    pub(super) fn start(&self, asker: Asker) {
        let who = asker.who();
        let client = match asker {
            Asker::Client(client) => Some(client),
            Asker::Signal(_) => None,
        };
        let reply = if self.is_stopping() {
            Err(SetupError::Stopping { pid: std::process::id() })
        } else {
            self.spawn(who).map_err(|error| SetupError::System {
                what: "starting the next generation",
                errno: error.raw_os_error().unwrap_or_default(),
            })
        };
        let task = match reply {
            Ok((pid, result)) => {
                self.console.report(&Report::Reloading { pid });
                self.service.reloading();
                spawn_local(relay(result, pid, client, Rc::clone(&self.service), Rc::clone(&self.store)))
            }
            Err(error) => {
                self.console.report(&Report::NotReloaded { problem: error.to_string() });
                spawn_local(answer(client, DeployResult::unable(&error, StillTrue::NothingStarted).line()))
            }
        };
        let mut replies = self.replies.borrow_mut();
        replies.retain(|reply| !reply.is_finished());
        replies.push(task);
    }

    fn spawn(&self, who: Option<Who>) -> io::Result<(u32, pipe::Receiver)> {
        let (reader, writer) = io::pipe()?;
        let reader = pipe::Receiver::from_owned_fd(reader.into())?;
        let who = who.and_then(|who| serde_json::to_string(&who).ok());
        let mut command = self.command(who.as_deref().unwrap_or("1"));
        command.stdin(writer);
        let (variables, listeners) = self.store.passed_on();
        command.envs(variables);
        passed::leave_to(&mut command, &listeners);
        let pid = command.spawn()?.id();
        self.living.borrow_mut().insert(pid);
        Ok((pid, reader))
    }

    /// This command, as it was given; what is installed in its place by now is executed.
    fn command(&self, asker: &str) -> Command {
        let mut arguments = std::env::args_os();
        let mut command = Command::new(program());
        if let Some(name) = arguments.next() {
            command.arg0(name);
        }
        command.args(arguments).env_remove(environment::SERVERSWAP_GENERATION);
        for name in environment::SCRUBBED {
            command.env_remove(name);
        }
        command.env(environment::SERVERSWAP_RELOAD, asker);
        if let Some(folder) = self.folder.as_ref().filter(|folder| folder.is_dir()) {
            command.current_dir(folder);
        }
        session::own_session(&mut command);
        command
    }

    /// A child of this process was reaped.
    pub(super) fn reaped(&self, pid: u32, exit: ServerExit) {
        if self.living.borrow_mut().remove(&pid) {
            self.store.ended(pid);
            self.last_exit.set(Some(exit));
        }
    }

    /// This process was asked to stop, and passes that on.
    pub(super) fn stop(&self) {
        self.stops.set(self.stops.get() + 1);
        self.service.stopping();
        self.store.stopping();
        for pid in self.living.borrow().iter() {
            // It may have ended just now.
            let _ = pidfd_open(*pid).and_then(|pidfd| signals::pass_on(&pidfd, self.stops.get()));
        }
    }

    pub(super) fn is_stopping(&self) -> bool {
        self.stops.get() > 0
    }

    pub(super) fn is_any_living(&self) -> bool {
        !self.living.borrow().is_empty()
    }

    pub(super) fn is_one(&self, pid: u32) -> bool {
        self.living.borrow().contains(&pid)
    }

    /// How the last one ended, if one has since this was forgotten.
    pub(super) fn last_exit(&self) -> Option<ServerExit> {
        self.last_exit.get()
    }

    pub(super) fn forget_exit(&self) {
        self.last_exit.set(None);
    }

    /// Waits until everybody who asked was answered; none of them is alive any more.
    pub(super) async fn finish(&self) {
        for reply in self.replies.take() {
            // It cannot panic, and nobody aborts it.
            let _ = reply.await;
        }
    }
}

impl Asker {
    /// For the history; `None` if it does not live any more.
    fn who(&self) -> Option<Who> {
        match self {
            Asker::Client(client) => Some(Who::of(u32::try_from(client.peer_cred().ok()?.pid()?).ok()?)),
            Asker::Signal(who) => Some(who.clone()),
        }
    }
}

/// By its path, so that an upgrade is followed; by what runs now where there is nothing.
fn program() -> PathBuf {
    let link = std::env::current_exe().unwrap_or_default().into_os_string();
    let path = match link.as_bytes().strip_suffix(b" (deleted)") {
        Some(path) => PathBuf::from(OsString::from_vec(path.to_vec())),
        None => PathBuf::from(link),
    };
    if path.is_file() { path } else { PathBuf::from("/proc/self/exe") }
}

/// A shell says by which name it has entered its working directory: a `current` in it may point to another release later.
fn named_folder() -> Option<PathBuf> {
    let named = PathBuf::from(std::env::var_os(environment::PWD)?);
    let identity = |path: &std::path::Path| path.metadata().map(|found| (found.dev(), found.ino())).ok();
    let is_this = identity(&named).is_some_and(|found| Some(found) == identity(std::path::Path::new(".")));
    (named.is_absolute() && is_this).then_some(named)
}

/// Passes the result on to whoever waits for it.
async fn relay(
    result: pipe::Receiver,
    pid: u32,
    client: Option<UnixStream>,
    service: Rc<ServiceManager>,
    store: Rc<ListenerStore>,
) {
    let no_result = || DeployResult::unable(&SetupError::NoResult { pid }, StillTrue::NotKnown);
    let result = DeployResult::parse(&read_line(result).await).unwrap_or_else(no_result);
    if let Summary::Success(_) = &result.summary {
        store.up();
    }
    service.reloaded(&result.summary);
    answer(client, result.line()).await;
}

/// Up to the first line feed, or the end.
async fn read_line(result: pipe::Receiver) -> Vec<u8> {
    let (mut line, mut buffer) = (Vec::new(), [0; 4_096]);
    while !line.ends_with(b"\n") && line.len() < RESULT_BYTES_MAX {
        if result.readable().await.is_err() {
            break;
        }
        match result.try_read(&mut buffer) {
            Ok(0) => break,
            Ok(read) => line.extend_from_slice(&buffer[..read]),
            Err(error) if error.kind() == io::ErrorKind::WouldBlock => {}
            Err(_) => break,
        }
    }
    line
}

/// A client that has gone away is answered nothing.
async fn answer(client: Option<UnixStream>, line: Vec<u8>) {
    let Some(client) = client else { return };
    let mut left = line.as_slice();
    while !left.is_empty() && client.writable().await.is_ok() {
        match client.try_write(left) {
            Ok(written) => left = &left[written..],
            Err(error) if error.kind() == io::ErrorKind::WouldBlock => {}
            Err(_) => return,
        }
    }
}
