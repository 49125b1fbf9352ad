//! The socket pair between a supervisor and the process that becomes its server, and the descriptors that are put
//! where the server expects them.

use std::fs::File;
use std::io::{self, IoSlice, IoSliceMut};
use std::os::fd::{AsFd, AsRawFd, BorrowedFd, FromRawFd, OwnedFd, RawFd};

use nix::cmsg_space;
use nix::errno::Errno;
use nix::sys::socket::{
    AddressFamily, ControlMessage, ControlMessageOwned, MsgFlags, SockFlag, SockType, recv, recvmsg, send,
    sendmsg, socketpair,
};

/// Most descriptors of one message (the kernel's `SCM_MAX_FD`).
const DESCRIPTORS_MAX: usize = 253;

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
    pub(crate) fn send(&self, descriptors: &[BorrowedFd<'_>]) -> io::Result<()> {
        let numbers: Vec<RawFd> = descriptors.iter().map(AsRawFd::as_raw_fd).collect();
        let rights = [ControlMessage::ScmRights(&numbers)];
        let control: &[ControlMessage<'_>] = if numbers.is_empty() { &[] } else { &rights };
        let flags = MsgFlags::MSG_NOSIGNAL | MsgFlags::MSG_DONTWAIT;
        sendmsg::<()>(self.0.as_raw_fd(), &[IoSlice::new(b"x")], control, flags, None)?;
        Ok(())
    }

    /// Without waiting: `Some(None)` when the other end is closed, `Some` errno if the process has sent one.
    pub(crate) fn answer(&self) -> Option<Option<i32>> {
        let mut bytes = [0; 4];
        match recv(self.0.as_raw_fd(), &mut bytes, MsgFlags::MSG_DONTWAIT) {
            Ok(4) => Some(Some(i32::from_ne_bytes(bytes))),
            Err(Errno::EAGAIN | Errno::EINTR) => None,
            Ok(_) | Err(_) => Some(None),
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

    /// Waits for the descriptors; `None` when the supervisor is gone.
    ///
    /// # Errors
    /// Out of descriptors.
    pub(crate) fn receive(&self) -> io::Result<Option<Vec<OwnedFd>>> {
        let mut byte = [0];
        let mut parts = [IoSliceMut::new(&mut byte)];
        let mut space = cmsg_space!([RawFd; DESCRIPTORS_MAX]);
        let flags = MsgFlags::MSG_CMSG_CLOEXEC;
        let message = loop {
            match recvmsg::<()>(self.0.as_raw_fd(), &mut parts, Some(&mut space), flags) {
                Err(Errno::EINTR) => {}
                received => break received?,
            }
        };
        let mut descriptors = Vec::new();
        for control in message.cmsgs()? {
            if let ControlMessageOwned::ScmRights(numbers) = control {
                // SAFETY: the kernel has just made these for this process, and nobody else knows them.
                descriptors.extend(numbers.into_iter().map(|number| unsafe { OwnedFd::from_raw_fd(number) }));
            }
        }
        if message.flags.contains(MsgFlags::MSG_CTRUNC) {
            return Err(Errno::EMFILE.into());
        }
        Ok((message.bytes > 0).then_some(descriptors))
    }

    /// The command could not be executed. A supervisor that is gone does not want to know.
    pub(crate) fn failed(&self, error: &io::Error) {
        let errno = error.raw_os_error().unwrap_or(libc::EIO);
        let _ = send(self.0.as_raw_fd(), &errno.to_ne_bytes(), MsgFlags::MSG_NOSIGNAL);
    }
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
