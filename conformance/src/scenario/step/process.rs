//! The bodies of steps about the process under test, as observed from outside.

use schemars::JsonSchema;
use serde::Deserialize;

/// Sends a signal.
#[derive(Debug, Clone, PartialEq, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Signal {
    /// To which process.
    #[serde(default)]
    pub to: Recipient,
    /// Which one.
    pub name: SignalName,
}

/// A process of the case: `driver`, or the name of a `start`, `fake_server` or `silent_server` step.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(transparent)]
pub struct Recipient(pub String);

impl Default for Recipient {
    fn default() -> Self {
        Recipient("driver".to_owned())
    }
}

/// A signal.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(rename_all = "UPPERCASE")]
pub enum SignalName {
    /// It stands still.
    Stop,
    /// It goes on.
    Cont,
    /// It is killed.
    Kill,
    /// It is asked to end.
    Term,
    /// As TERM, from a terminal.
    Int,
    /// As TERM, from a terminal that is gone.
    Hup,
}

/// Waits for a process to end.
#[derive(Debug, Clone, PartialEq, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Exits {
    /// Which process.
    #[serde(default)]
    pub of: Recipient,
    /// With this status. Absent, and no `signal`: with 0.
    #[serde(default)]
    pub status: Option<i32>,
    /// By this signal.
    #[serde(default)]
    pub signal: Option<SignalName>,
    /// How long it may take, in milliseconds, instead of the usual limit.
    #[serde(default)]
    pub within_ms: Option<u64>,
    /// The name of the check.
    #[serde(default)]
    pub check: Option<String>,
    /// What it proves.
    #[serde(default)]
    pub spec: Vec<String>,
}

/// Limits how many descriptors the driver's process may have.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Limit {
    /// How many.
    pub nofile: OpenFiles,
}

/// How many descriptors a process may have.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum OpenFiles {
    /// Not one more than it has.
    Now,
    /// As many as when it was started.
    Usual,
}

/// What must be true of the descriptors of one file.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Sockets {
    /// Each is closed when another program is executed.
    CloseOnExec,
}

/// Looks at the open descriptors of the driver's process, after a `sync`. Exactly one of
/// `remember`, `equal`, `of` and `sockets` is there; with `of`, exactly one of `count`, `at_least`,
/// `close_on_exec` and `non_blocking`.
#[derive(Debug, Clone, PartialEq, Default, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Descriptors {
    /// A `listener` or `descriptor` of the case: the descriptors of the process that refer to the same file.
    #[serde(default)]
    pub of: Option<String>,
    /// There must be this many, at the latest after the usual limit.
    #[serde(default)]
    pub count: Option<u64>,
    /// There must be at least this many.
    #[serde(default)]
    pub at_least: Option<u64>,
    /// `count` must be true at once, with no `sync` before: of what was to be done before the line that came last.
    #[serde(default)]
    pub at_once: bool,
    /// Each of them is closed when another program is executed.
    #[serde(default)]
    pub close_on_exec: bool,
    /// The socket that they share does not block.
    #[serde(default)]
    pub non_blocking: bool,
    /// What must be true of every socket of the process.
    #[serde(default)]
    pub sockets: Option<Sockets>,
    /// Gives the number a name.
    #[serde(default)]
    pub remember: Option<String>,
    /// The number has to be the one of this name.
    #[serde(default)]
    pub equal: Option<String>,
    /// By how much more than the one of `equal`.
    #[serde(default)]
    pub plus: i64,
    /// The name of the check.
    #[serde(default)]
    pub check: Option<String>,
    /// What it proves.
    #[serde(default)]
    pub spec: Vec<String>,
}
