//! What a server, a supervisor or an observer sends to the arbiter.

use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

use super::{Error, Message, Ping, Pong, Progress, present, short};
use crate::address::{Address, SocketMode};
use crate::generation::Generation;
#[cfg(feature = "schema")]
use crate::limits::INTEGER_MAX;

/// One line from a client to the arbiter.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(tag = "type", rename_all = "camelCase")]
pub enum FromClient {
    /// The first line of a client.
    Hello(Hello),
    /// The rest of a long `holding` list.
    Holding(HoldingMore),
    /// A claim.
    ReadyFor(ReadyFor),
    /// The accept loop of an address runs.
    Serving(Serving),
    /// This server handles the takedown of an address.
    OnTakedown(OnTakedown),
    /// An address was released.
    Released(Released),
    /// The progress of a drain.
    Progress(Progress),
    /// The whole server is up.
    ServerUp(ServerUp),
    /// This server gives up.
    Fail(Fail),
    /// A supervisor's server was not up in time.
    TimedOut(TimedOut),
    /// A supervisor closed its duplicate.
    Closed(Closed),
    /// A supervisor wants its generation taken down.
    Stop(Stop),
    /// A barrier.
    Ping(Ping),
    /// The answer to a barrier.
    Pong(Pong),
    /// Something went wrong.
    Error(Error),
}

/// The first line of a client, in answer to the `greeting`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(rename_all = "camelCase")]
pub struct Hello {
    /// The number that the `welcome` answers.
    #[cfg_attr(feature = "schema", schemars(range(min = 1, max = INTEGER_MAX)))]
    pub id: u64,
    /// The version picked from the greeting's `versions`.
    pub version: u32,
    /// The program that speaks.
    pub client: ClientInfo,
    /// What the client is.
    pub role: Role,
    /// The value of `SERVERSWAP_GENERATION`. Absent only for observers.
    #[serde(default, skip_serializing_if = "Option::is_none", deserialize_with = "present")]
    #[cfg_attr(feature = "schema", schemars(with = "Generation"))]
    pub generation: Option<Generation>,
    /// The addresses that are held already: after a reconnect. For a supervisor: the
    /// addresses that its generation owns. Each name in `fds` is the address in this list
    /// whose listener is attached.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[cfg_attr(feature = "schema", schemars(length(max = 128)))]
    pub holding: Vec<Holding>,
    /// The addresses that were released and whose connections are still being finished.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub draining: Vec<Address>,
    /// Whether `holding` lines follow, before the `welcome`.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub more: bool,
    /// Supervisors only: whether it stays with its server.
    #[serde(default, skip_serializing_if = "Option::is_none", deserialize_with = "present")]
    #[cfg_attr(feature = "schema", schemars(with = "Form"))]
    pub form: Option<Form>,
    /// Supervisors, and stand-ins that adopt: the deadlines of its generation.
    #[serde(default, skip_serializing_if = "Option::is_none", deserialize_with = "present")]
    #[cfg_attr(feature = "schema", schemars(with = "Timeouts"))]
    pub timeouts: Option<Timeouts>,
    /// Supervisors only: who may connect to the Unix sockets that are made for its generation.
    #[serde(default, skip_serializing_if = "Option::is_none", deserialize_with = "present")]
    #[cfg_attr(feature = "schema", schemars(with = "UnixSockets"))]
    pub unix_sockets: Option<UnixSockets>,
    /// Stand-ins only: the server that this client speaks for.
    #[serde(default, skip_serializing_if = "Option::is_none", deserialize_with = "present")]
    #[cfg_attr(feature = "schema", schemars(with = "StandIn"))]
    pub stand_in: Option<StandIn>,
    /// The addresses of `holding` whose listeners are attached, in order.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[cfg_attr(feature = "schema", schemars(length(max = 128)))]
    pub fds: Vec<String>,
}

/// The name and version of a client library, for logs.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct ClientInfo {
    /// For example `serverswap-node`.
    pub name: String,
    /// For example `1.2.0`.
    pub version: String,
}

/// What a client is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(rename_all = "camelCase")]
pub enum Role {
    /// A process that serves.
    Server,
    /// The parent of one generation.
    Supervisor,
    /// Receives events and decides nothing.
    Observer,
}

