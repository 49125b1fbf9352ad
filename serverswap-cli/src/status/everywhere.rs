//! Every runtime directory that this user may look into: the usual places, and those of living servers.

use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};

use nix::unistd::geteuid;
use serverswap::sys::process;

use super::changes::Place;
use crate::cli::environment::{self, SERVERSWAP_DIR};
use crate::state::Directory;

/// Those that are there, and those that are gone while their servers live.
pub(super) fn directories() -> BTreeSet<PathBuf> {
    let mut found: BTreeSet<PathBuf> = environment::runtime_directories(None).into_iter().collect();
    found.insert(PathBuf::from("/run/serverswap"));
    found.extend(children(Path::new("/run/user"), "").into_iter().map(|user| user.join("serverswap")));
    found.extend(children(Path::new("/tmp"), "serverswap-"));
    found.retain(|path| Directory::inspect(path).is_ok());
    let of_servers = process::values_of(SERVERSWAP_DIR).unwrap_or_default();
    found.extend(of_servers.into_iter().map(PathBuf::from).filter(|path| may_be_shown(path)));
    found
}

/// Where a further one may appear.
pub(super) fn places() -> Vec<Place> {
    let users = children(Path::new("/run/user"), "").into_iter();
    let of_users = users.map(|folder| Place { folder, prefix: "serverswap".into() });
    let usual = [("/run", "serverswap"), ("/run/user", ""), ("/tmp", "serverswap-")];
    let usual = usual.map(|(folder, prefix)| Place { folder: folder.into(), prefix: prefix.into() });
    of_users.chain(usual).collect()
}

/// Of root every server's, of others their own: another user's variable is not readable.
fn may_be_shown(path: &Path) -> bool {
    let is_gone =
        || fs::symlink_metadata(path).is_err_and(|error| error.kind() == std::io::ErrorKind::NotFound);
    path.is_absolute() && (Directory::inspect(path).is_ok() || is_gone())
}

/// What this user may see of a folder.
fn children(folder: &Path, prefix: &str) -> Vec<PathBuf> {
    let entries = fs::read_dir(folder).into_iter().flatten().flatten();
    let entries = entries.filter(|entry| entry.file_name().to_string_lossy().starts_with(prefix));
    let is_ours = |path: &PathBuf| geteuid().is_root() || fs::read_dir(path).is_ok();
    entries.map(|entry| entry.path()).filter(is_ours).collect()
}
