//! One line of a conversation, as reports hold it and recordings store it.
//!
//! A recording is one such object a line. It names how many descriptors came with a line; what
//! they are stands in the message itself, and in `descriptors` when the suite gave them a name.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// One line of a conversation.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(from = "Recorded", into = "Recorded")]
pub struct TraceLine {
    /// Microseconds since the beginning of the case or of the recording.
    pub at_micros: u64,
    /// Who said it.
    pub from: Party,
    /// The connection on the wire; without one it is between the suite and the driver.
    pub on: Option<String>,
    /// Without its line feed. Bytes that are not UTF-8 are replaced by U+FFFD.
    pub line: String,
    /// The names of the descriptors that came with it.
    pub fds: Vec<String>,
    /// Which side of the connection recorded it: the suite's. `None` is the arbiter's.
    pub by: Option<Party>,
    /// Whether it breaks a rule or crosses another line, or may do so, because a scenario says so.
    pub deliberate: bool,
}

/// Who said a line.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub enum Party {
    /// The client's side of a connection.
    Client,
    /// The arbiter's side of a connection: the scripted one, or the supervisor under test.
    Arbiter,
    /// The driver, on its standard output.
    Driver,
    /// The suite: a command to the driver, or a remark.
    Suite,
}

/// The JSON of a [`TraceLine`].
#[derive(Debug, Clone, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
#[schemars(rename = "TraceLine")]
struct Recorded {
    /// Microseconds since the beginning of the case or of the recording.
    at: u64,
    /// The connection on the wire; absent between the suite and the driver.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    on: Option<String>,
    /// Which side of the connection recorded it; absent: the arbiter's.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    by: Option<Party>,
    /// Who said it.
    from: Party,
    /// Without its line feed. Bytes that are not UTF-8 are replaced by U+FFFD.
    line: String,
    /// How many descriptors came with it.
    #[serde(default, skip_serializing_if = "is_zero")]
    fds: usize,
    /// The suite's names of them, where it gave them any.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    descriptors: Vec<String>,
    /// Whether the suite sent it although it breaks a rule or crosses another line, or may do so.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    deliberate: bool,
}

impl From<Recorded> for TraceLine {
    fn from(recorded: Recorded) -> TraceLine {
        let Recorded { at, on, by, from, line, fds, mut descriptors, deliberate } = recorded;
        descriptors.resize(fds, UNNAMED.to_owned());
        TraceLine { at_micros: at, from, on, line, fds: descriptors, by, deliberate }
    }
}

impl From<TraceLine> for Recorded {
    fn from(line: TraceLine) -> Recorded {
        let TraceLine { at_micros: at, from, on, line, fds: descriptors, by, deliberate } = line;
        let named = descriptors.iter().any(|name| name != UNNAMED);
        let fds = descriptors.len();
        let descriptors = if named { descriptors } else { Vec::new() };
        Recorded { at, on, by, from, line, fds, descriptors, deliberate }
    }
}

/// What a descriptor is called of which only the number is known.
const UNNAMED: &str = "descriptor";

#[expect(clippy::trivially_copy_pass_by_ref, reason = "serde asks for it")]
fn is_zero(number: &usize) -> bool {
    *number == 0
}

impl JsonSchema for TraceLine {
    fn schema_name() -> std::borrow::Cow<'static, str> {
        Recorded::schema_name()
    }

    fn json_schema(generator: &mut schemars::SchemaGenerator) -> schemars::Schema {
        Recorded::json_schema(generator)
    }
}
