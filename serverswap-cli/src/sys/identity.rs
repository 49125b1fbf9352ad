//! Gives up root for another user.

use std::ffi::CString;
use std::io;
use std::path::PathBuf;

use nix::sys::prctl::set_dumpable;
use nix::unistd::{Gid, Uid, initgroups, setgroups, setresgid, setresuid};

/// A user.
pub(crate) struct Identity {
    pub(crate) uid: Uid,
    pub(crate) gid: Gid,
    /// The name and the home directory, of a user who is listed.
    pub(crate) named: Option<(String, PathBuf)>,
}

/// Makes this process that user's, for good. It must have one thread yet.
///
/// # Errors
/// The process is not root's, or a limit is reached (EAGAIN).
pub(crate) fn assume(identity: &Identity) -> io::Result<()> {
    let Identity { uid, gid, named } = identity;
    match named.as_ref().and_then(|(name, _)| CString::new(name.as_str()).ok()) {
        Some(name) => initgroups(&name, *gid)?,
        None => setgroups(&[])?,
    }
    setresgid(*gid, *gid, *gid)?;
    setresuid(*uid, *uid, *uid)?;
    // The kernel hides a process that was root's from the user: no later arbiter could look into it.
    set_dumpable(true)?;
    if let Some((name, home)) = named {
        for (variable, value) in
            [("USER", name.as_ref()), ("LOGNAME", name.as_ref()), ("HOME", home.as_os_str())]
        {
            // SAFETY: this process has one thread yet, so nothing reads the environment meanwhile.
            unsafe { std::env::set_var(variable, value) };
        }
    }
    for variable in ["XDG_RUNTIME_DIR", "XDG_STATE_HOME"] {
        // SAFETY: as above.
        unsafe { std::env::remove_var(variable) };
    }
    Ok(())
}
