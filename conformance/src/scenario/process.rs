//! The steps of scenarios whose role is `supervisor`: the command under test and its fake
//! servers are processes. The wire steps are those of every scenario.

use std::collections::BTreeMap;

use schemars::JsonSchema;
use serde::Deserialize;

/// Starts the command under test with a fake server as its program.
#[derive(Debug, Clone, PartialEq, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Start {
    /// The name of the process.
    pub name: String,
    /// Further arguments before the server's command.
    #[serde(default)]
    pub arguments: Vec<String>,
    /// Further variables of its environment.
    #[serde(default)]
    pub environment: BTreeMap<String, String>,
}

/// Takes the connection that the fake server of a started command has made. Its peer
/// credentials are the fake server's; the suite speaks on it.
#[derive(Debug, Clone, PartialEq, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct FakeServer {
    /// The `start` step's name.
    pub of: String,
    /// The name of the connection, and of the fake server's process.
    #[serde(rename = "as")]
    pub name: String,
    /// The name of the check.
    #[serde(default)]
    pub check: Option<String>,
    /// What it proves.
    #[serde(default)]
    pub spec: Vec<String>,
    /// How long it may take, in milliseconds, instead of the usual limit.
    #[serde(default)]
    pub within_ms: Option<u64>,
}

/// Starts a server that does not speak the protocol: it says nothing, and TERM does not end it.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct SilentServer {
    /// The name of the process.
    #[serde(rename = "as")]
    pub name: String,
    /// The `fake_server` that starts it, as another process of its generation. Absent: the suite does, as a process that
    /// is of none.
    #[serde(default)]
    pub of: Option<String>,
}

/// Kills a process.
#[derive(Debug, Clone, PartialEq, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Kill {
    /// The name of a `start`, `fake_server` or `silent_server` step.
    pub name: String,
}

/// Begins or ends connecting to an address every few milliseconds. Exactly one of `begin` and
/// `end` is there.
#[derive(Debug, Clone, PartialEq, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Probe {
    /// The address that is connected to from now on.
    #[serde(default)]
    pub begin: Option<String>,
    /// The address; no connection to it was refused since `begin`.
    #[serde(default)]
    pub end: Option<String>,
    /// The name of the check.
    #[serde(default)]
    pub check: Option<String>,
    /// What it proves.
    #[serde(default)]
    pub spec: Vec<String>,
}

impl From<String> for Start {
    fn from(name: String) -> Self {
        Start { name, arguments: Vec::new(), environment: BTreeMap::new() }
    }
}

impl From<String> for Kill {
    fn from(name: String) -> Self {
        Kill { name }
    }
}
