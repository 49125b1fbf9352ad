//! What serverswap itself could not do: exit status 125. Nothing was started then.

use std::path::{Path, PathBuf};

use serverswap::protocol::Address;
use serverswap::protocol::message::Code;

use super::NotAdoptable;
use super::hints::{MORE_FILES, RUN_HOLD};
use super::summary::Summary;

/// Why serverswap could not do its part. `errno` is as in errno(3).
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum SetupError {
    /// System calls cannot be intercepted here.
    #[error("`--intercept` is not possible: {0}")]
    NotInterceptable(String),
    /// The runtime directory belongs to another user.
    #[error("the runtime directory `{}` belongs to uid {owner}, not to uid {uid}", .directory.display())]
    DirectoryOwner {
        /// The directory.
        directory: PathBuf,
        /// Whose it is.
        owner: u32,
        /// Who we are.
        uid: u32,
    },
    /// Others may enter the runtime directory.
    #[error("the runtime directory `{}` has mode {mode:04o}; it must be 0700", .directory.display())]
    DirectoryMode {
        /// The directory.
        directory: PathBuf,
        /// Its permission bits.
        mode: u32,
    },
    /// The runtime directory is a symbolic link.
    #[error("the runtime directory `{}` is a symbolic link, which is not accepted", .directory.display())]
    DirectorySymlink {
        /// The link.
        directory: PathBuf,
    },
    /// There is something else at its place.
    #[error("`{}` is not a directory", .directory.display())]
    DirectoryNotDirectory {
        /// The path.
        directory: PathBuf,
    },
    /// Its path is too long for the socket in it (unix(7): 107 bytes).
    #[error("the runtime directory `{}` is too long for a socket path: {length} bytes, at most {limit}", .directory.display())]
    DirectoryTooLong {
        /// The directory.
        directory: PathBuf,
        /// The length of the socket's path, in bytes.
        length: usize,
        /// The most that fits.
        limit: usize,
    },
    /// It was deleted under us.
    #[error("the runtime directory `{}` was deleted while it was in use", .directory.display())]
    DirectoryDeleted {
        /// The directory.
        directory: PathBuf,
    },
    /// It cannot be created, opened or written to.
    #[error("the runtime directory `{}` cannot be used: {}", .directory.display(), os(*.errno))]
    DirectoryUnusable {
        /// The directory.
        directory: PathBuf,
        /// Why.
        errno: i32,
    },
    /// The lock file cannot be opened or locked.
    #[error("the lock `{}` cannot be acquired: {}", .path.display(), os(*.errno))]
    Lock {
        /// The file.
        path: PathBuf,
        /// Why.
        errno: i32,
    },
    /// An arbiter lives and does not greet.
    #[error("the arbiter (pid {pid}) of `{}` did not answer within 5 s", .directory.display())]
    ArbiterNotResponding {
        /// The directory.
        directory: PathBuf,
        /// The arbiter.
        pid: u32,
    },
    /// The arbiter refused the connection.
    #[error("the arbiter of `{}` refused the connection: {message}", .directory.display())]
    ArbiterRefused {
        /// The directory.
        directory: PathBuf,
        /// Why.
        code: Code,
        /// In its words.
        message: String,
    },
    /// The directory is used from another pid namespace.
    #[error("the runtime directory `{}` is in use in another pid namespace", .directory.display())]
    OtherPidNamespace {
        /// The directory.
        directory: PathBuf,
    },
    /// Only a process that sees every pid namespace of the directory can be its arbiter, and there is none.
    #[error("the runtime directory `{}` is shared by containers, and nothing holds it", .directory.display())]
    HolderMissing {
        /// The directory.
        directory: PathBuf,
    },
    /// Other users cannot be let take part.
    #[error("`--allow-user` is for root: the servers of another user are watched and ended")]
    AllowsNobody,
    /// What is to be done takes a look at processes that are in other pid namespaces.
    #[error("the runtime directory `{}` is shared by containers, and this process does not see the servers of the others", .directory.display())]
    NotSeenFromHere {
        /// The directory.
        directory: PathBuf,
    },
    /// `--adopt` cannot take an address over.
    #[error("`{address}` is held by {}, which cannot be taken over: {}", process(*.pid, .program.as_deref()), .why.text())]
    NotAdopted {
        /// The address.
        address: Address,
        /// Who has it, if that is known.
        pid: Option<u32>,
        /// Its program.
        program: Option<String>,
        /// Why not.
        why: NotAdoptable,
    },
    /// A resident that was asked to stop starts nothing.
    #[error("pid {pid} is being stopped, and starts no next generation")]
    Stopping {
        /// The resident.
        pid: u32,
    },
    /// A command ended before it had told how its deploy went.
    #[error("pid {pid} ended before it could say how the deploy went")]
    NoResult {
        /// The command.
        pid: u32,
    },
    /// There is nobody whom `serverswap reload` could ask.
    #[error("no command that stays serves {}", nothing_of(.address.as_ref(), .directory))]
    NoResident {
        /// The runtime directory.
        directory: PathBuf,
        /// The address that was asked for.
        address: Option<Address>,
    },
    /// Anything else that the operating system refused.
    #[error("{what} failed: {}", os(*.errno))]
    System {
        /// What was tried, for example `epoll_create1`.
        what: &'static str,
        /// Why.
        errno: i32,
    },
}

