//! The socket pair between a supervisor and the process that becomes its server, and the descriptors that are put
//! where the server expects them.

use std::fs::File;
use std::io::{self, IoSlice};
use std::os::fd::{AsFd, AsRawFd, BorrowedFd, FromRawFd, OwnedFd, RawFd};

use nix::errno::Errno;
use nix::sys::socket::{AddressFamily, ControlMessage, MsgFlags, SockFlag, SockType, sendmsg, socketpair};
use serverswap::sys::recvmsg::{DESCRIPTORS_MAX, receive_message};

use super::seccomp::{InstallError, Installed, Selection};

/// What the process is to do before it executes the command.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Order {
    /// Nothing more.
    Execute,
    /// Put the filter of the interception into force.
    Intercept(Selection),
}

/// What the process has to say.
#[derive(Debug)]
pub(crate) enum Said {
    /// Nothing more: the command runs, or the process has ended.
    Over,
    /// The filter is in force: its notify descriptor.
    Filtered(Installed),
    /// The filter is not in force: errno(3).
    NotFiltered(i32),
    /// The command could not be executed: errno(3).
    NotExecuted(i32),
}

/// The first byte of a packet.
const EXECUTE: u8 = b'x';
const INTERCEPT: u8 = b'i';
const INTERCEPT_PATHS: u8 = b'u';
const FILTERED: u8 = b'f';
const FILTERED_WITHOUT_PRIVILEGES: u8 = b'p';
const NOT_FILTERED: u8 = b'n';
const NOT_EXECUTED: u8 = b'e';

/// The supervisor's end.
#[derive(Debug)]
pub(crate) struct SupervisorEnd(OwnedFd);

/// The other end, in the process that becomes the server.
#[derive(Debug)]
pub(crate) struct LauncherEnd(OwnedFd);

/// Both ends; the second one is the stdin of the process.
///
/// # Errors
/// Out of descriptors.
pub(crate) fn pair() -> io::Result<(SupervisorEnd, OwnedFd)> {
    // Packets: a message and its descriptors are one thing.
    let (ours, theirs) = socketpair(AddressFamily::Unix, SockType::SeqPacket, None, SockFlag::SOCK_CLOEXEC)?;
    Ok((SupervisorEnd(ours), theirs))
}

impl SupervisorEnd {
    /// # Errors
    /// The process is gone.
    pub(crate) fn send(&self, order: Order, descriptors: &[BorrowedFd<'_>]) -> io::Result<()> {
        let order = match order {
            Order::Execute => EXECUTE,
            Order::Intercept(Selection::Sockets) => INTERCEPT,
            Order::Intercept(Selection::SocketsAndPaths) => INTERCEPT_PATHS,
        };
        send_packet(&self.0, &[order], descriptors)
    }

    /// Without waiting: `None` if it has said nothing new.
    pub(crate) fn answer(&self) -> Option<Said> {
        match receive_packet(&self.0, MsgFlags::MSG_DONTWAIT) {
            Ok(Some((bytes, mut descriptors))) => {
                let [kind, errno @ ..] = bytes;
                let errno = i32::from_ne_bytes(errno);
                Some(match (kind, descriptors.pop()) {
                    (FILTERED, Some(notify)) => Said::Filtered(Installed { notify, no_new_privs: false }),
                    (FILTERED_WITHOUT_PRIVILEGES, Some(notify)) => {
                        Said::Filtered(Installed { notify, no_new_privs: true })
                    }
                    (NOT_FILTERED, _) => Said::NotFiltered(errno),
                    (NOT_EXECUTED, _) => Said::NotExecuted(errno),
                    (_, _) => Said::Over,
                })
            }
            Err(error) if matches!(error.raw_os_error(), Some(libc::EAGAIN | libc::EINTR)) => None,
            Ok(None) | Err(_) => Some(Said::Over),
        }
    }
}

impl AsFd for SupervisorEnd {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.0.as_fd()
    }
}

impl LauncherEnd {
    /// Takes it from descriptor 0, which is `/dev/null` from then on.
    ///
    /// # Errors
    /// Out of descriptors, or no `/dev/null`.
    pub(crate) fn from_stdin() -> io::Result<LauncherEnd> {
        let end = duplicate_above(io::stdin().as_fd(), END)?;
        let null = File::open("/dev/null")?;
        // SAFETY: dup2 takes two numbers; descriptor 0 belongs to nobody in this process but std's stdin, which is
        // not read from.
        Errno::result(unsafe { libc::dup2(null.as_raw_fd(), 0) })?;
        Ok(LauncherEnd(end))
    }

