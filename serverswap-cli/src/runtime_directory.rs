//! The runtime directory of a command: one for each user, however that one has logged in.
//!
//! A login shell has `XDG_RUNTIME_DIR`, a service and a cron job have not, and `/run/user/UID` comes and
//! goes with the sessions: of the places where it may be, the first is used in which something of ours lives.
//! It is neither made nor trusted here: [`Directory`] does that.

use std::ffi::CString;
use std::os::unix::ffi::OsStrExt;
use std::path::{Path, PathBuf};

use nix::unistd::{AccessFlags, access};
use serverswap::sys::channel::connect;
use serverswap::sys::process;

use crate::cli::environment;
use crate::state::{self, Directory};
use crate::status::is_alive;

/// What a place is like.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Place {
    /// An arbiter answers there, or a server of its state lives.
    Inhabited,
    /// A directory of ours is there, or can be made.
    Usable,
    /// Neither.
    Unusable,
}

/// Finds it; `option` is `--dir`.
pub(crate) fn find(option: Option<&Path>) -> PathBuf {
    choose(environment::runtime_directories(option), look)
}

fn choose(places: Vec<PathBuf>, look: impl Fn(&Path) -> Place) -> PathBuf {
    let mut usable = None;
    if places.len() > 1 {
        for place in &places {
            match look(place) {
                // The others are not looked at: that takes a connection to whoever lives there.
                Place::Inhabited => return place.clone(),
                Place::Usable => usable = usable.or(Some(place)),
                Place::Unusable => {}
            }
        }
    }
    usable.or(places.first()).cloned().unwrap_or_default()
}

fn look(path: &Path) -> Place {
    match Directory::check(path) {
        Ok(directory) if is_inhabited(&directory) => Place::Inhabited,
        Ok(_) => Place::Usable,
        Err(_) if path.symlink_metadata().is_err() && is_writable(path.parent()) => Place::Usable,
        Err(_) => Place::Unusable,
    }
}

fn is_inhabited(directory: &Directory) -> bool {
    connect(&directory.socket()).is_ok() || lives_by_its_state(directory)
}

fn lives_by_its_state(directory: &Directory) -> bool {
    let Ok(Some(file)) = state::read(&directory.state()) else {
        return false;
    };
    let is_of_this_boot = process::boot_id().is_ok_and(|boot| boot == file.header.boot);
    is_of_this_boot && file.snapshot.processes().into_iter().any(is_alive)
}

fn is_writable(folder: Option<&Path>) -> bool {
    let Some(folder) = folder.and_then(|folder| CString::new(folder.as_os_str().as_bytes()).ok()) else {
        return false;
    };
    access(folder.as_c_str(), AccessFlags::W_OK | AccessFlags::X_OK).is_ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn chosen(places: &[(&str, Place)]) -> String {
        let paths = places.iter().map(|(path, _)| PathBuf::from(path)).collect();
        let look = |path: &Path| {
            let found = places.iter().find(|(known, _)| Path::new(known) == path);
            found.expect("one of them").1
        };
        choose(paths, look).display().to_string()
    }

    #[test]
    fn where_something_lives_is_the_directory_whatever_comes_before_it() {
        let places = [("/run/user/7/serverswap", Place::Usable), ("/tmp/serverswap-7", Place::Inhabited)];
        assert_eq!(chosen(&places), "/tmp/serverswap-7");
        let places = [("/run/user/7/serverswap", Place::Inhabited), ("/tmp/serverswap-7", Place::Inhabited)];
        assert_eq!(chosen(&places), "/run/user/7/serverswap");
    }

    #[test]
    fn else_it_is_the_first_that_can_be_made() {
        let places = [("/run/user/7/serverswap", Place::Unusable), ("/tmp/serverswap-7", Place::Usable)];
        assert_eq!(chosen(&places), "/tmp/serverswap-7");
        let places = [("/run/user/7/serverswap", Place::Unusable), ("/tmp/serverswap-7", Place::Unusable)];
        assert_eq!(chosen(&places), "/run/user/7/serverswap", "the error names the first");
    }

    #[test]
    fn a_directory_in_which_nothing_lives_is_usable_and_one_that_cannot_be_made_is_not() {
        let folder = tempfile::tempdir().expect("a temporary folder");
        let path = folder.path().join("run");
        assert_eq!(look(&path), Place::Usable);
        let directory = Directory::prepare(&path).expect("made");
        assert_eq!(look(&path), Place::Usable);
        let _arbiter = std::os::unix::net::UnixListener::bind(directory.socket()).expect("a free path");
        assert_eq!(look(&path), Place::Inhabited);
        assert_eq!(look(Path::new("/nowhere/at/all")), Place::Unusable);
    }
}
