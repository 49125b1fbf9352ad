//! Every environment variable that the commands read, set or take away, in one place.

use std::ffi::OsString;
use std::path::{Path, PathBuf};

use nix::unistd::geteuid;

/// The arbiter's socket. Set for the server.
pub const SERVERSWAP_SOCKET: &str = "SERVERSWAP_SOCKET";

/// The generation that the server belongs to. Set for the server; read, and set for itself, by a command that was
/// started inside another generation.
pub const SERVERSWAP_GENERATION: &str = "SERVERSWAP_GENERATION";

/// The runtime directory. Read (`--dir` goes before it), and set for the server.
pub const SERVERSWAP_DIR: &str = "SERVERSWAP_DIR";

/// The user's runtime directory, the parent of ours. Read.
pub const XDG_RUNTIME_DIR: &str = "XDG_RUNTIME_DIR";

/// No colour if it is set to anything (no-color.org). Read.
pub const NO_COLOR: &str = "NO_COLOR";

/// A terminal that knows no colour is `dumb`. Read.
pub const TERM: &str = "TERM";

/// The parent of the directory of logs, if it is set. Read.
pub const XDG_STATE_HOME: &str = "XDG_STATE_HOME";

/// The user's own directory. Read.
pub const HOME: &str = "HOME";

/// Set by systemd for a service whose output is the journal's: the device and inode of that. Read, of servers.
pub const JOURNAL_STREAM: &str = "JOURNAL_STREAM";

/// Set by sshd(8): the command was started over a connection that somebody may close. Read.
pub const SSH_CONNECTION: &str = "SSH_CONNECTION";

/// Taken away from the server: what a service manager gave to the supervisor (a server that
/// sent `STOPPING=1` to it would stop the whole unit), and what a parent that is a Node process gave it
/// (Node opens the descriptor of its IPC channel, which the server does not have, and would be a worker of
/// the parent's cluster).
pub const SCRUBBED: [&str; 12] = [
    "NOTIFY_SOCKET",
    "WATCHDOG_PID",
    "WATCHDOG_USEC",
    "LISTEN_PID",
    "LISTEN_PIDFDID",
    "LISTEN_FDS",
    "LISTEN_FDNAMES",
    "LISTEN_FDS_FIRST_FD",
    "FDSTORE",
    "NODE_CHANNEL_FD",
    "NODE_CHANNEL_SERIALIZATION_MODE",
    "NODE_UNIQUE_ID",
];

/// Finds the runtime directory: the first of `--dir`, `SERVERSWAP_DIR`, `/run/serverswap`
/// for root, `$XDG_RUNTIME_DIR/serverswap`, `/tmp/serverswap-UID`. An empty variable counts
/// as unset; a relative path is taken from the present working directory. It is neither created nor
/// looked at here.
pub fn runtime_directory(option: Option<&Path>) -> PathBuf {
    first_that_is_set(option, |name| std::env::var_os(name), geteuid().as_raw())
}

fn first_that_is_set(
    option: Option<&Path>,
    variable: impl Fn(&str) -> Option<OsString>,
    uid: u32,
) -> PathBuf {
    let given = |name| variable(name).filter(|value| !value.is_empty()).map(PathBuf::from);
    let path = if let Some(path) = option {
        path.to_owned()
    } else if let Some(path) = given(SERVERSWAP_DIR) {
        path
    } else if uid == 0 {
        PathBuf::from("/run/serverswap")
    } else if let Some(path) = given(XDG_RUNTIME_DIR) {
        path.join("serverswap")
    } else {
        PathBuf::from(format!("/tmp/serverswap-{uid}"))
    };
    std::path::absolute(&path).unwrap_or(path)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn directory(option: Option<&str>, variables: &[(&str, &str)], uid: u32) -> PathBuf {
        let variable = |name: &str| {
            variables.iter().find(|(key, _)| *key == name).map(|(_, value)| OsString::from(value))
        };
        first_that_is_set(option.map(Path::new), variable, uid)
    }

    #[test]
    fn the_first_that_is_set_is_the_runtime_directory() {
        let ours = (SERVERSWAP_DIR, "/srv/swap");
        let user = (XDG_RUNTIME_DIR, "/run/user/7");
        assert_eq!(directory(Some("/d"), &[ours, user], 0), Path::new("/d"));
        assert_eq!(directory(None, &[ours, user], 0), Path::new("/srv/swap"));
        assert_eq!(directory(None, &[user], 0), Path::new("/run/serverswap"));
        assert_eq!(directory(None, &[user], 7), Path::new("/run/user/7/serverswap"));
        assert_eq!(directory(None, &[(SERVERSWAP_DIR, "")], 7), Path::new("/tmp/serverswap-7"));
    }

    #[test]
    fn a_relative_directory_is_made_absolute() {
        let path = directory(Some("here"), &[], 7);
        assert_eq!(path, std::env::current_dir().expect("tests have one").join("here"));
    }
}