    /// Waits for the order and the descriptors; `None` when the supervisor is gone.
    ///
    /// # Errors
    /// Out of descriptors.
    pub(crate) fn receive(&self) -> io::Result<Option<(Order, Vec<OwnedFd>)>> {
        let received = loop {
            match receive_packet(&self.0, MsgFlags::empty()) {
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                received => break received?,
            }
        };
        Ok(received.map(|([kind, ..], descriptors)| match kind {
            INTERCEPT => (Order::Intercept(Selection::Sockets), descriptors),
            INTERCEPT_PATHS => (Order::Intercept(Selection::SocketsAndPaths), descriptors),
            _ => (Order::Execute, descriptors),
        }))
    }

    /// The filter is in force.
    ///
    /// # Errors
    /// The supervisor is gone.
    pub(crate) fn filtered(&self, installed: &Installed) -> io::Result<()> {
        let kind = if installed.no_new_privs { FILTERED_WITHOUT_PRIVILEGES } else { FILTERED };
        send_packet(&self.0, &[kind], &[installed.notify.as_fd()])
    }

    /// The filter is not in force. A supervisor that is gone does not want to know.
    pub(crate) fn not_filtered(&self, error: InstallError) {
        self.say(NOT_FILTERED, error.errno());
    }

    /// The command could not be executed. A supervisor that is gone does not want to know.
    pub(crate) fn failed(&self, error: &io::Error) {
        self.say(NOT_EXECUTED, error.raw_os_error().unwrap_or(libc::EIO));
    }

    fn say(&self, kind: u8, errno: i32) {
        let [a, b, c, d] = errno.to_ne_bytes();
        let _ = send_packet(&self.0, &[kind, a, b, c, d], &[]);
    }
}

fn send_packet(socket: &OwnedFd, bytes: &[u8], descriptors: &[BorrowedFd<'_>]) -> io::Result<()> {
    let numbers: Vec<RawFd> = descriptors.iter().map(AsRawFd::as_raw_fd).collect();
    let rights = [ControlMessage::ScmRights(&numbers)];
    let control: &[ControlMessage<'_>] = if numbers.is_empty() { &[] } else { &rights };
    let flags = MsgFlags::MSG_NOSIGNAL | MsgFlags::MSG_DONTWAIT;
    sendmsg::<()>(socket.as_raw_fd(), &[IoSlice::new(bytes)], control, flags, None)?;
    Ok(())
}

/// The first bytes of a packet, and its descriptors; `None` at the end.
fn receive_packet(socket: &OwnedFd, flags: MsgFlags) -> io::Result<Option<([u8; 5], Vec<OwnedFd>)>> {
    let mut bytes = [0; 5];
    let message = receive_message(socket.as_fd(), &mut bytes, flags)?;
    if message.lacks_descriptors {
        return Err(Errno::EMFILE.into());
    }
    Ok((message.length > 0).then_some((bytes, message.descriptors)))
}

/// The number of the pair's end, and of nothing that is passed on.
const END: usize = 3 + DESCRIPTORS_MAX;

/// Puts descriptors at `first` and the numbers after it, and leaves them open for exec(2). Whatever else was open there
/// is closed: this process has nothing but the standard descriptors and its end of the pair.
///
/// # Errors
/// Out of descriptors.
pub(crate) fn place(descriptors: Vec<OwnedFd>, first: usize) -> io::Result<()> {
    // Out of the way first: one may be where another is to go.
    let end = first + descriptors.len();
    let moved = descriptors.iter().map(|descriptor| duplicate_above(descriptor.as_fd(), end));
    let moved = moved.collect::<io::Result<Vec<OwnedFd>>>()?;
    drop(descriptors);
    for (number, descriptor) in (first..).zip(&moved) {
        let number = RawFd::try_from(number).map_err(|_| Errno::EBADF)?;
        // SAFETY: dup2 takes two numbers; by the contract above nothing of ours is at the second one.
        Errno::result(unsafe { libc::dup2(descriptor.as_raw_fd(), number) })?;
    }
    Ok(())
}

/// Where Yama restricts ptrace(2) to parents (`kernel.yama.ptrace_scope` 1), a later arbiter may take the listener of
/// this process, and of what it becomes, all the same: a process of the same user or of root, as without Yama.
pub(crate) fn allow_later_arbiters() {
    // SAFETY: PR_SET_PTRACER takes a number; a kernel without Yama refuses it, and nothing is to be allowed then.
    unsafe { libc::prctl(libc::PR_SET_PTRACER, libc::PR_SET_PTRACER_ANY, 0, 0, 0) };
}

fn duplicate_above(descriptor: BorrowedFd<'_>, first: usize) -> io::Result<OwnedFd> {
    let first = libc::c_int::try_from(first).map_err(|_| Errno::EMFILE)?;
    // SAFETY: F_DUPFD_CLOEXEC takes a number and returns a new descriptor, which nobody else knows.
    unsafe {
        let number = Errno::result(libc::fcntl(descriptor.as_raw_fd(), libc::F_DUPFD_CLOEXEC, first))?;
        Ok(OwnedFd::from_raw_fd(number))
    }
}