/// Whether a supervisor outlives the deploy.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(rename_all = "camelCase")]
pub enum Form {
    /// `serverswap`: leaves when its server is up and every replaced one has exited.
    Leave,
    /// `serverswap-deploy`: stays until its server ends.
    Stay,
}

/// The deadlines of a generation, in milliseconds.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(rename_all = "camelCase")]
pub struct Timeouts {
    /// From the takedown to TERM.
    #[cfg_attr(feature = "schema", schemars(range(max = INTEGER_MAX)))]
    pub drain_ms: u64,
    /// From TERM to KILL.
    #[cfg_attr(feature = "schema", schemars(range(max = INTEGER_MAX)))]
    pub kill_ms: u64,
    /// From `serving` an inherited address until older servers are taken down.
    #[serde(default, skip_serializing_if = "is_zero")]
    #[cfg_attr(feature = "schema", schemars(range(max = INTEGER_MAX)))]
    pub probation_ms: u64,
    /// From the takedown to TERM, for responses that still make progress; absent: as long as `drainMs`.
    #[serde(default, skip_serializing_if = "Option::is_none", deserialize_with = "present")]
    #[cfg_attr(feature = "schema", schemars(with = "u64", range(max = INTEGER_MAX)))]
    pub stream_ms: Option<u64>,
    /// From the supervisor's start until its server must be up, where the supervisor is gone by then.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[cfg_attr(feature = "schema", schemars(range(max = INTEGER_MAX)))]
    pub ready_ms: Option<u64>,
}

/// The rights of a Unix socket's path.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(rename_all = "camelCase")]
pub struct UnixSockets {
    /// The permission bits, such as 432 (0660). Absent: 0666 less the umask of the server that claims.
    #[serde(default, skip_serializing_if = "Option::is_none", deserialize_with = "permission_bits")]
    #[cfg_attr(feature = "schema", schemars(with = "u32", range(max = 511)))]
    pub mode: Option<u32>,
    /// The id of the group. Absent: the group that the kernel gives it.
    #[serde(default, skip_serializing_if = "Option::is_none", deserialize_with = "present")]
    #[cfg_attr(feature = "schema", schemars(with = "u32"))]
    pub gid: Option<u32>,
}

/// A server that does not speak the protocol, for which its supervisor speaks as a server.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(rename_all = "camelCase")]
pub struct StandIn {
    /// The main process of the server.
    #[cfg_attr(feature = "schema", schemars(range(min = 1)))]
    pub pid: u32,
    /// The number of the signal that asks the server to end. Absent: 15, TERM.
    #[serde(default = "term", skip_serializing_if = "is_term", deserialize_with = "signal_number")]
    #[cfg_attr(feature = "schema", schemars(range(min = 1, max = 64)))]
    pub stop_signal: u32,
    /// Whether the process was not started for this generation, but found with its listener.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub adopt: bool,
}

/// SIGTERM.
const TERM: u32 = 15;

/// The greatest number of a signal.
const SIGNAL_MAX: u32 = 64;

fn term() -> u32 {
    TERM
}

#[expect(clippy::trivially_copy_pass_by_ref, reason = "serde's signature")]
fn is_term(signal: &u32) -> bool {
    *signal == TERM
}

fn signal_number<'de, D: serde::Deserializer<'de>>(deserializer: D) -> Result<u32, D::Error> {
    let number = u32::deserialize(deserializer)?;
    if number == 0 || number > SIGNAL_MAX {
        return Err(serde::de::Error::custom("`stopSignal` is no signal"));
    }
    Ok(number)
}

fn permission_bits<'de, D: serde::Deserializer<'de>>(deserializer: D) -> Result<Option<u32>, D::Error> {
    let mode = u32::deserialize(deserializer)?;
    if mode > 0o777 {
        return Err(serde::de::Error::custom("`mode` has bits beside 0777"));
    }
    Ok(Some(mode))
}

fn is_zero(millis: &u64) -> bool {
    *millis == 0
}

/// One address that a client holds when it connects.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(rename_all = "camelCase")]
pub struct Holding {
    /// The address.
    pub address: Address,
    /// Whether the accept loop runs: only then does it count as serving. From a supervisor:
    /// whether its server serves, as far as it knows.
    pub serving: bool,
    /// Whether this server handles takedown of it.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub on_takedown: bool,
}

