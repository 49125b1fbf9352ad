//! What a command waits for, for the operator who wonders why it does not end.

use std::fmt;
use std::time::Duration;

use serde::{Serialize, Serializer};
use serverswap::protocol::{Address, Generation};

use super::duration::{serialize_millis, serialize_some_millis, text};
use super::grammar;
use crate::supervisor::GenerationSignal;

/// Most ending servers, or addresses, that one line names.
const NAMED_MAX: usize = 3;

/// What is waited for.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(tag = "for", rename_all = "snake_case", rename_all_fields = "camelCase")]
pub enum WaitingFor {
    /// An arbiter, or its answer.
    Arbiter {
        /// The one that does not answer, if there is a connection to it.
        #[serde(skip_serializing_if = "Option::is_none")]
        pid: Option<u32>,
    },
    /// The server has no claim.
    Claim {
        /// The server.
        pid: u32,
        /// The addresses whose claims have failed.
        #[serde(skip_serializing_if = "SomeAddresses::is_empty")]
        failed: SomeAddresses,
        /// Where processes of its generation listen, as far as that was looked for.
        #[serde(skip_serializing_if = "Vec::is_empty")]
        listens: Vec<Address>,
        /// Whether it claims what it binds, by its stand-in.
        #[serde(skip)]
        is_intercepted: bool,
        /// Until it must be up.
        #[serde(rename = "remainingMs", serialize_with = "serialize_millis")]
        remaining: Duration,
    },
    /// The server has claimed addresses that it was not granted yet.
    Grant {
        /// The server.
        pid: u32,
        /// The addresses.
        addresses: SomeAddresses,
        /// The older servers that are known to release one of them.
        #[serde(skip_serializing_if = "Vec::is_empty")]
        releasing: Vec<EndingServer>,
        /// Until it must be up.
        #[serde(rename = "remainingMs", serialize_with = "serialize_millis")]
        remaining: Duration,
    },
    /// The server was granted addresses that it does not serve yet.
    Serving {
        /// The server.
        pid: u32,
        /// The addresses.
        addresses: SomeAddresses,
        /// Until it must be up.
        #[serde(rename = "remainingMs", serialize_with = "serialize_millis")]
        remaining: Duration,
    },
    /// The server serves what it was granted, and has more to do until it is up.
    ServerUp {
        /// The server.
        pid: u32,
        /// Until it must be up.
        #[serde(rename = "remainingMs", serialize_with = "serialize_millis")]
        remaining: Duration,
    },
    /// The server serves addresses beside an older one, on probation.
    Probation {
        /// The server.
        pid: u32,
        /// The addresses.
        addresses: SomeAddresses,
        /// Until it is over.
        #[serde(rename = "remainingMs", serialize_with = "serialize_millis")]
        remaining: Duration,
    },
    /// Servers that drain or were sent a signal have not exited.
    Exit {
        /// The servers.
        servers: Vec<EndingServer>,
    },
    /// A server has exited, and other processes of its generation have not.
    Leftovers {
        /// The server.
        pid: u32,
        /// Until KILL; absent once that was sent.
        #[serde(
            rename = "remainingMs",
            serialize_with = "serialize_some_millis",
            skip_serializing_if = "Option::is_none"
        )]
        remaining: Option<Duration>,
    },
    /// The server is started again after a delay.
    Restart {
        /// What is left of the delay.
        #[serde(rename = "remainingMs", serialize_with = "serialize_millis")]
        remaining: Duration,
    },
    /// A newer generation has asked for addresses, and does not serve them yet.
    Successor {
        /// The addresses.
        addresses: SomeAddresses,
    },
    /// The arbiter has not reported yet that everything of older generations has ended.
    OlderGenerations,
}

/// Addresses, of many the first few; in JSON a list of these.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct SomeAddresses {
    /// Those that are named.
    pub named: Vec<Address>,
    /// How many there are besides.
    pub others: u64,
}

/// A server that is to exit.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct EndingServer {
    /// The server.
    pub pid: u32,
    /// Its generation.
    pub generation: Generation,
    /// How many connections it has open, if that is known.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub connections: Option<u64>,
    /// The last signal that it was sent.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub signal: Option<GenerationSignal>,
    /// Until the next signal, if there is a deadline.
    #[serde(
        rename = "remainingMs",
        serialize_with = "serialize_some_millis",
        skip_serializing_if = "Option::is_none"
    )]
    pub remaining: Option<Duration>,
}

impl WaitingFor {
    pub(super) fn text(&self) -> String {
        format!("still waiting for {}", self.what())
    }

