//! The runtime directory: where it is, and whether it can be trusted.
//!
//! A process that can write here can speak to every server of the user, so the directory must belong
//! to us, for us alone, and be no symbolic link (guarantee 6).

use std::collections::BTreeSet;
use std::fs::{self, DirBuilder};
use std::io;
use std::os::unix::ffi::OsStrExt;
use std::os::unix::fs::{DirBuilderExt, MetadataExt, PermissionsExt, lchown};
use std::path::{Path, PathBuf};

use nix::unistd::{Uid, geteuid};
use serverswap::protocol::Generation;
use serverswap::sys::process;

/// Longest path that fits a socket's address, without the closing NUL (unix(7)).
const SOCKET_PATH_BYTES_MAX: usize = 107;

/// A directory that was checked, and the files in it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Directory {
    path: PathBuf,
    /// This user, in a directory of root.
    guest: Option<u32>,
}

/// A directory that cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum DirectoryError {
    /// It is a symbolic link.
    #[error("the runtime directory `{}` is a symbolic link", path.display())]
    SymbolicLink {
        /// Which.
        path: PathBuf,
    },
    /// It is something else than a directory.
    #[error("the runtime directory `{}` is not a directory", path.display())]
    NotADirectory {
        /// Which.
        path: PathBuf,
    },
    /// Another user owns it.
    #[error("the runtime directory `{}` is owned by user {owner}, not by user {ours}", path.display())]
    OwnedByAnother {
        /// Which.
        path: PathBuf,
        /// Its owner's id.
        owner: u32,
        /// Our id.
        ours: u32,
    },
    /// Others may enter it.
    #[error("the runtime directory `{}` has mode {mode:04o}: other users could enter it", path.display())]
    OpenToOthers {
        /// Which.
        path: PathBuf,
        /// Its permission bits.
        mode: u32,
    },
    /// The socket's path would not fit.
    #[error("the runtime directory `{}` is too long: its socket would have {length} bytes, at most {limit} fit", path.display())]
    TooLong {
        /// Which.
        path: PathBuf,
        /// The length of its socket's path, in bytes.
        length: usize,
        /// The most that fits, in bytes.
        limit: usize,
    },
    /// It cannot be made or looked at.
    #[error("cannot use the runtime directory `{}`", path.display())]
    Io {
        /// Which.
        path: PathBuf,
        /// Why.
        source: io::Error,
    },
}

impl Directory {
    /// Makes the directory where there is none, and checks it.
    ///
    /// # Errors
    /// [`DirectoryError`]: nothing was changed but, at most, the directory made.
    pub fn prepare(path: &Path) -> Result<Self, DirectoryError> {
        let path = std::path::absolute(path).map_err(|source| io_error(path, source))?;
        match DirBuilder::new().mode(0o700).create(&path) {
            Ok(()) => {}
            Err(error) if error.kind() == io::ErrorKind::AlreadyExists => {}
            Err(source) => return Err(io_error(&path, source)),
        }
        Directory::check(&path)
    }

    /// Checks a directory that exists.
    ///
    /// # Errors
    /// [`DirectoryError`].
    pub fn check(path: &Path) -> Result<Self, DirectoryError> {
        Directory::check_as(path, |_| geteuid())
    }

    /// As [`Directory::check`], to look only: root may look at everybody's.
    ///
    /// # Errors
    /// [`DirectoryError`].
    pub fn inspect(path: &Path) -> Result<Self, DirectoryError> {
        Directory::check_as(path, |owner| if geteuid().is_root() { owner } else { geteuid() })
    }

    /// `user` is who must own it, given who does.
    fn check_as(path: &Path, user: impl Fn(Uid) -> Uid) -> Result<Self, DirectoryError> {
        let path = std::path::absolute(path).map_err(|source| io_error(path, source))?;
        let found = fs::symlink_metadata(&path).map_err(|source| io_error(&path, source))?;
        let user = user(Uid::from_raw(found.uid()));
        let guest = is_open_to_guests(&found) && !user.is_root();
        trustworthy(&path, &found, if guest { Uid::from_raw(0) } else { user })?;
        let directory = Directory { path, guest: guest.then_some(user.as_raw()) };
        let socket = directory.socket();
        let length = socket.as_os_str().len();
        let limit = SOCKET_PATH_BYTES_MAX - UNFINISHED_SUFFIX.len();
        if length > limit {
            return Err(DirectoryError::TooLong { path: directory.path, length, limit });
        }
        Ok(directory)
    }

