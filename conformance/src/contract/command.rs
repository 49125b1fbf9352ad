//! What a driver is told.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

/// A command and its number: one line of the driver's standard input.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct Numbered {
    /// Rises by one for each command, from 1. The reply repeats it.
    pub seq: u64,
    /// The command.
    #[serde(flatten)]
    pub command: Command,
}

/// One command. It is answered when its action has been started; outcomes are events.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(tag = "cmd", rename_all = "camelCase", rename_all_fields = "camelCase")]
pub enum Command {
    /// The first command: who are you?
    Hello {
        /// The versions of this contract that the suite speaks.
        contract: Vec<u32>,
        /// The version of the suite, for logs.
        suite: String,
    },
    /// Read one line of the arbiter as the library does. No socket is involved.
    Decode {
        /// Base64 of the bytes of the line, line feed included.
        line: String,
        /// How many descriptors came with it.
        fds: u64,
    },
    /// Write one message as the library does. No socket is involved.
    Encode {
        /// The message.
        message: Map<String, Value>,
    },
    /// Set up the client, as a server does at its start: from the environment.
    Connect {},
    /// Claim an address.
    ReadyFor(Claim),
    /// Say that the accept loop of the address runs.
    Serving {
        /// The address.
        address: String,
    },
    /// Handle the takedown of the address from now on: it becomes the event `takedown`.
    OnTakedown {
        /// The address.
        address: String,
    },
    /// Let go of the address: answers its takedown, gives it up, or withdraws its claim.
    Released {
        /// The address.
        address: String,
    },
    /// Say how the drain of a taken address goes.
    Progress {
        /// The address.
        address: String,
        /// How many connections are open.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        connections: Option<u64>,
        /// How long the drain is to last at least, in milliseconds from now.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        extend_ms: Option<u64>,
    },
    /// Say that everything that will be claimed is granted and served.
    ServerUp {},
    /// Say that this server cannot go on.
    Fail {
        /// Why, for people.
        reason: String,
    },
    /// Accept one connection on the granted listener, read up to 64 bytes, write them back, and
    /// close it. The event `accepted` tells that this was done.
    Accept {
        /// The address.
        address: String,
        /// Repeated in the event.
        op: String,
    },
    /// Accept in a loop and answer HTTP/1.1, until `stop`.
    Serve {
        /// The address.
        address: String,
    },
    /// Stop accepting and finish what is open. The event `stopped` tells that this was done.
    Stop {
        /// The address.
        address: String,
        /// Repeated in the event.
        op: String,
    },
    /// Fork, use the client in the child, and tell by the event `forked` what it made of it.
    Fork {
        /// Repeated in the event.
        op: String,
    },
    /// A barrier: reply when everything that was readable has been processed and every event
    /// that follows from it was written.
    Sync {},
    /// Drop the client; its connection closes.
    Close {},
    /// End this process at once, by `_exit`.
    Exit {
        /// The exit status.
        code: u8,
    },
}

/// A claim.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct Claim {
    /// Repeated in the events about this claim.
    pub op: String,
    /// The address, in any spelling.
    pub address: String,
    /// How it is taken.
    pub socket: Socket,
    /// Further addresses will be claimed before `serverUp`. Absent: false.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub more: bool,
}

/// How an address is taken.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub enum Socket {
    /// The older holder lets go first; the server binds by itself.
    Bind,
    /// The listener is passed.
    Inherit,
}

impl Command {
    /// The word of the contract.
    #[must_use]
    pub fn word(&self) -> &'static str {
        match self {
            Command::Hello { .. } => "hello",
            Command::Decode { .. } => "decode",
            Command::Encode { .. } => "encode",
            Command::Connect {} => "connect",
            Command::ReadyFor(_) => "readyFor",
            Command::Serving { .. } => "serving",
            Command::OnTakedown { .. } => "onTakedown",
            Command::Released { .. } => "released",
            Command::Progress { .. } => "progress",
            Command::ServerUp {} => "serverUp",
            Command::Fail { .. } => "fail",
            Command::Accept { .. } => "accept",
            Command::Serve { .. } => "serve",
            Command::Stop { .. } => "stop",
            Command::Fork { .. } => "fork",
            Command::Sync {} => "sync",
            Command::Close {} => "close",
            Command::Exit { .. } => "exit",
        }
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn a_command_is_one_flat_object() {
        let claim = Claim { op: "o1".into(), address: ":80".into(), socket: Socket::Bind, more: false };
        let numbered = Numbered { seq: 3, command: Command::ReadyFor(claim) };
        let line = serde_json::to_value(&numbered).expect("JSON");
        assert_eq!(
            line,
            json!({"seq": 3, "cmd": "readyFor", "op": "o1", "address": ":80", "socket": "bind"})
        );
        assert_eq!(serde_json::from_value::<Numbered>(line).expect("the same"), numbered);
    }

    #[test]
    fn an_unknown_key_of_a_command_is_ignored() {
        let line = json!({"seq": 3, "cmd": "sync", "later": true});
        assert_eq!(serde_json::from_value::<Numbered>(line).expect("known").command, Command::Sync {});
    }
}
