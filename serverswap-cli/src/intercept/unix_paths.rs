//! Keeps the paths of Unix listeners.
//!
//! A new server unlinks the path before it binds, and an old one when it ends, for neither knows that the
//! socket is shared. A file without a name cannot be given one again, so each generation has a second, hidden, hard link to the
//! socket file beside it, and from that the path is made again as soon as it is missing. The [reader](super::reader)
//! removes the link when the generation is gone.

use std::collections::BTreeMap;
use std::ffi::OsString;
use std::fs;
use std::future::pending;
use std::io;
use std::os::fd::{AsFd, AsRawFd, RawFd};
use std::path::{Path, PathBuf};

use nix::sys::inotify::{AddWatchFlags, InitFlags, Inotify};
use serverswap::protocol::Generation;
use tokio::io::unix::AsyncFd;

use crate::sys::async_fd::{OneDescriptor, async_fd};

/// The paths of one generation.
pub(super) struct UnixPaths {
    generation: Generation,
    /// Each path with its link.
    kept: BTreeMap<PathBuf, PathBuf>,
    watch: Option<AsyncFd<Watch>>,
}

struct Watch(Inotify);

impl AsRawFd for Watch {
    fn as_raw_fd(&self) -> RawFd {
        self.0.as_fd().as_raw_fd()
    }
}

impl OneDescriptor for Watch {}

impl UnixPaths {
    pub(super) fn new(generation: Generation) -> Self {
        UnixPaths { generation, kept: BTreeMap::new(), watch: None }
    }

    /// From now on the path is made again whenever it disappears; it exists. Returns the link, which is to be
    /// removed in the end.
    ///
    /// # Errors
    /// The directory may not be written to, or not watched.
    pub(super) fn keep(&mut self, path: &Path) -> io::Result<PathBuf> {
        let link = link(path, &self.generation.to_string())?;
        self.watch(path)?;
        let temporary = link.with_extension("new");
        let _ = fs::remove_file(&temporary);
        fs::hard_link(path, &temporary)?;
        fs::rename(&temporary, &link)?;
        // Renaming one link of a file to another does nothing (rename(2)).
        let _ = fs::remove_file(&temporary);
        self.kept.insert(path.to_owned(), link.clone());
        Ok(link)
    }

    /// Makes the path again, if it is missing.
    ///
    /// # Errors
    /// There is no link of any generation.
    pub(super) fn restore(&self, path: &Path) -> io::Result<()> {
        if fs::symlink_metadata(path).is_ok() {
            return Ok(());
        }
        let link = match self.kept.get(path) {
            Some(link) => link.clone(),
            None => newest_link(path)?,
        };
        match fs::hard_link(link, path) {
            Err(error) if error.kind() == io::ErrorKind::AlreadyExists => Ok(()),
            linked => linked,
        }
    }

    /// Waits until something was deleted in one of the directories, and makes the paths again that are missing.
    pub(super) async fn keep_all(&self) {
        let Some(watch) = &self.watch else { return pending().await };
        loop {
            let Ok(mut guard) = watch.readable().await else { return pending().await };
            while watch.get_ref().0.read_events().is_ok() {}
            guard.clear_ready();
            self.restore_all();
        }
    }

    /// What cannot be made again is missing, as it would be without us.
    fn restore_all(&self) {
        self.kept.keys().for_each(|path| drop(self.restore(path)));
    }

    fn watch(&mut self, path: &Path) -> io::Result<()> {
        let watch = match self.watch.take() {
            Some(watch) => watch,
            None => async_fd(Watch(Inotify::init(InitFlags::IN_CLOEXEC | InitFlags::IN_NONBLOCK)?))?,
        };
        let deletions = AddWatchFlags::IN_DELETE | AddWatchFlags::IN_MOVED_FROM | AddWatchFlags::IN_ONLYDIR;
        let (directory, _) = directory_and_name(path)?;
        let added = watch.get_ref().0.add_watch(directory, deletions);
        self.watch = Some(watch);
        added.map(drop).map_err(io::Error::from)
    }
}

/// Between the name of a socket and the generation, in the name of its link.
const MARK: &str = ".serverswap-";

/// `/run/app.sock` has `/run/.app.sock.serverswap-1000-77`.
fn link(path: &Path, suffix: &str) -> io::Result<PathBuf> {
    let (directory, name) = directory_and_name(path)?;
    let mut link = OsString::from(".");
    link.push(name);
    link.push(MARK);
    link.push(suffix);
    Ok(directory.join(link))
}

fn newest_link(path: &Path) -> io::Result<PathBuf> {
    let (directory, _) = directory_and_name(path)?;
    let start = link(path, "")?;
    let start = start.file_name().and_then(|name| name.to_str()).ok_or(io::ErrorKind::InvalidInput)?;
    let generation_of = |name: &str| name.strip_prefix(start)?.parse::<Generation>().ok();
    let names = fs::read_dir(directory)?.flatten().filter_map(|entry| entry.file_name().into_string().ok());
    let newest = names.filter_map(|name| Some((generation_of(&name)?, name))).max();
    newest.map(|(_, name)| directory.join(name)).ok_or_else(|| io::ErrorKind::NotFound.into())
}

fn directory_and_name(path: &Path) -> io::Result<(&Path, &std::ffi::OsStr)> {
    path.parent().zip(path.file_name()).ok_or_else(|| io::ErrorKind::InvalidInput.into())
}

#[cfg(test)]
mod tests {
    use std::os::unix::net::{UnixListener, UnixStream};

    use super::*;

    fn paths(start: u64) -> UnixPaths {
        UnixPaths::new(Generation { start, pid: 7 })
    }

    #[tokio::test]
    async fn a_path_that_was_unlinked_leads_to_the_same_listener_again() {
        let folder = tempfile::tempdir().expect("a temporary directory");
        let path = folder.path().join("app.sock");
        let _listener = UnixListener::bind(&path).expect("a free path");
        let mut old = paths(1);
        old.keep(&path).expect("kept");
        fs::remove_file(&path).expect("it was there");
        let mut new = paths(2);
        new.restore(&path).expect("there is a link");
        let link = new.keep(&path).and_then(|_| new.keep(&path)).expect("kept twice");
        UnixStream::connect(&path).expect("it listens");
        fs::remove_file(&path).expect("it was there");
        tokio::select! {
            () = new.keep_all() => {}
            () = async { while !path.exists() { tokio::task::yield_now().await } } => {}
        }
        UnixStream::connect(&path).expect("it listens");
        assert_eq!(link.file_name().and_then(|name| name.to_str()), Some(".app.sock.serverswap-2-7"));
        assert_eq!(fs::read_dir(folder.path()).expect("readable").count(), 3);
    }

    #[tokio::test]
    async fn a_path_without_a_link_is_not_made() {
        let folder = tempfile::tempdir().expect("a temporary directory");
        let error = paths(1).restore(&folder.path().join("app.sock")).expect_err("nothing is there");
        assert_eq!(error.kind(), io::ErrorKind::NotFound);
    }
}