    /// Where it is, absolute.
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// Whether it belongs to root, who lets this user take part: nothing in it is this user's own but [`Self::own_folder`].
    pub fn is_of_another(&self) -> bool {
        self.guest.is_some()
    }

    /// Where this user has sockets and files of his own.
    pub fn own_folder(&self) -> PathBuf {
        self.guest.map_or_else(|| self.path.clone(), |user| folder_of(&self.path, user))
    }

    /// Lets these users enter, with a folder for each; nobody but the owner, if there are none.
    ///
    /// # Errors
    /// As of chmod(2), mkdir(2) and chown(2).
    pub fn open_for(&self, users: &BTreeSet<u32>) -> io::Result<()> {
        let mode = |path: &Path, mode| fs::set_permissions(path, fs::Permissions::from_mode(mode));
        let make = |path: &Path| match fs::create_dir(path) {
            Err(error) if error.kind() != io::ErrorKind::AlreadyExists => Err(error),
            Ok(()) | Err(_) => Ok(()),
        };
        if users.is_empty() {
            return mode(&self.path, 0o700);
        }
        mode(&self.path, ENTERED_BY_OTHERS)?;
        let all = self.path.join(USERS);
        make(&all)?;
        mode(&all, ENTERED_BY_OTHERS)?;
        for user in users {
            let folder = folder_of(&self.path, *user);
            make(&folder)?;
            mode(&folder, 0o700)?;
            lchown(&folder, Some(*user), None)?;
        }
        Ok(())
    }

    /// The arbiter's socket.
    pub fn socket(&self) -> PathBuf {
        self.path.join("serverswap.sock")
    }

    /// The name, in the abstract namespace, of the socket for servers that have become another user. Only root can
    /// start such a server. The same for every arbiter of the directory, and of no other directory that processes of
    /// this network namespace may have at the same path.
    pub fn abstract_socket(&self) -> Option<String> {
        let namespace = geteuid().is_root().then(process::pid_namespace)?.ok()?;
        Some(format!("serverswap-{:016x}-{namespace}", fnv1a(self.path.as_os_str().as_bytes())))
    }

    /// The name under which the socket is bound before it is renamed.
    pub fn unfinished_socket(&self) -> PathBuf {
        self.path.join(format!("serverswap.sock{UNFINISHED_SUFFIX}"))
    }

    /// Where the resident that started a generation is asked for its next one. In containers several have the same pid.
    pub fn reload_socket(&self, generation: Generation) -> PathBuf {
        self.own_folder().join(format!("{RELOAD_PREFIX}{generation}{RELOAD_SUFFIX}"))
    }

    /// Those that are there, with the generations in their names.
    pub fn reload_sockets(path: &Path) -> Vec<(Generation, PathBuf)> {
        let generation = |path: &Path| {
            let name = path.file_name()?.to_str()?;
            name.strip_prefix(RELOAD_PREFIX)?.strip_suffix(RELOAD_SUFFIX)?.parse().ok()
        };
        let entries =
            |path: &Path| fs::read_dir(path).into_iter().flatten().flatten().map(|entry| entry.path());
        let mut folders: Vec<PathBuf> = entries(&path.join(USERS)).collect();
        folders.extend([path.to_owned(), folder_of(path, geteuid().as_raw())]);
        folders.sort();
        folders.dedup();
        let entries = folders.iter().flat_map(|folder| entries(folder));
        entries.filter_map(|path| Some((generation(&path)?, path))).collect()
    }

    /// The lock.
    pub fn lock(&self) -> PathBuf {
        self.path.join("lock")
    }

    /// The state file.
    pub fn state(&self) -> PathBuf {
        self.path.join("state.json")
    }
}

/// Search permission alone: what is in it cannot be listed, and everything has rights of its own.
const ENTERED_BY_OTHERS: u32 = 0o711;

/// The folders of other users.
const USERS: &str = "users";

const RELOAD_PREFIX: &str = "reload-";
const RELOAD_SUFFIX: &str = ".sock";
const UNFINISHED_SUFFIX: &str = ".new";

