//! Root acts in the directory of another user as that user: what is started there belongs to that one, and
//! the next deploy of that user finds it.
//!
//! Everything else stays as root has it; only the variables that name the user's own folders are those of
//! the user.

use std::io;
use std::os::unix::fs::MetadataExt;
use std::path::Path;

use nix::unistd::{Gid, Uid, User, geteuid};

use crate::sys::identity::{self, Identity};
use crate::ui::Report;

/// Becomes the owner of the runtime directory, if this is root and it exists and belongs to somebody else.
///
/// # Errors
/// The kernel refuses it.
pub(crate) fn become_owner_of(path: &Path, report: impl Fn(&Report)) -> io::Result<()> {
    let Ok(found) = path.symlink_metadata() else {
        return Ok(());
    };
    let owner = Uid::from_raw(found.uid());
    if !geteuid().is_root() || owner.is_root() || !found.is_dir() {
        return Ok(());
    }
    let user = User::from_uid(owner).ok().flatten();
    let name = user.as_ref().map(|user| user.name.clone());
    identity::assume(&match user {
        Some(User { name, gid, dir, .. }) => Identity { uid: owner, gid, named: Some((name, dir)) },
        None => Identity { uid: owner, gid: Gid::from_raw(found.gid()), named: None },
    })?;
    report(&Report::ActingAs { uid: owner.as_raw(), user: name, directory: path.to_owned() });
    Ok(())
}
