//! Addresses: the names of what is handed over, and their one canonical form.
//!
//! Two servers mean the same address exactly when the canonical texts are equal, so
//! there is one text for one address and no lookup of any kind (no DNS, no file
//! system) happens here.
//!
//! | text | kind |
//! | --- | --- |
//! | `:8080`, `8080` | TCP on every interface, IPv4 and IPv6 (canonical: `:8080`) |
//! | `127.0.0.1:8080`, `[::1]:443` | TCP on one IP address |
//! | `unix:/run/app.sock` | a Unix stream socket |
//! | `udp::53`, `udp:127.0.0.1:53`, `udp:[::1]:53` | UDP |
//! | `mailer` | an exclusive resource with no socket |

use std::fmt;
use std::net::{IpAddr, Ipv6Addr, SocketAddr};
use std::path::{Path, PathBuf};
use std::str::FromStr;

use serde::{Deserialize, Deserializer, Serialize, Serializer};

/// Longest name of an exclusive resource, in bytes.
const NAME_BYTES_MAX: usize = 255;

/// Longest path of a Unix socket, in bytes, without the closing NUL (`sun_path` is 108: unix(7)).
const UNIX_PATH_BYTES_MAX: usize = 107;

/// The name of what is handed over from one server to the next.
///
/// `Display` and `FromStr` are inverse to each other on canonical texts.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Address {
    /// A TCP listener.
    Tcp(Endpoint),
    /// A Unix stream listener at this absolute path.
    Unix(PathBuf),
    /// A bound UDP socket.
    Udp(Endpoint),
    /// An exclusive resource that has no socket, such as a queue worker's name.
    Name(String),
}

/// Where an IP socket is bound.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Endpoint {
    /// Every interface, IPv4 and IPv6 on one dual-stack socket.
    Any {
        /// The port, never 0.
        port: u16,
    },
    /// One IP address. `0.0.0.0` is IPv4 only and `[::]` is IPv6 only.
    Ip(SocketAddr),
}

/// How an address is taken.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(rename_all = "camelCase")]
pub enum SocketMode {
    /// Exclusive: the old holder releases first, then the new one binds for itself.
    Bind,
    /// The listening socket itself is passed; both generations hold it for a moment.
    Inherit,
}

/// A text that names no address, and what to write instead.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("`{text}` is not an address: {problem}")]
pub struct AddressError {
    text: String,
    /// What is wrong with it.
    pub problem: AddressProblem,
}

/// What is wrong with a text that should be an address.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum AddressProblem {
    /// Nothing at all.
    #[error("it is empty")]
    Empty,
    /// Not a number from 1 to 65535.
    #[error("the port must be a number from 1 to 65535")]
    Port,
    /// A host name, a wildcard or a broken IP address before the port.
    #[error(
        "the host must be an IP address such as `127.0.0.1` or `[::1]`, or nothing for all interfaces; names are not looked up"
    )]
    Host,
    /// A relative, overlong or otherwise unusable path.
    #[error(
        "a Unix socket needs an absolute path of at most 107 bytes without `..`, such as `unix:/run/app.sock`"
    )]
    UnixPath,
    /// Not a plain name.
    #[error("a name starts with a letter and has letters, digits, `.`, `_` and `-` only, at most 255")]
    Name,
}

impl Address {
    /// Whether a socket belongs to this address, so that it can be inherited.
    pub fn has_socket(&self) -> bool {
        match self {
            Address::Tcp(_) | Address::Unix(_) | Address::Udp(_) => true,
            Address::Name(_) => false,
        }
    }

    fn parse(text: &str) -> Result<Self, AddressProblem> {
        if text.is_empty() {
            return Err(AddressProblem::Empty);
        }
        if let Some(path) = text.strip_prefix("unix:") {
            return unix_path(path).map(Address::Unix);
        }
        if let Some(endpoint) = text.strip_prefix("udp:") {
            return Endpoint::parse(endpoint).map(Address::Udp);
        }
        if text.bytes().all(|b| b.is_ascii_digit()) {
            return port(text).map(|port| Address::Tcp(Endpoint::Any { port }));
        }
        if text.contains(':') {
            return Endpoint::parse(text).map(Address::Tcp);
        }
        name(text).map(Address::Name)
    }
}

impl Endpoint {
    /// The port, never 0.
    pub fn port(&self) -> u16 {
        match self {
            Endpoint::Any { port } => *port,
            Endpoint::Ip(address) => address.port(),
        }
    }

    /// What to hand to bind(2); the dual-stack endpoint is the IPv6 wildcard.
    pub fn socket_address(&self) -> SocketAddr {
        match self {
            Endpoint::Any { port } => SocketAddr::from((Ipv6Addr::UNSPECIFIED, *port)),
            Endpoint::Ip(address) => *address,
        }
    }

