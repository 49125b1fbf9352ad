//! Servers with a filter, and an owner that grants each address to whoever asks, with the listener if there is one.

use std::cell::RefCell;
use std::collections::BTreeMap;
use std::io;
use std::io::IoSlice;
use std::net::{Ipv4Addr, TcpStream};
use std::os::fd::{AsRawFd, OwnedFd};
use std::process::{Child, ChildStdin, Command, Stdio};
use std::rc::Rc;
use std::thread::JoinHandle;

use nix::cmsg_space;
use nix::sys::socket::{
    AddressFamily, ControlMessage, ControlMessageOwned, MsgFlags, SockFlag, SockType, recvmsg, sendmsg,
    socketpair,
};
use serverswap::connection::transport::SharedListener;
use serverswap::protocol::{Address, Generation};
use serverswap::sys::clock::boottime_micros;
use tokio::io::{AsyncBufReadExt, BufReader, Lines};
use tokio::net::unix::pipe;
use tokio::sync::mpsc;
use tokio::task::{LocalSet, spawn_local};

#[path = "../../../../conformance/src/sandbox/ports.rs"]
mod ports;

pub(super) use ports::free_port;

use crate::intercept::{Grant, Intercepted, Interception, reader};
use crate::sys::registrations::inode;
use crate::sys::seccomp::{Filter, Installed, Selection, filtered};

/// Where servers listen: what an arbiter knows.
#[derive(Clone, Default)]
pub(super) struct World {
    listeners: Rc<RefCell<BTreeMap<Address, SharedListener>>>,
    answers: Answers,
}

/// What it answers.
#[derive(Clone, Copy, Default, PartialEq, Eq)]
pub(super) enum Answers {
    /// The address, to everybody.
    #[default]
    Grants,
    /// That nobody may have it.
    Refuses,
    /// Nothing.
    Nothing,
}

/// What was reported of a generation, in short.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Seen {
    Asks(String),
    Listens(String, u64),
    Abandoned(String),
    Ended,
}

/// One generation.
pub(super) struct Server {
    child: Child,
    stdin: Option<ChildStdin>,
    lines: Lines<BufReader<pipe::Receiver>>,
    seen: mpsc::UnboundedReceiver<Seen>,
    supervisor: tokio::task::JoinHandle<()>,
    reader: Option<JoinHandle<()>>,
}

/// Plays one story on this thread.
pub(super) fn play(story: impl Future<Output = ()>) {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().expect("a runtime");
    LocalSet::new().block_on(&runtime, story);
}

/// What every program begins with.
const PRELUDE: &str = r#"
import os, select, signal, socket, sys, time
port = int(sys.argv[1])
where = sys.argv[2]
opened = []
def say(*words): print(*words, flush=True)
def hear(): return sys.stdin.readline()
def inode(s): return os.fstat(s.fileno()).st_ino
def tcp(host='127.0.0.1', at=None, family=socket.AF_INET, reuseport=False):
    s = socket.socket(family, socket.SOCK_STREAM)
    s.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    if reuseport: s.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEPORT, 1)
    s.bind((host, port if at is None else at))
    opened.append(s)
    return s
def serve(s, backlog=64):
    s.listen(backlog)
    say('listens', inode(s))
"#;

impl World {
    pub(super) fn that(answers: Answers) -> Self {
        World { answers, ..World::default() }
    }

    /// Starts a program in Python, which is given a port and a folder.
    pub(super) fn start(&self, program: &str, port: u16, folder: &str) -> Server {
        let mut command = Command::new("python3");
        command.args(["-c", &format!("{PRELUDE}{program}"), &port.to_string(), folder]);
        self.start_command(command)
    }

    pub(super) fn start_command(&self, mut command: Command) -> Server {
        let generation = Generation { start: boottime_micros(), pid: std::process::id() };
        command.env("SERVERSWAP_GENERATION", generation.to_string());
        command.stdin(Stdio::piped()).stdout(Stdio::piped());
        let (mut child, installed) = spawn_filtered(command).expect("started");
        let stdout = OwnedFd::from(child.stdout.take().expect("it is piped"));
        let lines = BufReader::new(pipe::Receiver::from_owned_fd(stdout).expect("a pipe")).lines();
        let (ours, readers) = reader::pair().expect("a pair");
        let notify = installed.notify.try_clone().expect("duplicated");
        let reader = std::thread::spawn(move || reader::read(&notify, readers));
        let interception =
            Interception::with_reader(installed.notify, ours, generation, child.id()).expect("made");
        let (say, seen) = mpsc::unbounded_channel();
        let supervisor = spawn_local(supervise(interception, self.clone(), say));
        let stdin = child.stdin.take();
        Server { child, stdin, lines, seen, supervisor, reader: Some(reader) }
    }

