//! Signals to this process as a descriptor, from the first moment on.

use std::io;
use std::os::fd::{AsFd, AsRawFd, BorrowedFd, RawFd};

use nix::sys::signal::{SigSet, Signal};
use nix::sys::signalfd::{SfdFlags, SignalFd};

use crate::supervisor::StopPath;

/// The signals of a shell that a parent may have had ignored, for example with `… &` in a script or
/// with nohup(1): then they stay ignored, here and in the server.
pub(super) const INHERITED: [Signal; 3] = [Signal::SIGINT, Signal::SIGQUIT, Signal::SIGHUP];

/// Reads the signals that were sent to this process.
#[derive(Debug)]
pub(crate) struct SignalDescriptor(SignalFd);

/// A signal that was sent to this process.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Received {
    pub(crate) signal: Signal,
    /// How it came.
    pub(crate) path: StopPath,
    /// The process that has sent it, 0 if that is not visible from here; `None` is the kernel.
    pub(crate) sender: Option<u32>,
    /// The user of that process.
    pub(crate) user: u32,
}

impl SignalDescriptor {
    /// From now on TERM, INT, HUP and CHLD wait here to be read, but for an INT or HUP that was ignored
    /// when this process was started. Called before there is a second thread, which inherits the mask.
    ///
    /// # Errors
    /// Out of descriptors.
    pub(crate) fn new() -> io::Result<Self> {
        // A parent that ignores CHLD would have our children reaped by the kernel.
        set_disposition(libc::SIGCHLD, libc::SIG_DFL);
        // A background job may write to its terminal (termios(3), TOSTOP) without being stopped.
        set_disposition(libc::SIGTTOU, libc::SIG_IGN);
        let mut read = SigSet::empty();
        for signal in [Signal::SIGTERM, Signal::SIGINT, Signal::SIGHUP, Signal::SIGCHLD] {
            if !(INHERITED.contains(&signal) && is_ignored(signal)) {
                read.add(signal);
            }
        }
        read.thread_block()?;
        let descriptor = SignalFd::with_flags(&read, SfdFlags::SFD_NONBLOCK | SfdFlags::SFD_CLOEXEC)?;
        Ok(SignalDescriptor(descriptor))
    }

    /// The next signal; `None` if no more wait.
    pub(crate) fn read(&self) -> Option<Received> {
        let info = self.0.read_signal().ok().flatten()?;
        let signal = i32::try_from(info.ssi_signo).ok().and_then(|number| Signal::try_from(number).ok())?;
        let request = u32::try_from(info.ssi_int.wrapping_sub(BEFORE_PASSED_ON)).unwrap_or_default();
        let is_passed_on = info.ssi_code == libc::SI_QUEUE && (1..=REQUESTS_MAX).contains(&request);
        // Positive codes are the kernel's (sigaction(2)).
        let sender = (info.ssi_code <= 0).then_some(info.ssi_pid);
        let path = if is_passed_on { StopPath::PassedOn { request } } else { StopPath::Direct };
        Some(Received { signal, path, sender, user: info.ssi_uid })
    }
}

impl AsFd for SignalDescriptor {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.0.as_fd()
    }
}

/// The value of a signal that was passed on (sigqueue(3)), less the number of the request.
const BEFORE_PASSED_ON: libc::c_int = 0x5357_414f;

/// Most requests that are told apart when they are passed on.
const REQUESTS_MAX: u32 = 16;

/// What is used of `siginfo_t` by a queued signal (rt_sigqueueinfo(2)), with its size.
#[repr(C)]
struct QueuedSignal {
    number: libc::c_int,
    errno: libc::c_int,
    code: libc::c_int,
    #[cfg(target_pointer_width = "64")]
    _padding: libc::c_int,
    pid: libc::pid_t,
    uid: libc::uid_t,
    value: usize,
    rest: [u8; 96],
}

/// Sends TERM to another supervisor, marked as this request, passed on.
///
/// # Errors
/// ESRCH when it is gone, EPERM when it is another user's.
pub(crate) fn pass_on(pidfd: impl AsFd, request: u32) -> io::Result<()> {
    let value = BEFORE_PASSED_ON as usize + request.min(REQUESTS_MAX) as usize;
    let signal = QueuedSignal {
        number: libc::SIGTERM,
        errno: 0,
        code: libc::SI_QUEUE,
        #[cfg(target_pointer_width = "64")]
        _padding: 0,
        pid: nix::unistd::getpid().as_raw(),
        uid: nix::unistd::getuid().as_raw(),
        value,
        rest: [0; 96],
    };
    const { assert!(size_of::<QueuedSignal>() >= size_of::<libc::siginfo_t>()) };
    let fd = pidfd.as_fd().as_raw_fd();
    // SAFETY: the kernel reads a siginfo_t, and `signal` is at least as long and lives through the call.
    let sent = unsafe { libc::syscall(libc::SYS_pidfd_send_signal, fd, libc::SIGTERM, &raw const signal, 0) };
    if sent == -1 { Err(io::Error::last_os_error()) } else { Ok(()) }
}

impl AsRawFd for SignalDescriptor {
    fn as_raw_fd(&self) -> RawFd {
        self.0.as_fd().as_raw_fd()
    }
}

pub(super) fn is_ignored(signal: Signal) -> bool {
    let mut found = std::mem::MaybeUninit::<libc::sigaction>::uninit();
    // SAFETY: without a new action, sigaction only writes the present one to `found`.
    let asked = unsafe { libc::sigaction(signal as libc::c_int, std::ptr::null(), found.as_mut_ptr()) };
    // SAFETY: the call has succeeded, so `found` is initialised.
    asked == 0 && unsafe { found.assume_init() }.sa_sigaction == libc::SIG_IGN
}

fn set_disposition(signal: libc::c_int, disposition: libc::sighandler_t) {
    // SAFETY: SIG_DFL and SIG_IGN are valid dispositions and run no code of ours.
    unsafe { libc::signal(signal, disposition) };
}
