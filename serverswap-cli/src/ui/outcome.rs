//! How a run of `serverswap` ended, typed; and the exit status that follows from it.
//!
//! No text here: [`summary`](super::summary) has it.

use std::time::Duration;

use serde::Serialize;
use serverswap::protocol::message::Code;
use serverswap::protocol::{Address, Generation};

use super::duration::serialize_some_millis;
use super::{CutShort, NotReady};
use crate::spawn::SpawnFailure;
use crate::supervisor::{ServerExit, Starts, StopSignal};

/// The end of a run, and the facts for its summary.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RunOutcome {
    /// How it ended.
    pub ending: RunEnding,
    /// What happened until then.
    pub facts: RunFacts,
}

/// How a run ended.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum RunEnding {
    /// The server is up, and every server that it replaced has exited.
    Done,
    /// The same, but a claim on some address failed.
    DoneInPart,
    /// The server ended after a newer generation had taken all of its addresses.
    Replaced,
    /// The supervisor was asked to stop, and its server has ended.
    Stopped(StopSignal),
    /// Asked to leave while older servers still drained: the new server serves on.
    Left(StopSignal),
    /// The server was up, and exited on its own with status 0.
    Ended,
    /// Asked to stop before the server was up: it was ended.
    Interrupted(StopSignal),
    /// Asked to stop before the server was up, but it served something: it keeps running.
    LeftServing(StopSignal),
    /// A newer generation was faster.
    Superseded,
    /// The server sent `fail`, with this reason.
    SaidFail(String),
    /// The server exited although it should have kept running.
    Exited(ServerExit),
    /// The server was not up in time and served nothing: it was ended.
    NotUp,
    /// The server was not up in time but serves something: it keeps running.
    NotUpKept,
    /// The server could not be started.
    NotStarted(SpawnFailure),
}

/// What happened until the end of a run.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RunFacts {
    /// What was started, for people.
    pub command: String,
    /// The generation.
    pub generation: Generation,
    /// The last server, if one was started.
    pub pid: Option<u32>,
    /// How often it was started again.
    pub restarts: u32,
    /// Whether it was ever up.
    pub reached: Reached,
    /// The ready timeout.
    pub ready_timeout: Duration,
    /// How the server becomes ready.
    pub starts: Starts,
    /// Why it cannot, if that is known.
    pub not_ready: Option<NotReady>,
    /// What became of each address that was claimed.
    pub addresses: Vec<ClaimOutcome>,
    /// The older servers that drained or exited.
    pub replaced: Vec<u32>,
    /// The servers of the deploy that did not finish everything.
    pub cut_short: Vec<CutShort>,
    /// From the start of the command.
    pub duration: Duration,
}

/// How far a generation came.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Reached {
    /// No server of it was ever up or served.
    Nothing,
    /// It served an address, and was never up as a whole.
    Serving,
    /// It was up.
    Up,
}

/// What became of an address that was claimed.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct ClaimOutcome {
    /// The address.
    pub address: Address,
    /// How its claim stands.
    #[serde(flatten)]
    pub standing: ClaimStanding,
    /// From the server's start to the grant.
    #[serde(
        rename = "readyMs",
        serialize_with = "serialize_some_millis",
        skip_serializing_if = "Option::is_none"
    )]
    pub ready_after: Option<Duration>,
    /// From the server's start until it served.
    #[serde(
        rename = "servingMs",
        serialize_with = "serialize_some_millis",
        skip_serializing_if = "Option::is_none"
    )]
    pub serving_after: Option<Duration>,
}

/// How a claim stands at the end.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(tag = "standing", rename_all = "snake_case")]
pub enum ClaimStanding {
    /// It waits.
    Waiting,
    /// It was granted, and the server does not serve it yet.
    Granted,
    /// The server serves it alongside an older one, or did when it ended: then the older one keeps
    /// serving.
    Probation,
    /// The server serves it, or served it last.
    Serving,
    /// A newer generation was given it.
    Replaced,
    /// It lost to a newer generation.
    Superseded,
    /// It failed.
    Failed {
        /// For programs.
        code: Code,
        /// For people.
        message: String,
    },
}

/// 120: see [`EXIT_STATUSES`].
pub const SUPERSEDED: u8 = 120;
/// 121: see [`EXIT_STATUSES`].
pub const SAID_FAIL: u8 = 121;
/// 122: see [`EXIT_STATUSES`].
pub const ENDED_EARLY: u8 = 122;
/// 123: see [`EXIT_STATUSES`].
pub const DONE_IN_PART: u8 = 123;
/// 124: see [`EXIT_STATUSES`].
pub const NOT_UP: u8 = 124;
/// 125: see [`EXIT_STATUSES`].
pub const UNABLE: u8 = 125;
/// 126: see [`EXIT_STATUSES`].
pub const NOT_EXECUTABLE: u8 = 126;
/// 127: see [`EXIT_STATUSES`].
pub const NOT_FOUND: u8 = 127;

/// The greatest status that is passed on from a server as it is.
const SERVER_STATUS_MAX: u8 = 119;