    /// The listener of an address.
    pub(super) fn listener(&self, address: &str) -> SharedListener {
        let address: Address = address.parse().expect("an address");
        self.listeners.borrow().get(&address).cloned().expect("something listens there")
    }

    fn granted(&self, address: &Address) -> Option<Grant> {
        match (self.answers, self.listeners.borrow().get(address)) {
            (Answers::Nothing, _) => None,
            (Answers::Refuses, _) => Some(Grant::Refused),
            (Answers::Grants, Some(listener)) => Some(Grant::Listener(listener.clone())),
            (Answers::Grants, None) => Some(Grant::Empty),
        }
    }
}

async fn supervise(mut interception: Interception, world: World, say: mpsc::UnboundedSender<Seen>) {
    loop {
        let seen = match interception.next().await {
            Intercepted::Asks(address) => {
                let seen = Seen::Asks(address.to_string());
                let _ = say.send(seen);
                if let Some(grant) = world.granted(&address) {
                    interception.answer(&address, grant);
                }
                continue;
            }
            Intercepted::Listens(address, listener) => {
                let seen = Seen::Listens(address.to_string(), inode(&*listener).expect("a socket"));
                world.listeners.borrow_mut().insert(address, listener);
                seen
            }
            Intercepted::Abandoned(address) => Seen::Abandoned(address.to_string()),
            Intercepted::Unreadable { pid, problem } => panic!("{pid}: {problem}"),
            Intercepted::Ended => Seen::Ended,
        };
        let is_over = seen == Seen::Ended;
        let _ = say.send(seen);
        if is_over {
            return;
        }
    }
}

impl Server {
    /// What it says next.
    pub(super) async fn line(&mut self) -> String {
        let line = self.lines.next_line().await.expect("readable");
        line.unwrap_or_else(|| panic!("it has ended: {:?}", self.child.wait()))
    }

    /// Lets it go on.
    pub(super) fn go_on(&mut self) {
        use std::io::Write;
        self.stdin.as_mut().expect("open").write_all(b"\n").expect("it reads");
    }

    /// What is seen of it next.
    pub(super) async fn seen(&mut self) -> Seen {
        self.seen.recv().await.expect("its supervisor is there")
    }

    /// The next listen that is seen: address and inode.
    pub(super) async fn listens(&mut self) -> (String, u64) {
        loop {
            match self.seen().await {
                Seen::Listens(address, inode) => return (address, inode),
                Seen::Asks(_) => {}
                other @ (Seen::Abandoned(_) | Seen::Ended) => panic!("{other:?}"),
            }
        }
    }

    pub(super) fn pid(&self) -> nix::unistd::Pid {
        nix::unistd::Pid::from_raw(self.child.id().cast_signed())
    }

    /// Its supervisor is gone from one moment to the next.
    pub(super) async fn kill_supervisor(&mut self) {
        self.supervisor.abort();
        let _ = (&mut self.supervisor).await;
    }

    /// Closes its stdin, and waits until it has ended, and its reader.
    pub(super) async fn end(&mut self) -> std::process::ExitStatus {
        drop(self.stdin.take());
        let status = self.child.wait().expect("it ends");
        let reader = self.reader.take().expect("it is ended once");
        tokio::task::spawn_blocking(move || reader.join()).await.expect("joined").expect("it does not panic");
        status
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// Whether somebody accepts, or the kernel for them.
pub(super) fn connect(port: u16) -> io::Result<TcpStream> {
    TcpStream::connect((Ipv4Addr::LOCALHOST, port))
}

/// Starts a command with a filter, which it installs itself, right before exec.
pub(super) fn spawn_filtered(mut command: Command) -> io::Result<(Child, Installed)> {
    let (ours, theirs) = socketpair(AddressFamily::Unix, SockType::SeqPacket, None, SockFlag::SOCK_CLOEXEC)?;
    filtered(&mut command, Filter::new(Selection::Sockets), move |installed| {
        let descriptors = [installed.notify.as_raw_fd()];
        let text = [u8::from(installed.no_new_privs)];
        let rights = [ControlMessage::ScmRights(&descriptors)];
        sendmsg::<()>(theirs.as_raw_fd(), &[IoSlice::new(&text)], &rights, MsgFlags::empty(), None)?;
        Ok(())
    });
    let child = command.spawn()?;
    let (mut byte, mut space) = ([0], cmsg_space!(i32));
    let mut text = [io::IoSliceMut::new(&mut byte)];
    let message = recvmsg::<()>(ours.as_raw_fd(), &mut text, Some(&mut space), MsgFlags::MSG_CMSG_CLOEXEC)?;
    let Some(ControlMessageOwned::ScmRights(received)) = message.cmsgs()?.next() else {
        panic!("a descriptor was sent")
    };
    let notify = crate::sys::seccomp::received(received[0]);
    Ok((child, Installed { notify, no_new_privs: byte[0] == 1 }))
}
