//! Where a load goes: a TCP port of this machine, or a Unix socket. Nothing else.

use std::fmt;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};
use std::path::PathBuf;

use serverswap_protocol::{Address, Endpoint};

/// A server of this machine.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Target {
    /// A loopback address and port.
    Tcp(SocketAddr),
    /// The path of a stream socket.
    Unix(PathBuf),
}

/// An address that no load may or can go to.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum TargetError {
    /// Some other machine, perhaps.
    #[error("`{0}` is not an address of this machine's loopback")]
    NotLoopback(Address),
    /// UDP, or a name without a socket.
    #[error("`{0}` has no stream socket to send requests to")]
    NoStream(Address),
}

impl TryFrom<&Address> for Target {
    type Error = TargetError;

    fn try_from(address: &Address) -> Result<Self, TargetError> {
        match address {
            Address::Tcp(Endpoint::Any { port }) => Ok(Target::Tcp((Ipv4Addr::LOCALHOST, *port).into())),
            Address::Tcp(Endpoint::Ip(socket)) => {
                loopback(*socket).map(Target::Tcp).ok_or_else(|| TargetError::NotLoopback(address.clone()))
            }
            Address::Unix(path) => Ok(Target::Unix(path.clone())),
            Address::Udp(_) | Address::Name(_) => Err(TargetError::NoStream(address.clone())),
        }
    }
}

/// A wildcard is reached over the loopback of its family.
fn loopback(socket: SocketAddr) -> Option<SocketAddr> {
    let ip = match socket.ip() {
        ip if ip.is_loopback() => ip,
        IpAddr::V4(Ipv4Addr::UNSPECIFIED) => Ipv4Addr::LOCALHOST.into(),
        IpAddr::V6(Ipv6Addr::UNSPECIFIED) => Ipv6Addr::LOCALHOST.into(),
        IpAddr::V4(_) | IpAddr::V6(_) => return None,
    };
    Some(SocketAddr::new(ip, socket.port()))
}

impl fmt::Display for Target {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Target::Tcp(socket) => socket.fmt(f),
            Target::Unix(path) => write!(f, "unix:{}", path.display()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn target(text: &str) -> Result<String, TargetError> {
        Target::try_from(&text.parse::<Address>().expect("an address")).map(|target| target.to_string())
    }

    #[test]
    fn a_load_goes_to_the_loopback_or_a_unix_socket_and_nowhere_else() {
        assert_eq!(target(":8080").as_deref(), Ok("127.0.0.1:8080"));
        assert_eq!(target("127.9.9.9:8080").as_deref(), Ok("127.9.9.9:8080"));
        assert_eq!(target("0.0.0.0:8080").as_deref(), Ok("127.0.0.1:8080"));
        assert_eq!(target("[::]:8080").as_deref(), Ok("[::1]:8080"));
        assert_eq!(target("unix:/run/app.sock").as_deref(), Ok("unix:/run/app.sock"));
        assert!(matches!(target("10.0.0.1:8080"), Err(TargetError::NotLoopback(_))));
        assert!(matches!(target("udp::53"), Err(TargetError::NoStream(_))));
        assert!(matches!(target("mailer"), Err(TargetError::NoStream(_))));
    }
}