/// More of a `hello`'s `holding`, when it does not fit one line.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(rename_all = "camelCase")]
pub struct HoldingMore {
    /// As in `hello`.
    #[cfg_attr(feature = "schema", schemars(length(max = 128)))]
    pub holding: Vec<Holding>,
    /// Whether another `holding` line follows.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub more: bool,
    /// As in `hello`.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[cfg_attr(feature = "schema", schemars(length(max = 128)))]
    pub fds: Vec<String>,
}

/// A server is ready to take an address: the claim.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(rename_all = "camelCase")]
pub struct ReadyFor {
    /// The number that `granted` or `error` answers.
    #[cfg_attr(feature = "schema", schemars(range(min = 1, max = INTEGER_MAX)))]
    pub id: u64,
    /// What is claimed.
    pub address: Address,
    /// How it is to be taken.
    pub socket: SocketMode,
    /// Whether further claims will follow, so that the server is not up before it sends `serverUp`.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub more: bool,
    /// With `inherit`: where nobody has the address, the server opens the listener itself and sends it with `serving`.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub provide: bool,
}

/// The accept loop of a granted address runs.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(rename_all = "camelCase")]
pub struct Serving {
    /// The address.
    pub address: Address,
    /// `["listener"]` after a grant without a listener, to a claim with `provide`; otherwise absent.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[cfg_attr(feature = "schema", schemars(length(max = 1)))]
    pub fds: Vec<String>,
}

/// This server wants a `takedown` before it is ended: it handles takedown of the address.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(rename_all = "camelCase")]
pub struct OnTakedown {
    /// The address.
    pub address: Address,
}

/// The server stopped accepting on an address and released it. With `re` it answers a
/// `takedown`; without, it withdraws a claim or gives up the address by itself.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(rename_all = "camelCase")]
pub struct Released {
    /// The `id` of the `takedown`.
    #[serde(default, skip_serializing_if = "Option::is_none", deserialize_with = "present")]
    #[cfg_attr(feature = "schema", schemars(with = "u64", range(min = 1, max = INTEGER_MAX)))]
    pub re: Option<u64>,
    /// The address.
    pub address: Address,
}

/// Every address that this server will ever claim is granted and serving.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct ServerUp {}

/// The server gives up; the deploy has failed.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct Fail {
    /// Why, for people.
    #[serde(serialize_with = "short")]
    #[cfg_attr(feature = "schema", schemars(length(max = 2048)))]
    pub reason: String,
}

/// A supervisor's server was not up in time: the supervisor asks for a verdict.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct TimedOut {
    /// The number that the `verdict` answers.
    #[cfg_attr(feature = "schema", schemars(range(min = 1, max = INTEGER_MAX)))]
    pub id: u64,
}

/// A supervisor has closed its duplicate of a listener, because of an `event` of kind `close`
/// or `replaced`, or because it does not keep it. Sent once for each duplicate.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct Closed {
    /// The address.
    pub address: Address,
}

/// A supervisor was asked to stop: its generation is to be taken down.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct Stop {}

impl Message for FromClient {
    const TYPES: &'static [&'static str] = &[
        "hello",
        "holding",
        "readyFor",
        "serving",
        "onTakedown",
        "released",
        "progress",
        "serverUp",
        "fail",
        "timedOut",
        "closed",
        "stop",
        "ping",
        "pong",
        "error",
    ];

    fn from_object(object: Map<String, Value>) -> serde_json::Result<Self> {
        serde_json::from_value(Value::Object(object))
    }

    fn fds(&self) -> &[String] {
        match self {
            FromClient::Hello(hello) => &hello.fds,
            FromClient::Holding(holding) => &holding.fds,
            FromClient::Serving(serving) => &serving.fds,
            FromClient::ReadyFor(_)
            | FromClient::OnTakedown(_)
            | FromClient::Released(_)
            | FromClient::Progress(_)
            | FromClient::ServerUp(_)
            | FromClient::Fail(_)
            | FromClient::TimedOut(_)
            | FromClient::Closed(_)
            | FromClient::Stop(_)
            | FromClient::Ping(_)
            | FromClient::Pong(_)
            | FromClient::Error(_) => &[],
        }
    }
}
