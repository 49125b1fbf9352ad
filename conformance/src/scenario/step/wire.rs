//! The bodies of steps on connections: sending, waiting, ending.

use schemars::JsonSchema;
use serde::Deserialize;

use crate::scenario::{Pattern, Split, Template};

/// Waits for a connection.
#[derive(Debug, Clone, PartialEq, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Accept {
    /// The name that it gets.
    pub on: String,
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

/// Sends lines or bytes. Exactly one of `message`, `lines`, `raw` and `raw_b64` is there.
#[derive(Debug, Clone, PartialEq, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Send {
    /// The connection.
    pub on: String,
    /// One message.
    #[serde(default)]
    pub message: Option<Template>,
    /// Several messages that leave in one `sendmsg`.
    #[serde(default)]
    pub lines: Option<Vec<Template>>,
    /// Bytes as they are; names are replaced, no line feed is added.
    #[serde(default)]
    pub raw: Option<String>,
    /// Bytes as they are, in base64.
    #[serde(default)]
    pub raw_b64: Option<String>,
    /// The descriptors that are attached, by the names of `listener` and `descriptor` steps.
    #[serde(default)]
    pub fds: Vec<String>,
    /// The piece, counted from 0, to which the descriptors are attached.
    #[serde(default)]
    pub fds_at: usize,
    /// Where further pieces begin; each piece leaves in a `sendmsg` of its own.
    #[serde(default)]
    pub split: Split,
    /// How many bytes are sent; the rest is never sent.
    #[serde(default)]
    pub cut: Option<Split>,
    /// False: it breaks a rule, or is of a later version, on purpose, and is no fault of the
    /// suite. `raw` and `raw_b64` never are.
    #[serde(default = "yes")]
    pub judged: bool,
    /// How often it is sent; `$i` counts from 1.
    #[serde(default)]
    pub times: Option<u32>,
}

/// Sends the greeting, expects `hello` with all of its `holding` lines, sends `welcome`.
#[derive(Debug, Clone, PartialEq, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Greet {
    /// The connection.
    pub on: String,
    /// Keys that replace those of the usual greeting.
    #[serde(default)]
    pub greeting: Option<Template>,
    /// What `hello` has to have.
    #[serde(default)]
    pub hello: Option<Pattern>,
    /// The listeners that come with it, in any order.
    #[serde(default)]
    pub fds: Option<Vec<String>>,
    /// Keys that replace those of the usual welcome.
    #[serde(default)]
    pub welcome: Option<Template>,
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

/// Waits for the next line.
#[derive(Debug, Clone, PartialEq, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Expect {
    /// The connection.
    pub on: String,
    /// What it has to be.
    pub message: Pattern,
    /// The descriptors that come with it: each the same socket as the `listener` or `descriptor`
    /// of that name.
    #[serde(default)]
    pub fds: Option<Vec<String>>,
    /// The name of the check.
    #[serde(default)]
    pub check: Option<String>,
    /// What it proves.
    #[serde(default)]
    pub spec: Vec<String>,
    /// How long it may take, in milliseconds, instead of the usual limit.
    #[serde(default)]
    pub within_ms: Option<u64>,
    /// How many such lines follow each other; `$i` counts from 1.
    #[serde(default)]
    pub times: Option<u32>,
}

/// Proves that nothing more comes: `ping` and `pong` on a connection, `sync` on the driver.
#[derive(Debug, Clone, PartialEq, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Quiet {
    /// Connections, `driver`, and `arbiter`: nobody connects to it.
    pub on: Vec<String>,
    /// The name of the check.
    #[serde(default)]
    pub check: Option<String>,
    /// What it proves.
    #[serde(default)]
    pub spec: Vec<String>,
}

/// Waits for the other side to end a connection, with nothing before that.
#[derive(Debug, Clone, PartialEq, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Closed {
    /// The connection.
    pub on: String,
    /// The ends that are right. Absent: every one.
    #[serde(default = "every_ending")]
    pub how: Vec<Ending>,
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

/// How a connection ends.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Ending {
    /// In order: everything that was sent was read.
    Eof,
    /// With data that the other side has not read.
    Reset,
}

/// A connection.
#[derive(Debug, Clone, PartialEq, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct On {
    /// Its name.
    pub on: String,
}

/// The arbiter stops listening.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Unlisten {
    /// Its path stays behind, as when it was killed.
    #[serde(default)]
    pub leave: bool,
}

fn yes() -> bool {
    true
}

fn every_ending() -> Vec<Ending> {
    vec![Ending::Eof, Ending::Reset]
}

macro_rules! from_word {
    ($($body:ident { $key:ident: $value:expr, $($rest:tt)* })*) => {$(
        impl From<String> for $body {
            fn from(word: String) -> Self {
                $body { $key: $value(word), $($rest)* }
            }
        }
    )*};
}

from_word! {
    Accept { on: String::from, check: None, spec: Vec::new(), within_ms: None }
    Greet {
        on: String::from, greeting: None, hello: None, fds: None, welcome: None,
        check: None, spec: Vec::new(), within_ms: None
    }
    Quiet { on: |word| vec![word], check: None, spec: Vec::new() }
    Closed { on: String::from, how: every_ending(), check: None, spec: Vec::new(), within_ms: None }
    On { on: String::from, }
}