impl SetupError {
    /// A code for programs: `reason` of the JSON object.
    pub fn reason(&self) -> &'static str {
        match self {
            SetupError::DirectoryOwner { .. } => "directory_owner",
            SetupError::DirectoryMode { .. } => "directory_mode",
            SetupError::DirectorySymlink { .. } => "directory_symlink",
            SetupError::DirectoryNotDirectory { .. } => "directory_not_directory",
            SetupError::DirectoryTooLong { .. } => "directory_too_long",
            SetupError::DirectoryDeleted { .. } => "directory_deleted",
            SetupError::DirectoryUnusable { .. } => "directory_unusable",
            SetupError::Lock { .. } => "lock",
            SetupError::ArbiterNotResponding { .. } => "arbiter_not_responding",
            SetupError::ArbiterRefused { .. } => "arbiter_refused",
            SetupError::OtherPidNamespace { .. } => "other_pid_namespace",
            SetupError::HolderMissing { .. } => "holder_missing",
            SetupError::AllowsNobody => "allows_nobody",
            SetupError::NotSeenFromHere { .. } => "not_seen_from_here",
            SetupError::NotAdopted { .. } => "not_adopted",
            SetupError::NotInterceptable(_) => "not_interceptable",
            SetupError::Stopping { .. } => "stopping",
            SetupError::NoResult { .. } => "no_result",
            SetupError::NoResident { .. } => "no_resident",
            SetupError::System { .. } => "system",
        }
    }

    /// The error, with what is still true, and the hint.
    pub fn summary(&self, still: StillTrue) -> Summary {
        let still = match still {
            StillTrue::NothingStarted => "nothing was started, and no other server was touched".to_owned(),
            StillTrue::NothingAsked => "no server was touched".to_owned(),
            StillTrue::NotKnown => "what it had started by then is not known".to_owned(),
        };
        Summary::Failure { error: format!("{self}; {still}"), hint: self.hint() }
    }

    fn hint(&self) -> String {
        match self {
            SetupError::DirectoryOwner { .. }
            | SetupError::DirectorySymlink { .. }
            | SetupError::DirectoryNotDirectory { .. } => {
                "use a directory of your own: `--dir PATH` or `SERVERSWAP_DIR`".to_owned()
            }
            SetupError::DirectoryMode { directory, .. } => {
                let directory = directory.display();
                format!("`chmod 700 {directory}`, or in a unit of systemd `RuntimeDirectoryMode=0700`")
            }
            SetupError::DirectoryTooLong { .. } => {
                "give a shorter one: `--dir /tmp/swap` or `SERVERSWAP_DIR`".to_owned()
            }
            SetupError::DirectoryDeleted { .. } => {
                "run the command again: it creates a new one, and running servers reconnect to it"
                    .to_owned()
            }
            SetupError::DirectoryUnusable { errno: libc::EMFILE, .. }
            | SetupError::Lock { errno: libc::EMFILE, .. }
            | SetupError::System { errno: libc::EMFILE, .. } => {
                MORE_FILES.to_owned()
            }
            SetupError::ArbiterRefused { code: Code::Exhausted, .. } => {
                "its limit of open files is too low: `ulimit -n` shows the limit, `serverswap status --json` shows which process the arbiter is"
                    .to_owned()
            }
            SetupError::DirectoryUnusable { directory, .. } => {
                format!("see `ls -ld {}`, or use another one: `--dir PATH`", directory.display())
            }
            SetupError::Lock { path, .. } => {
                format!("see `ls -l {}`, or use another one: `--dir PATH`", path.display())
            }
            SetupError::ArbiterNotResponding { pid, .. } => {
                format!(
                    "if it is stopped: `kill -CONT {pid}`; if it hangs: `kill -KILL {pid}` (its server keeps serving); then run the command again"
                )
            }
            SetupError::ArbiterRefused { .. } => "`serverswap status --json` shows which process the arbiter is".to_owned(),
            SetupError::OtherPidNamespace { .. } => {
                format!("use one runtime directory per container: `--dir PATH`. To swap servers of several containers: {RUN_HOLD}")
            }
            SetupError::HolderMissing { .. } => RUN_HOLD.to_owned(),
            SetupError::AllowsNobody => {
                "run it as root; the containers of one user, and root, need no `--allow-user`".to_owned()
            }
            SetupError::NotSeenFromHere { .. } => {
                "run this where `serverswap hold` runs; what is in this container ends with TERM to its first process".to_owned()
            }
            SetupError::NotAdopted { why, .. } => why.hint(),
            SetupError::NotInterceptable(_) => {
                "if the server can be passed a socket: `--socket ADDRESS`; else use the library".to_owned()
            }
            SetupError::Stopping { .. } => "start it again when it has ended".to_owned(),
            SetupError::NoResult { .. } => "`serverswap status` shows which server serves now".to_owned(),
            SetupError::NoResident { .. } => {
                "`serverswap-deploy CMD` stays and can be reloaded; what runs without it is deployed by the same command again"
                    .to_owned()
            }
            SetupError::System { .. } => "check the limits of this user: `ulimit -a`".to_owned(),
        }
    }
}

/// What is still true after a setup error.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum StillTrue {
    /// The server was not started.
    NothingStarted,
    /// Nothing was to be started: `serverswap status`.
    NothingAsked,
    /// Nobody is left who could say.
    NotKnown,
}

fn nothing_of(address: Option<&Address>, directory: &Path) -> String {
    match address {
        Some(address) => format!("{address} in `{}`", directory.display()),
        None => format!("anything in `{}`", directory.display()),
    }
}

fn process(pid: Option<u32>, program: Option<&str>) -> String {
    match (pid, program) {
        (Some(pid), Some(program)) => format!("pid {pid} (`{program}`)"),
        (Some(pid), None) => format!("pid {pid}"),
        (None, _) => "a process that cannot be seen from here".to_owned(),
    }
}

fn os(errno: i32) -> std::io::Error {
    std::io::Error::from_raw_os_error(errno)
}
