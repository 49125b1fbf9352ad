//! The bodies of steps about listeners, descriptors, and the users who connect.

use schemars::JsonSchema;
use serde::Deserialize;

/// Opens a listener; `$name.address` is its address.
#[derive(Debug, Clone, PartialEq, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct ListenerStep {
    /// Its name.
    pub name: String,
    /// An address of the protocol; port 0 is a free one.
    pub at: String,
}

/// Opens a descriptor of a wrong kind.
#[derive(Debug, Clone, PartialEq, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct DescriptorStep {
    /// Its name.
    pub name: String,
    /// What it is.
    pub kind: DescriptorKind,
}

/// What a descriptor is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum DescriptorKind {
    /// The reading end of a pipe.
    Pipe,
    /// An empty file.
    File,
    /// A UDP socket on a free port.
    Udp,
    /// One end of a connected stream socket.
    Stream,
    /// A TCP listener on a free port.
    Listener,
}

/// Connects to a listener.
#[derive(Debug, Clone, PartialEq, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct ConnectTo {
    /// The `listener` step's name.
    #[serde(default)]
    pub listener: Option<String>,
    /// Instead of `listener`: an address of the protocol.
    #[serde(default)]
    pub address: Option<String>,
    /// The name of the connection, for `answered`.
    #[serde(default)]
    pub name: Option<String>,
    /// What is sent.
    #[serde(default)]
    pub send: Option<String>,
    /// What has to come back; then the connection is closed.
    #[serde(default)]
    pub expect: Option<String>,
    /// The name of the check.
    #[serde(default)]
    pub check: Option<String>,
    /// What it proves.
    #[serde(default)]
    pub spec: Vec<String>,
}

/// Waits for what comes back on a connection of `connect_to`.
#[derive(Debug, Clone, PartialEq, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Answered {
    /// The connection.
    pub on: String,
    /// What has to come back, at least at the beginning.
    pub expect: String,
    /// The name of the check.
    #[serde(default)]
    pub check: Option<String>,
    /// What it proves.
    #[serde(default)]
    pub spec: Vec<String>,
}
