//! Every environment variable that the commands read, set or take away, in one place.

use std::ffi::OsString;
use std::path::{Path, PathBuf};

use nix::unistd::geteuid;
use serverswap::connection;

/// The arbiter's socket. Set for the server.
pub const SERVERSWAP_SOCKET: &str = connection::SOCKET_VARIABLE;

/// The generation that the server belongs to. Set for the server; read, and set for itself, by a command that was
/// started inside another generation.
pub const SERVERSWAP_GENERATION: &str = connection::GENERATION_VARIABLE;

/// This program, for clients that find no arbiter. Set for the server.
pub const SERVERSWAP_ARBITER: &str = connection::ARBITER_VARIABLE;

/// The name, in the abstract namespace, of the second socket of an arbiter of root. Set for a server that root starts.
pub const SERVERSWAP_ABSTRACT_SOCKET: &str = connection::ABSTRACT_SOCKET_VARIABLE;

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

/// Set by sudo(8): who has logged in. Read.
pub const SUDO_USER: &str = "SUDO_USER";

/// Set for a command that a resident starts as the next generation: its stdin is where it reports how its deploy went.
/// Read, and taken away from the server.
pub const SERVERSWAP_RELOAD: &str = "SERVERSWAP_RELOAD";

/// The working directory as the shell has it, symbolic links included. Read, for the next generation.
pub const PWD: &str = "PWD";

/// Set by systemd for a service with `WatchdogSec=`: how often it wants to hear of it, and from which process. Read.
pub const WATCHDOG_USEC: &str = "WATCHDOG_USEC";

/// See [`WATCHDOG_USEC`].
pub const WATCHDOG_PID: &str = "WATCHDOG_PID";

/// Set by systemd for a command of `ExecReload=`: the main process of the unit. Read.
pub const MAINPID: &str = "MAINPID";

/// Where systemd is told how the service is (sd_notify(3)). Read by a command that stays; a server that is launched with
/// sockets, or intercepted, has one of its own.
pub const NOTIFY_SOCKET: &str = "NOTIFY_SOCKET";

/// The process that systemd has executed as the main one of a unit. Read.
pub const SYSTEMD_EXEC_PID: &str = "SYSTEMD_EXEC_PID";

/// How many descriptors systemd has passed to this process, with their names, if `LISTEN_PID` is it (sd_listen_fds(3)).
/// Read by a command that is started by a service manager; a server that is launched with sockets has its own.
pub const LISTEN_FDS: &str = "LISTEN_FDS";

/// See [`LISTEN_FDS`].
pub const LISTEN_PID: &str = "LISTEN_PID";

/// See [`LISTEN_FDS`].
pub const LISTEN_FDNAMES: &str = "LISTEN_FDNAMES";

/// How many descriptors systemd keeps for the unit (systemd 254). Read.
pub const FDSTORE: &str = "FDSTORE";

/// Set for a command that a resident starts as the next generation: the listeners that it was passed, or has in the
/// store of its service manager, each with its name. Read, and taken away from the server.
pub const SERVERSWAP_LISTENERS: &str = "SERVERSWAP_LISTENERS";

/// Taken away from the server: what a service manager gave to the supervisor (a server that
/// sent `STOPPING=1` to it would stop the whole unit), and what a parent that is a Node process gave it
/// (Node opens the descriptor of its IPC channel, which the server does not have, and would be a worker of
/// the parent's cluster). And what a resident told the supervisor.
pub const SCRUBBED: [&str; 14] = [
    SERVERSWAP_RELOAD,
    SERVERSWAP_LISTENERS,
    NOTIFY_SOCKET,
    WATCHDOG_PID,
    WATCHDOG_USEC,
    LISTEN_PID,
    "LISTEN_PIDFDID",
    LISTEN_FDS,
    LISTEN_FDNAMES,
    "LISTEN_FDS_FIRST_FD",
    FDSTORE,
    "NODE_CHANNEL_FD",
    "NODE_CHANNEL_SERIALIZATION_MODE",
    "NODE_UNIQUE_ID",
];

/// Where the runtime directory may be, best first: `--dir`, or else `SERVERSWAP_DIR`, or else `/run/serverswap`
/// for root, or else `$XDG_RUNTIME_DIR/serverswap`, `/run/user/UID/serverswap` and `/tmp/serverswap-UID`. An
/// empty variable counts as unset; a relative path is taken from the present working directory. None is looked
/// at here.
pub fn runtime_directories(option: Option<&Path>) -> Vec<PathBuf> {
    candidates(option, |name| std::env::var_os(name), geteuid().as_raw())
}

fn candidates(option: Option<&Path>, variable: impl Fn(&str) -> Option<OsString>, uid: u32) -> Vec<PathBuf> {
    let given = |name| variable(name).filter(|value| !value.is_empty()).map(PathBuf::from);
    let paths = if let Some(path) = option {
        vec![path.to_owned()]
    } else if let Some(path) = given(SERVERSWAP_DIR) {
        vec![path]
    } else if uid == 0 {
        vec![PathBuf::from("/run/serverswap")]
    } else {
        let session = given(XDG_RUNTIME_DIR).map(|path| path.join("serverswap"));
        let usual = PathBuf::from(format!("/run/user/{uid}/serverswap"));
        let other = session.filter(|path| *path != usual);
        other.into_iter().chain([usual, PathBuf::from(format!("/tmp/serverswap-{uid}"))]).collect()
    };
    paths.into_iter().map(|path| std::path::absolute(&path).unwrap_or(path)).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn places(option: Option<&str>, variables: &[(&str, &str)], uid: u32) -> Vec<String> {
        let variable = |name: &str| {
            variables.iter().find(|(key, _)| *key == name).map(|(_, value)| OsString::from(value))
        };
        let paths = candidates(option.map(Path::new), variable, uid);
        paths.iter().map(|path| path.display().to_string()).collect()
    }

    #[test]
    fn what_was_said_is_the_runtime_directory() {
        let ours = (SERVERSWAP_DIR, "/srv/swap");
        let user = (XDG_RUNTIME_DIR, "/run/user/7");
        assert_eq!(places(Some("/d"), &[ours, user], 0), ["/d"]);
        assert_eq!(places(None, &[ours, user], 0), ["/srv/swap"]);
        assert_eq!(places(None, &[user], 0), ["/run/serverswap"]);
    }

    #[test]
    fn a_user_has_the_same_places_with_and_without_a_session() {
        let usual = ["/run/user/7/serverswap", "/tmp/serverswap-7"];
        assert_eq!(places(None, &[(XDG_RUNTIME_DIR, "/run/user/7")], 7), usual);
        assert_eq!(places(None, &[(SERVERSWAP_DIR, ""), (XDG_RUNTIME_DIR, "")], 7), usual);
        let elsewhere = places(None, &[(XDG_RUNTIME_DIR, "/x")], 7);
        assert_eq!(elsewhere, ["/x/serverswap", "/run/user/7/serverswap", "/tmp/serverswap-7"]);
    }

    #[test]
    fn a_relative_directory_is_made_absolute() {
        let path = std::env::current_dir().expect("tests have one").join("here");
        assert_eq!(places(Some("here"), &[], 7), [path.display().to_string()]);
    }
}
