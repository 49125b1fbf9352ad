//! What a child does between fork and exec: a session of its own, signals as they are in a
//! fresh process, and no descriptor but stdin, stdout and stderr.
//!
//! A signal of a shell that this process was started with as ignored stays ignored, as it does
//! without serverswap.

use std::fs::File;
use std::io;
use std::os::unix::fs::OpenOptionsExt;
use std::os::unix::process::CommandExt;
use std::process::Command;

use super::signals::INHERITED;

/// Every signal but the real-time ones (signal(7)).
const ORDINARY_SIGNALS: std::ops::RangeInclusive<libc::c_int> = 1..=31;

/// Makes the child of `command` the leader of a session and a process group, so that
/// neither a closed terminal nor a Ctrl-C meant for us reaches it, gives it default signal
/// dispositions (but for [`INHERITED`], which we never change) and an empty signal mask, and leaves it the standard descriptors alone.
pub(crate) fn own_session(command: &mut Command) {
    // SAFETY: `prepare` runs in the child between fork and exec and calls async-signal-safe
    // functions only (signal-safety(7)): it allocates nothing and takes no lock.
    unsafe { command.pre_exec(prepare) };
}

/// Makes this process the leader of a session.
///
/// # Errors
/// EPERM if it is the leader of a process group.
pub(crate) fn begin() -> io::Result<()> {
    // SAFETY: setsid takes no arguments and touches no memory of ours.
    if unsafe { libc::setsid() } == -1 { Err(io::Error::last_os_error()) } else { Ok(()) }
}

/// Whether this process leads a session.
pub(crate) fn is_own() -> bool {
    // SAFETY: both take or return numbers only.
    unsafe { libc::getsid(0) == libc::getpid() }
}

/// Whether this process has a controlling terminal: one that has can open it by this name (tty(4)).
pub(crate) fn has_terminal() -> bool {
    File::options().read(true).custom_flags(libc::O_NOCTTY).open("/dev/tty").is_ok()
}

fn prepare() -> io::Result<()> {
    begin()?;
    default_signals()?;
    super::descriptors::restore_limit()?;
    close_on_exec();
    Ok(())
}

fn default_signals() -> io::Result<()> {
    for signal in ORDINARY_SIGNALS {
        let is_inherited = INHERITED.iter().any(|inherited| *inherited as libc::c_int == signal);
        if !is_inherited && signal != libc::SIGKILL && signal != libc::SIGSTOP {
            // SAFETY: SIG_DFL is a valid disposition for every signal but the two left out.
            unsafe { libc::signal(signal, libc::SIG_DFL) };
        }
    }
    let mut none = std::mem::MaybeUninit::<libc::sigset_t>::uninit();
    // SAFETY: sigemptyset initialises the set that sigprocmask reads; the old mask is not asked for.
    let changed = unsafe {
        libc::sigemptyset(none.as_mut_ptr());
        libc::sigprocmask(libc::SIG_SETMASK, none.as_ptr(), std::ptr::null_mut())
    };
    if changed == -1 { Err(io::Error::last_os_error()) } else { Ok(()) }
}

/// Marks everything above stderr. The standard library's own pipe stays usable until exec.
/// Kernels before 5.11 do not know it: there, everything of ours is close-on-exec anyway.
fn close_on_exec() {
    // SAFETY: the call changes descriptor flags only; its failure changes nothing.
    unsafe {
        libc::syscall(libc::SYS_close_range, 3 as libc::c_uint, libc::c_uint::MAX, libc::CLOSE_RANGE_CLOEXEC)
    };
}
