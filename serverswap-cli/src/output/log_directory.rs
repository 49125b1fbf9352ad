//! The directory of the logs. It is on a disk: a server may write gigabytes, and a memory file system is
//! never filled.

use std::ffi::OsString;
use std::fs::{self, DirBuilder, File};
use std::io;
use std::os::unix::fs::{DirBuilderExt, MetadataExt, OpenOptionsExt};
use std::path::{Path, PathBuf};

use nix::sys::statfs::{FsType, TMPFS_MAGIC, fstatfs};
use nix::unistd::{Uid, User, geteuid};

use crate::cli::environment;

/// ramfs (linux/magic.h).
const RAMFS_MAGIC: FsType = FsType(0x8584_58f6);

/// Why a directory cannot have logs.
#[derive(Debug, thiserror::Error)]
pub(crate) enum LogDirectoryError {
    #[error("`{}` is on a memory file system", .0.display())]
    InMemory(PathBuf),
    #[error("`{}` is not a directory that this user alone may write to", .0.display())]
    NotOurs(PathBuf),
    #[error("`{}` cannot be used: {source}", .path.display())]
    Io { path: PathBuf, source: io::Error },
}

/// Makes the first of the [`candidates`] that can have logs, or finds it.
///
/// # Errors
/// There is none; why the first one cannot.
pub(crate) fn prepare() -> Result<PathBuf, LogDirectoryError> {
    first_usable(candidates(geteuid()))
}

/// Where the logs of a runtime directory may be: where its owner has them and, if that is somebody else, this user.
pub(crate) fn candidates_of(directory: &Path) -> Vec<PathBuf> {
    let owner = fs::metadata(directory).map_or(geteuid(), |found| Uid::from_raw(found.uid()));
    let mut places = candidates(owner);
    if owner != geteuid() {
        places.extend(candidates(geteuid()));
    }
    places
}

/// Where the logs of a user may be, best first: `$XDG_STATE_HOME/serverswap` if that is set;
/// `/var/log/serverswap` for root, `~/.local/state/serverswap` for others; `/var/tmp/serverswap-UID`.
pub(super) fn candidates(user: Uid) -> Vec<PathBuf> {
    let variable = |name: &str| if user == geteuid() { std::env::var_os(name) } else { None };
    let home = || User::from_uid(user).ok().flatten().map(|found| found.dir);
    candidates_with(variable, home, user)
}

fn candidates_with(
    variable: impl Fn(&str) -> Option<OsString>,
    home: impl FnOnce() -> Option<PathBuf>,
    user: Uid,
) -> Vec<PathBuf> {
    let absolute = |name| variable(name).map(PathBuf::from).filter(|path| path.is_absolute());
    let state_home = absolute(environment::XDG_STATE_HOME).map(|path| path.join("serverswap"));
    let own = if user.is_root() {
        Some(PathBuf::from("/var/log/serverswap"))
    } else {
        let home = absolute(environment::HOME).or_else(home);
        home.map(|home| home.join(".local/state/serverswap"))
    };
    let last = PathBuf::from(format!("/var/tmp/serverswap-{user}"));
    state_home.into_iter().chain(own).chain([last]).collect()
}

fn first_usable(candidates: Vec<PathBuf>) -> Result<PathBuf, LogDirectoryError> {
    let mut first_error = None;
    for candidate in candidates {
        match make(&candidate).and_then(|()| check(&candidate)) {
            Ok(()) => return Ok(candidate),
            Err(error) => first_error = first_error.or(Some(error)),
        }
    }
    Err(first_error.expect("there is always the one in /var/tmp"))
}

fn make(path: &Path) -> Result<(), LogDirectoryError> {
    let made = DirBuilder::new().recursive(true).mode(0o700).create(path);
    made.map_err(|source| LogDirectoryError::Io { path: path.to_owned(), source })
}

/// Nobody else may put a symbolic link there for us to write through.
fn check(path: &Path) -> Result<(), LogDirectoryError> {
    let failed = |source| LogDirectoryError::Io { path: path.to_owned(), source };
    let found = fs::symlink_metadata(path).map_err(failed)?;
    if !found.is_dir() || found.uid() != geteuid().as_raw() || found.mode() & 0o022 != 0 {
        return Err(LogDirectoryError::NotOurs(path.to_owned()));
    }
    let directory = File::options().read(true).custom_flags(libc::O_DIRECTORY).open(path).map_err(failed)?;
    let kind = fstatfs(&directory).map_err(|errno| failed(errno.into()))?.filesystem_type();
    if kind == TMPFS_MAGIC || kind == RAMFS_MAGIC {
        return Err(LogDirectoryError::InMemory(path.to_owned()));
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::{PermissionsExt, symlink};

    use super::*;

    fn found(variables: &[(&str, &str)], user: u32) -> Vec<String> {
        let variable = |name: &str| {
            variables.iter().find(|(key, _)| *key == name).map(|(_, value)| OsString::from(value))
        };
        let candidates = candidates_with(variable, || Some("/home/of/passwd".into()), Uid::from_raw(user));
        candidates.iter().map(|path| path.display().to_string()).collect()
    }

    #[test]
    fn root_has_var_log_and_others_their_own_state_directory() {
        assert_eq!(found(&[("HOME", "/root")], 0), ["/var/log/serverswap", "/var/tmp/serverswap-0"]);
        let home = ("HOME", "/home/me");
        assert_eq!(found(&[home], 7), ["/home/me/.local/state/serverswap", "/var/tmp/serverswap-7"]);
        assert_eq!(found(&[], 7)[0], "/home/of/passwd/.local/state/serverswap");
        let state = ("XDG_STATE_HOME", "/srv/state");
        assert_eq!(found(&[home, state], 7)[0], "/srv/state/serverswap");
        assert_eq!(found(&[state], 0)[..2], ["/srv/state/serverswap", "/var/log/serverswap"]);
        assert_eq!(found(&[("XDG_STATE_HOME", "relative")], 0)[0], "/var/log/serverswap");
    }

    #[test]
    fn the_first_that_only_its_user_may_write_to_is_used() {
        let folder = tempfile::tempdir().expect("a temporary directory");
        let (open, link, good) = ("open", "link", "a/b/good");
        fs::create_dir(folder.path().join(open)).expect("made");
        fs::set_permissions(folder.path().join(open), fs::Permissions::from_mode(0o777)).expect("opened");
        symlink(folder.path(), folder.path().join(link)).expect("linked");
        let candidates = [open, link, good].map(|name| folder.path().join(name));
        let used = first_usable(candidates.to_vec()).expect("the last can be made");
        assert_eq!(used, folder.path().join(good));
        assert_eq!(fs::metadata(used).expect("there").permissions().mode() & 0o777, 0o700);
    }

    #[test]
    fn a_memory_file_system_is_never_filled() {
        if !Path::new("/dev/shm").exists() {
            return;
        }
        let folder = tempfile::tempdir_in("/dev/shm").expect("a temporary directory");
        let error = first_usable(vec![folder.path().join("log")]).expect_err("it is a tmpfs");
        assert!(matches!(error, LogDirectoryError::InMemory(_)), "{error}");
    }
}