/// The exit statuses: the one table that `--help`, the man page and the README show.
pub const EXIT_STATUSES: [(&str, &str); 13] = [
    ("0", "done; or replaced by a later generation; or stopped on request"),
    ("1-119", "the server failed: its own status (higher ones become 119)"),
    ("2", "usage error"),
    (
        "3",
        "of `status`: not served; `logs`, `history`: nothing to show; `explain`: cannot be swapped; `stop`: nothing to stop",
    ),
    ("120", "superseded by a newer generation"),
    ("121", "the server sent `fail`"),
    ("122", "the server exited with 0 although it should have kept running, for example without a claim"),
    ("123", "up, but a claim for some address failed"),
    ("124", "not up within --ready-timeout, or known not to come up"),
    ("125", "serverswap itself failed: directory, lock, arbiter, its own output"),
    ("126", "the command is not executable"),
    ("127", "the command was not found"),
    ("128+N", "signal N killed the server, or stopped serverswap before the server was up"),
];

/// The exit status if a command could not be started, as in [`EXIT_STATUSES`].
pub fn not_started(failure: &SpawnFailure) -> u8 {
    match failure {
        SpawnFailure::NotFound { .. } => NOT_FOUND,
        SpawnFailure::NotExecutable { .. } => NOT_EXECUTABLE,
        SpawnFailure::WorkingDirectory { .. }
        | SpawnFailure::NotIntercepted { .. }
        | SpawnFailure::Output { .. }
        | SpawnFailure::EnvFile { .. }
        | SpawnFailure::EnvFileLine { .. }
        | SpawnFailure::Other { .. } => UNABLE,
    }
}

impl RunFacts {
    /// Whether the server ended on probation: the older one was never touched.
    pub fn is_rolled_back(&self) -> bool {
        self.addresses.iter().any(|swap| swap.standing == ClaimStanding::Probation)
    }
}

impl RunOutcome {
    /// The exit status, as in [`EXIT_STATUSES`].
    pub fn status(&self) -> u8 {
        match &self.ending {
            RunEnding::Done
            | RunEnding::Replaced
            | RunEnding::Stopped(_)
            | RunEnding::Left(_)
            | RunEnding::Ended => 0,
            RunEnding::DoneInPart => DONE_IN_PART,
            RunEnding::Interrupted(asked) | RunEnding::LeftServing(asked) => 128 + asked.number(),
            RunEnding::Superseded => SUPERSEDED,
            RunEnding::SaidFail(_) => SAID_FAIL,
            RunEnding::Exited(ServerExit::Status(0)) => ENDED_EARLY,
            RunEnding::Exited(ServerExit::Status(status)) => (*status).min(SERVER_STATUS_MAX),
            RunEnding::Exited(exit @ ServerExit::Signal(_)) => exit.shell_status(),
            RunEnding::NotUp | RunEnding::NotUpKept => NOT_UP,
            RunEnding::NotStarted(failure) => not_started(failure),
        }
    }

    /// The outcome as a code for programs: `outcome` of the JSON object.
    pub fn word(&self) -> &'static str {
        match &self.ending {
            RunEnding::Done => "done",
            RunEnding::DoneInPart => "done_in_part",
            RunEnding::Replaced => "replaced",
            RunEnding::Stopped(_) => "stopped",
            RunEnding::Left(_) => "left",
            RunEnding::Ended => "ended",
            RunEnding::Interrupted(_) | RunEnding::LeftServing(_) => "interrupted",
            RunEnding::Superseded => "superseded",
            RunEnding::SaidFail(_) | RunEnding::Exited(_) if self.facts.is_rolled_back() => "rolled_back",
            RunEnding::SaidFail(_)
            | RunEnding::Exited(_)
            | RunEnding::NotUp
            | RunEnding::NotUpKept
            | RunEnding::NotStarted(_) => "failed",
        }
    }

    /// The reason as a code for programs: `reason` of the JSON object.
    pub fn reason(&self) -> &'static str {
        match &self.ending {
            RunEnding::Done => "every_replaced_server_exited",
            RunEnding::DoneInPart => "claim_failed",
            RunEnding::Replaced => "newer_generation_serves",
            RunEnding::Stopped(_) | RunEnding::Left(_) | RunEnding::Interrupted(_) => "signal",
            RunEnding::LeftServing(_) => "signal_server_kept",
            RunEnding::Ended => "server_ended",
            RunEnding::Superseded => "newer_generation_claims",
            RunEnding::SaidFail(_) => "server_said_fail",
            RunEnding::Exited(_) if self.facts.is_rolled_back() => "exited_on_probation",
            RunEnding::Exited(_) => match self.facts.reached {
                Reached::Nothing => "exited_before_up",
                Reached::Serving | Reached::Up => "exited",
            },
            RunEnding::NotUp => match &self.facts.not_ready {
                Some(NotReady::NotGranted { .. }) => "socket_not_granted",
                Some(NotReady::DoesNotListen { .. }) => "ready_and_not_listening",
                None => "ready_timeout",
            },
            RunEnding::NotUpKept => "ready_timeout_server_kept",
            RunEnding::NotStarted(SpawnFailure::NotFound { .. }) => "not_found",
            RunEnding::NotStarted(SpawnFailure::NotExecutable { .. }) => "not_executable",
            RunEnding::NotStarted(SpawnFailure::WorkingDirectory { .. }) => "working_directory",
            RunEnding::NotStarted(SpawnFailure::Output { .. }) => "output_file",
            RunEnding::NotStarted(SpawnFailure::EnvFile { .. } | SpawnFailure::EnvFileLine { .. }) => {
                "env_file"
            }
            RunEnding::NotStarted(SpawnFailure::NotIntercepted { .. }) => "not_intercepted",
            RunEnding::NotStarted(SpawnFailure::Other { .. }) => "not_started",
        }
    }
}
