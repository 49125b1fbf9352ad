//! Puts the filter into force in this process, for good.

use std::io;
use std::os::fd::{AsRawFd, FromRawFd, OwnedFd};

use nix::errno::Errno;

use super::filter::{Filter, Selection};
use super::notify::{Placement, add_descriptor};

/// A filter that is in force.
#[derive(Debug)]
pub(crate) struct Installed {
    /// Where calls are received and answered; close-on-exec.
    pub(crate) notify: OwnedFd,
    /// The process may not gain privileges any more: set-uid programs and file capabilities have no effect.
    pub(crate) no_new_privs: bool,
}

/// Why there can be no filter.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub(crate) enum InstallError {
    /// The chain of filters has a notify descriptor already.
    #[error(
        "this process is itself started by something that intercepts system calls (seccomp), and the kernel allows that once"
    )]
    Nested,
    /// A feature is missing.
    #[error("this kernel cannot do it: it takes Linux 5.9, with seccomp filters, on x86-64 or arm64")]
    KernelTooOld,
    /// Anything else.
    #[error("the kernel refuses the filter: {}", io::Error::from_raw_os_error(*.0))]
    Refused(i32),
}

impl InstallError {
    /// What an error of seccomp(2) means.
    pub(crate) fn from_errno(errno: i32) -> Self {
        match errno {
            libc::EBUSY => InstallError::Nested,
            libc::EINVAL | libc::ENOSYS | libc::EOPNOTSUPP => InstallError::KernelTooOld,
            errno => InstallError::Refused(errno),
        }
    }

    /// The inverse of [`Self::from_errno`].
    pub(crate) fn errno(self) -> i32 {
        match self {
            InstallError::Nested => libc::EBUSY,
            InstallError::KernelTooOld => libc::EOPNOTSUPP,
            InstallError::Refused(errno) => errno,
        }
    }
}

/// Whether the kernel knows the action: what can be said before anything is started.
///
/// # Errors
/// [`InstallError::KernelTooOld`].
pub(crate) fn available() -> Result<(), InstallError> {
    if Filter::of(Selection::Sockets, false).instructions().len() <= 1 {
        return Err(InstallError::KernelTooOld); // an architecture whose numbers are not known
    }
    let action = libc::SECCOMP_RET_USER_NOTIF;
    // SAFETY: the kernel reads one u32 at the pointer, which lives through the call.
    seccomp(unsafe {
        libc::syscall(libc::SYS_seccomp, libc::SECCOMP_GET_ACTION_AVAIL, 0, &raw const action)
    })?;
    Ok(())
}

/// Puts the filter into force in this thread and all that it starts, also after exec(2). Without the right
/// (CAP_SYS_ADMIN) the kernel wants `no_new_privs`, and gets it. Allocates nothing, so that it may be called after fork(2).
///
/// # Errors
/// The filter is not in force; or ([`InstallError::KernelTooOld`]) it is, and cannot be used.
pub(crate) fn install(filter: &Filter) -> Result<Installed, InstallError> {
    let (notify, no_new_privs) = match new_listener(filter) {
        Err(InstallError::Refused(libc::EACCES)) => {
            forbid_new_privileges()?;
            (new_listener(filter)?, true)
        }
        installed => (installed?, false),
    };
    knows_placement(&notify)?;
    Ok(Installed { notify, no_new_privs })
}

/// Signals would make a call that waits start again (Go sends itself many), so only those that kill interrupt it. Before
/// Linux 5.19 all do, and the call comes a second time.
fn new_listener(filter: &Filter) -> Result<OwnedFd, InstallError> {
    let flags = libc::SECCOMP_FILTER_FLAG_NEW_LISTENER;
    match set_filter(filter, flags | libc::SECCOMP_FILTER_FLAG_WAIT_KILLABLE_RECV) {
        Err(InstallError::KernelTooOld) => set_filter(filter, flags),
        installed => installed,
    }
}

fn set_filter(filter: &Filter, flags: libc::c_ulong) -> Result<OwnedFd, InstallError> {
    let instructions = filter.instructions();
    let program = libc::sock_fprog {
        len: instructions.len() as libc::c_ushort,
        filter: instructions.as_ptr().cast_mut(),
    };
    // SAFETY: the kernel reads `program` and the `len` instructions that it points to; both live through the call.
    let made = seccomp(unsafe {
        libc::syscall(libc::SYS_seccomp, libc::SECCOMP_SET_MODE_FILTER, flags, &raw const program)
    })?;
    // SAFETY: the kernel has just made this descriptor for us and nobody else knows it.
    Ok(unsafe { OwnedFd::from_raw_fd(made as i32) })
}

fn forbid_new_privileges() -> Result<(), InstallError> {
    // SAFETY: this prctl takes numbers only.
    seccomp(unsafe { libc::prctl(libc::PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) }.into()).map(drop)
}

/// No call has the number 0 yet; a kernel that cannot place descriptors does not even look (EINVAL).
fn knows_placement(notify: &OwnedFd) -> Result<(), InstallError> {
    let own = notify.as_raw_fd();
    let placement = Placement { descriptor: own, number: own, is_close_on_exec: true };
    match add_descriptor(notify, 0, placement) {
        Err(Errno::EINVAL) => Err(InstallError::KernelTooOld),
        Ok(()) | Err(_) => Ok(()),
    }
}

fn seccomp(result: libc::c_long) -> Result<libc::c_long, InstallError> {
    Errno::result(result).map_err(|errno| InstallError::from_errno(errno as i32))
}

/// For tests: `command` installs the filter in its child right before exec, and `send` passes on what came of it.
#[cfg(test)]
pub(crate) fn filtered(
    command: &mut std::process::Command,
    filter: Filter,
    send: impl Fn(&Installed) -> io::Result<()> + Send + Sync + 'static,
) {
    use std::os::unix::process::CommandExt;
    let before_exec = move || {
        let installed = install(&filter).map_err(|error| io::Error::from_raw_os_error(error.errno()))?;
        send(&installed)
    };
    // SAFETY: between fork and exec there are system calls only, and allocations, which glibc and musl allow there.
    unsafe { command.pre_exec(before_exec) };
}

/// For tests: a descriptor that came with a message.
#[cfg(test)]
pub(crate) fn received(descriptor: i32) -> OwnedFd {
    // SAFETY: the kernel has just made this descriptor for us and nobody else knows it.
    unsafe { OwnedFd::from_raw_fd(descriptor) }
}
