//! Calls that wait, received and answered.

use std::io;
use std::os::fd::{AsFd, AsRawFd, RawFd};

use nix::errno::Errno;

/// A call that waits, as the kernel describes it.
#[derive(Debug, Clone, Copy)]
#[repr(transparent)]
pub(crate) struct Notification(libc::seccomp_notif);

impl Notification {
    /// Its length in bytes.
    pub(crate) const BYTES: usize = size_of::<libc::seccomp_notif>();

    /// Which answer belongs to it.
    pub(crate) fn id(&self) -> u64 {
        self.0.id
    }

    /// The thread that made the call, in the pid namespace of who received it; 0 if it cannot be seen from there.
    pub(crate) fn thread(&self) -> u32 {
        self.0.pid
    }

    /// Architecture and number of the call.
    pub(crate) fn call(&self) -> (u32, u32) {
        (self.0.data.arch, self.0.data.nr.cast_unsigned())
    }

    /// The arguments of the call.
    pub(crate) fn arguments(&self) -> [u64; 6] {
        self.0.data.args
    }

    /// To pass it on within this machine.
    pub(crate) fn as_bytes(&self) -> &[u8; Self::BYTES] {
        // SAFETY: the structure has no padding (8 + 4 + 4 + 64 bytes), so every byte of it is initialised.
        unsafe { &*(&raw const self.0).cast() }
    }

    /// The inverse.
    pub(crate) fn from_bytes(bytes: &[u8; Self::BYTES]) -> Self {
        // SAFETY: the structure consists of integers, which any bytes are; it is read without regard to alignment.
        Notification(unsafe { std::ptr::read_unaligned(bytes.as_ptr().cast()) })
    }
}

/// The next call that waits. One reader that has polled before is never blocked.
///
/// # Errors
/// ENOENT if the caller was killed meanwhile.
pub(crate) fn receive(notify: &impl AsFd) -> io::Result<Notification> {
    // SAFETY: the structure consists of integers, for which 0 is valid; the kernel wants zeroes.
    let mut received: libc::seccomp_notif = unsafe { std::mem::zeroed() };
    control(notify, libc::SECCOMP_IOCTL_NOTIF_RECV, &mut received)?;
    Ok(Notification(received))
}

/// Whether the caller still waits. What was read of it before, by its number, was its own if so.
pub(crate) fn is_waiting(notify: &impl AsFd, id: u64) -> bool {
    let mut id = id;
    control(notify, libc::SECCOMP_IOCTL_NOTIF_ID_VALID, &mut id).is_ok()
}

/// Lets the kernel do the call, as without a filter. A caller that is gone needs no answer.
pub(crate) fn continue_call(notify: &impl AsFd, id: u64) {
    let flags = libc::SECCOMP_USER_NOTIF_FLAG_CONTINUE as u32;
    let _ = send(notify, libc::seccomp_notif_resp { id, val: 0, error: 0, flags });
}

/// The call returns 0, or fails with this error, and the kernel does nothing. A caller that is gone needs no answer.
pub(crate) fn answer(notify: &impl AsFd, id: u64, result: Result<(), Errno>) {
    let error = result.err().map_or(0, |errno| -(errno as i32));
    let _ = send(notify, libc::seccomp_notif_resp { id, val: 0, error, flags: 0 });
}

/// Which descriptor a caller gets.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Placement {
    /// Of ours.
    pub(crate) descriptor: RawFd,
    /// The caller's, which is closed if it is open.
    pub(crate) number: RawFd,
    /// `FD_CLOEXEC`.
    pub(crate) is_close_on_exec: bool,
}

/// Gives a caller that waits a duplicate of `descriptor`, as its own `number`.
///
/// # Errors
/// ENOENT if the caller is gone.
pub(crate) fn place(
    notify: &impl AsFd,
    id: u64,
    descriptor: &impl AsFd,
    number: RawFd,
    is_close_on_exec: bool,
) -> nix::Result<()> {
    let descriptor = descriptor.as_fd().as_raw_fd();
    add_descriptor(notify, id, Placement { descriptor, number, is_close_on_exec })
}

pub(super) fn add_descriptor(notify: &impl AsFd, id: u64, placement: Placement) -> nix::Result<()> {
    let mut request = libc::seccomp_notif_addfd {
        id,
        flags: libc::SECCOMP_ADDFD_FLAG_SETFD as u32,
        srcfd: placement.descriptor.cast_unsigned(),
        newfd: placement.number.cast_unsigned(),
        newfd_flags: if placement.is_close_on_exec { libc::O_CLOEXEC.cast_unsigned() } else { 0 },
    };
    control(notify, libc::SECCOMP_IOCTL_NOTIF_ADDFD, &mut request)
}

fn send(notify: &impl AsFd, mut response: libc::seccomp_notif_resp) -> nix::Result<()> {
    control(notify, libc::SECCOMP_IOCTL_NOTIF_SEND, &mut response)
}

/// `request` has the size of `T` in its number, so the kernel reads and writes no more than that.
fn control<T>(notify: &impl AsFd, request: libc::Ioctl, argument: &mut T) -> nix::Result<()> {
    loop {
        // SAFETY: `argument` is a live value of the type that each of these requests takes.
        let done = unsafe { libc::ioctl(notify.as_fd().as_raw_fd(), request, &raw mut *argument) };
        match Errno::result(done) {
            Err(Errno::EINTR) => {}
            done => return done.map(drop),
        }
    }
}