    fn parse(text: &str) -> Result<Self, AddressProblem> {
        let (host, port_text) = text.rsplit_once(':').ok_or(AddressProblem::Port)?;
        let port = port(port_text)?;
        if host.is_empty() {
            return Ok(Endpoint::Any { port });
        }
        let ip: IpAddr = match host.strip_prefix('[').and_then(|host| host.strip_suffix(']')) {
            Some(v6) => v6.parse::<Ipv6Addr>().map_err(|_| AddressProblem::Host)?.into(),
            None => host.parse::<std::net::Ipv4Addr>().map_err(|_| AddressProblem::Host)?.into(),
        };
        Ok(Endpoint::Ip(SocketAddr::new(ip, port)))
    }
}

fn port(text: &str) -> Result<u16, AddressProblem> {
    let plain = !text.is_empty() && text.bytes().all(|b| b.is_ascii_digit()) && !text.starts_with('0');
    if !plain {
        return Err(AddressProblem::Port);
    }
    text.parse().map_err(|_| AddressProblem::Port)
}

/// Folds `//` and `/./`, so that one path has one text. `..` is refused: what it means
/// depends on symbolic links.
fn unix_path(text: &str) -> Result<PathBuf, AddressProblem> {
    let path = Path::new(text);
    let usable = path.is_absolute() && !text.contains('\0') && !text.ends_with('/');
    let climbs = path.components().any(|part| part == std::path::Component::ParentDir);
    if !usable || climbs {
        return Err(AddressProblem::UnixPath);
    }
    let path: PathBuf = path.components().collect();
    if path.as_os_str().len() > UNIX_PATH_BYTES_MAX || path.file_name().is_none() {
        return Err(AddressProblem::UnixPath);
    }
    Ok(path)
}

fn name(text: &str) -> Result<String, AddressProblem> {
    let starts = text.starts_with(|c: char| c.is_ascii_alphabetic());
    let plain = text.bytes().all(|b| b.is_ascii_alphanumeric() || matches!(b, b'.' | b'_' | b'-'));
    if !starts || !plain || text.len() > NAME_BYTES_MAX {
        return Err(AddressProblem::Name);
    }
    Ok(text.to_owned())
}

impl FromStr for Address {
    type Err = AddressError;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        Address::parse(text).map_err(|problem| AddressError { text: text.to_owned(), problem })
    }
}

impl fmt::Display for Address {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Address::Tcp(endpoint) => endpoint.fmt(f),
            Address::Unix(path) => write!(f, "unix:{}", path.display()),
            Address::Udp(endpoint) => write!(f, "udp:{endpoint}"),
            Address::Name(name) => f.write_str(name),
        }
    }
}

impl fmt::Display for Endpoint {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Endpoint::Any { port } => write!(f, ":{port}"),
            Endpoint::Ip(address) => address.fmt(f),
        }
    }
}

impl Serialize for Address {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl<'de> Deserialize<'de> for Address {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = String::deserialize(deserializer)?;
        text.parse().map_err(serde::de::Error::custom)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn canonical(text: &str) -> Result<String, AddressProblem> {
        text.parse::<Address>().map(|address| address.to_string()).map_err(|error| error.problem)
    }

    #[test]
    fn every_kind_has_one_canonical_text() {
        let cases = [
            ("8080", ":8080"),
            (":8080", ":8080"),
            ("127.0.0.1:80", "127.0.0.1:80"),
            ("0.0.0.0:80", "0.0.0.0:80"),
            ("[::1]:443", "[::1]:443"),
            ("[0:0::0:1]:443", "[::1]:443"),
            ("unix:/run/app.sock", "unix:/run/app.sock"),
            ("unix:/run//./app.sock", "unix:/run/app.sock"),
            ("udp::53", "udp::53"),
            ("udp:[::]:53", "udp:[::]:53"),
            ("mailer", "mailer"),
            ("queue.worker-1_b", "queue.worker-1_b"),
        ];
        for (text, expected) in cases {
            assert_eq!(canonical(text), Ok(expected.to_owned()), "{text}");
            assert_eq!(canonical(expected), Ok(expected.to_owned()), "{expected} again");
        }
    }

    #[test]
    fn what_is_no_address_says_why() {
        use AddressProblem::{Empty, Host, Name, Port, UnixPath};
        let long_name = "a".repeat(256);
        let long_path = format!("unix:/{}", "a".repeat(107));
        let cases = [
            ("", Empty),
            ("0", Port),
            (":0", Port),
            (":080", Port),
            (":65536", Port),
            (":http", Port),
            ("127.0.0.1:", Port),
            ("udp:53", Port),
            ("localhost:8080", Host),
            ("*:8080", Host),
            ("::1:8080", Host),
            ("[fe80::1%1]:80", Host),
            ("[127.0.0.1]:80", Host),
            ("unix:", UnixPath),
            ("unix:app.sock", UnixPath),
            ("unix:/run/../app.sock", UnixPath),
            ("unix:/run/", UnixPath),
            ("unix:/", UnixPath),
            (&long_path, UnixPath),
            ("-mailer", Name),
            ("my mailer", Name),
            ("mail/er", Name),
            (&long_name, Name),
        ];
        for (text, problem) in cases {
            assert_eq!(canonical(text), Err(problem), "{text}");
        }
    }
}