fn folder_of(directory: &Path, user: u32) -> PathBuf {
    directory.join(USERS).join(user.to_string())
}

fn is_open_to_guests(found: &fs::Metadata) -> bool {
    found.is_dir() && found.uid() == 0 && found.mode() & 0o7777 == ENTERED_BY_OTHERS
}

fn trustworthy(path: &Path, found: &fs::Metadata, user: Uid) -> Result<(), DirectoryError> {
    let path = path.to_owned();
    if found.is_symlink() {
        return Err(DirectoryError::SymbolicLink { path });
    }
    if !found.is_dir() {
        return Err(DirectoryError::NotADirectory { path });
    }
    if found.uid() != user.as_raw() {
        return Err(DirectoryError::OwnedByAnother { path, owner: found.uid(), ours: user.as_raw() });
    }
    let mode = found.mode() & 0o7777;
    if mode & 0o077 != 0 && mode != ENTERED_BY_OTHERS {
        return Err(DirectoryError::OpenToOthers { path, mode });
    }
    Ok(())
}

fn io_error(path: &Path, source: io::Error) -> DirectoryError {
    DirectoryError::Io { path: path.to_owned(), source }
}

/// FNV-1a, 64 bits: the same in every build. A path may be longer than the name of a socket.
fn fnv1a(bytes: &[u8]) -> u64 {
    bytes
        .iter()
        .fold(0xcbf2_9ce4_8422_2325, |hash, byte| (hash ^ u64::from(*byte)).wrapping_mul(0x0100_0000_01b3))
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::symlink;

    use super::*;

    #[test]
    fn it_is_made_for_its_owner_alone() {
        let folder = tempfile::tempdir().expect("a temporary directory");
        let path = folder.path().join("run");
        Directory::prepare(&path).expect("made");
        let mode = fs::metadata(&path).expect("there").permissions().mode() & 0o7777;
        assert_eq!(mode, 0o700);
        Directory::prepare(&path).expect("there already");
    }

    #[test]
    fn a_symbolic_link_is_refused() {
        let folder = tempfile::tempdir().expect("a temporary directory");
        let link = folder.path().join("run");
        symlink(folder.path(), &link).expect("linked");
        assert!(matches!(Directory::prepare(&link), Err(DirectoryError::SymbolicLink { .. })));
    }

    #[test]
    fn a_directory_that_others_may_enter_is_refused() {
        let folder = tempfile::tempdir().expect("a temporary directory");
        let path = folder.path().join("run");
        fs::create_dir(&path).expect("made");
        fs::set_permissions(&path, fs::Permissions::from_mode(0o755)).expect("opened");
        assert!(matches!(Directory::prepare(&path), Err(DirectoryError::OpenToOthers { mode: 0o755, .. })));
    }

    #[test]
    fn a_directory_that_others_may_only_enter_is_the_owners_still() {
        let folder = tempfile::tempdir().expect("a temporary directory");
        let directory = Directory::prepare(&folder.path().join("run")).expect("made");
        directory.open_for(&[geteuid().as_raw()].into()).expect("opened");
        let opened = Directory::check(directory.path()).expect("nobody can write or list there");
        assert!(!opened.is_of_another() && opened.own_folder() == opened.path());
        let mode = |path: &Path| path.metadata().expect("there").permissions().mode() & 0o7777;
        assert_eq!(
            (mode(opened.path()), mode(&folder_of(opened.path(), geteuid().as_raw()))),
            (0o711, 0o700)
        );
        opened.open_for(&BTreeSet::new()).expect("closed");
        assert_eq!(mode(opened.path()), 0o700);
    }

    #[test]
    fn a_directory_of_another_user_is_refused() {
        let folder = tempfile::tempdir().expect("a temporary directory");
        let found = fs::symlink_metadata(folder.path()).expect("there");
        let other = Uid::from_raw(found.uid() + 1);
        let result = trustworthy(folder.path(), &found, other);
        assert!(matches!(result, Err(DirectoryError::OwnedByAnother { .. })));
    }

    #[test]
    fn a_path_too_long_for_a_socket_is_refused() {
        let folder = tempfile::tempdir().expect("a temporary directory");
        let path = folder.path().join("a".repeat(100));
        assert!(matches!(Directory::prepare(&path), Err(DirectoryError::TooLong { .. })));
    }
}
