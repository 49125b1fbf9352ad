//! Every environment variable that the commands read, set or take away, in one place.

use std::ffi::OsString;
use std::path::{Path, PathBuf};

use nix::unistd::geteuid;

/// The arbiter's socket. Set for the server.
pub const SERVERSWAP_SOCKET: &str = "SERVERSWAP_SOCKET";

/// The generation that the server belongs to. Set for the server.
pub const SERVERSWAP_GENERATION: &str = "SERVERSWAP_GENERATION";

/// The runtime directory. Read (`--dir` goes before it), and set for the server.
pub const SERVERSWAP_DIR: &str = "SERVERSWAP_DIR";

/// The user's runtime directory, the parent of ours. Read.
pub const XDG_RUNTIME_DIR: &str = "XDG_RUNTIME_DIR";

/// No colour if it is set to anything (no-color.org). Read.
pub const NO_COLOR: &str = "NO_COLOR";

/// Taken away from the server: what a service manager gave to the supervisor. A server that
/// said `STOPPING=1` to it would stop the whole unit.
pub const SCRUBBED: [&str; 9] = [
    "NOTIFY_SOCKET",
    "WATCHDOG_PID",
    "WATCHDOG_USEC",
    "LISTEN_PID",
    "LISTEN_PIDFDID",
    "LISTEN_FDS",
    "LISTEN_FDNAMES",
    "LISTEN_FDS_FIRST_FD",
    "FDSTORE",
];

/// Where the runtime directory's path comes from.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum DirectorySource {
    /// `--dir`.
    Option,
    /// `SERVERSWAP_DIR`.
    Environment,
    /// `/run/serverswap`, for root.
    Root,
    /// `$XDG_RUNTIME_DIR/serverswap`.
    UserRuntime,
    /// `/tmp/serverswap-UID`.
    Temporary,
}

/// The runtime directory that was asked for. It is neither created nor looked at here.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RuntimeDirectory {
    /// Absolute, and as it was given: no symbolic link is resolved.
    pub path: PathBuf,
    /// Who said so.
    pub source: DirectorySource,
}

/// Finds the runtime directory: the first of `--dir`, `SERVERSWAP_DIR`, `/run/serverswap`
/// for root, `$XDG_RUNTIME_DIR/serverswap`, `/tmp/serverswap-UID`. An empty variable counts
/// as unset; a relative path is taken from the present working directory.
pub fn runtime_directory(option: Option<&Path>) -> PathBuf {
    first_that_is_set(option, |name| std::env::var_os(name), geteuid().as_raw()).path
}

fn first_that_is_set(
    option: Option<&Path>,
    variable: impl Fn(&str) -> Option<OsString>,
    uid: u32,
) -> RuntimeDirectory {
    let given = |name| variable(name).filter(|value| !value.is_empty()).map(PathBuf::from);
    let (path, source) = if let Some(path) = option {
        (path.to_owned(), DirectorySource::Option)
    } else if let Some(path) = given(SERVERSWAP_DIR) {
        (path, DirectorySource::Environment)
    } else if uid == 0 {
        (PathBuf::from("/run/serverswap"), DirectorySource::Root)
    } else if let Some(path) = given(XDG_RUNTIME_DIR) {
        (path.join("serverswap"), DirectorySource::UserRuntime)
    } else {
        (PathBuf::from(format!("/tmp/serverswap-{uid}")), DirectorySource::Temporary)
    };
    RuntimeDirectory { path: std::path::absolute(&path).unwrap_or(path), source }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn directory(option: Option<&str>, variables: &[(&str, &str)], uid: u32) -> (String, DirectorySource) {
        let variable = |name: &str| {
            variables.iter().find(|(key, _)| *key == name).map(|(_, value)| OsString::from(value))
        };
        let found = first_that_is_set(option.map(Path::new), variable, uid);
        (found.path.display().to_string(), found.source)
    }

    #[test]
    fn the_first_that_is_set_is_the_runtime_directory() {
        use DirectorySource::{Environment, Option, Root, Temporary, UserRuntime};
        let ours = (SERVERSWAP_DIR, "/srv/swap");
        let user = (XDG_RUNTIME_DIR, "/run/user/7");
        assert_eq!(directory(Some("/d"), &[ours, user], 0), ("/d".into(), Option));
        assert_eq!(directory(None, &[ours, user], 0), ("/srv/swap".into(), Environment));
        assert_eq!(directory(None, &[user], 0), ("/run/serverswap".into(), Root));
        assert_eq!(directory(None, &[user], 7), ("/run/user/7/serverswap".into(), UserRuntime));
        assert_eq!(directory(None, &[(SERVERSWAP_DIR, "")], 7), ("/tmp/serverswap-7".into(), Temporary));
    }

    #[test]
    fn a_relative_directory_is_made_absolute() {
        let (path, _) = directory(Some("here"), &[], 7);
        assert_eq!(PathBuf::from(path), std::env::current_dir().expect("tests have one").join("here"));
    }
}