    fn what(&self) -> String {
        match self {
            WaitingFor::Arbiter { pid: Some(pid) } => {
                format!("the arbiter (pid {pid}) to answer; every server keeps serving")
            }
            WaitingFor::Arbiter { pid: None } => {
                "an arbiter to answer; every server keeps serving".to_owned()
            }
            WaitingFor::Claim { pid, failed, remaining, .. } if !failed.is_empty() => {
                format!(
                    "pid {pid}, whose claim of {failed} failed, to claim again; {}",
                    ready_timeout(*remaining)
                )
            }
            WaitingFor::Claim { pid, is_intercepted: true, remaining, .. } => {
                format!("pid {pid} to bind an address; {}", ready_timeout(*remaining))
            }
            WaitingFor::Claim { pid, listens, remaining, .. } => {
                let what = match listens.as_slice() {
                    [] => "`readyFor(address)`".to_owned(),
                    [only] => format!("`readyFor('{only}')`: it listens there"),
                    several => format!("`readyFor(address)`: it listens on {}", grammar::list(several)),
                };
                format!("pid {pid} to call {what}; {}", ready_timeout(*remaining))
            }
            WaitingFor::Grant { pid, addresses, releasing, remaining } => {
                let first = match releasing.as_slice() {
                    [] => String::new(),
                    servers => format!(" once {}", named(servers, EndingServer::releases)),
                };
                format!("{addresses} to be granted to pid {pid}{first}; {}", ready_timeout(*remaining))
            }
            WaitingFor::Serving { pid, addresses, remaining } => {
                format!("pid {pid} to serve {addresses}, which it was granted; {}", ready_timeout(*remaining))
            }
            WaitingFor::ServerUp { pid, remaining } => {
                format!("pid {pid} to call `serverUp()`; {}", ready_timeout(*remaining))
            }
            WaitingFor::Probation { pid, addresses, remaining } => {
                format!("the probation of pid {pid} on {addresses} to end; {} left", text(*remaining))
            }
            WaitingFor::Exit { servers } => named(servers, EndingServer::exits),
            WaitingFor::Leftovers { pid, remaining: Some(remaining) } => {
                format!("what pid {pid} has left behind to end; KILL in {}", text(*remaining))
            }
            WaitingFor::Leftovers { pid, remaining: None } => {
                format!("what pid {pid} has left behind to end; KILL was sent")
            }
            WaitingFor::Restart { remaining } => {
                format!("the next start of the server; {} left", text(*remaining))
            }
            WaitingFor::Successor { addresses } => format!("a newer generation to serve {addresses}"),
            WaitingFor::OlderGenerations => "what older generations have left to end".to_owned(),
        }
    }
}

impl SomeAddresses {
    /// Of all of them.
    pub fn of<'a>(
        addresses: impl IntoIterator<Item = &'a Address, IntoIter: ExactSizeIterator>,
    ) -> SomeAddresses {
        let addresses = addresses.into_iter();
        let others = addresses.len().saturating_sub(NAMED_MAX) as u64;
        SomeAddresses { named: addresses.take(NAMED_MAX).cloned().collect(), others }
    }

    /// Whether there is none.
    pub fn is_empty(&self) -> bool {
        self.named.is_empty()
    }
}

impl Serialize for SomeAddresses {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        self.named.serialize(serializer)
    }
}

impl fmt::Display for SomeAddresses {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.others {
            0 => f.write_str(&grammar::list(&self.named)),
            others => {
                let named: Vec<String> = self.named.iter().map(ToString::to_string).collect();
                write!(f, "{} and {others} more", named.join(", "))
            }
        }
    }
}

impl EndingServer {
    /// `pid 7 to exit (3 connections left, 24 s of the drain timeout left)`.
    fn exits(&self) -> String {
        let sent = self.signal.map(|signal| format!(" after {}", signal.name())).unwrap_or_default();
        let lives = (self.connections == Some(0)).then(|| "the process has not ended".to_owned());
        let details = self.connections().into_iter().chain(lives).chain(self.deadline());
        format!("pid {} to exit{sent}{}", self.pid, in_parentheses(details))
    }

    /// `pid 7 has released it (3 connections left, 24 s of the drain timeout left)`.
    fn releases(&self) -> String {
        let details = self.connections().into_iter().chain(self.deadline());
        format!("pid {} has released it{}", self.pid, in_parentheses(details))
    }

    fn connections(&self) -> Option<String> {
        self.connections.map(|open| format!("{} left", grammar::count(open, "connection")))
    }

    fn deadline(&self) -> Option<String> {
        self.remaining.map(|remaining| match self.signal {
            None => format!("{} of the drain timeout left", text(remaining)),
            Some(_) => format!("KILL in {}", text(remaining)),
        })
    }
}

fn in_parentheses(details: impl Iterator<Item = String>) -> String {
    let details: Vec<String> = details.collect();
    if details.is_empty() { String::new() } else { format!(" ({})", details.join(", ")) }
}

fn ready_timeout(remaining: Duration) -> String {
    format!("{} of the ready timeout left", text(remaining))
}

/// A few of them; of the others the number.
fn named(servers: &[EndingServer], describe: impl Fn(&EndingServer) -> String) -> String {
    let mut described: Vec<String> = servers.iter().take(NAMED_MAX).map(describe).collect();
    let others = servers.len().saturating_sub(NAMED_MAX);
    if others > 0 {
        described
            .push(format!("{} more", grammar::count(u64::try_from(others).unwrap_or(u64::MAX), "server")));
    }
    grammar::list(&described)
}
