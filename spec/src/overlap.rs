//! Whether two addresses are in each other's way: the kernel binds sockets for one of them at a time.
//!
//! | one | overlaps |
//! | --- | --- |
//! | `:8080` | every other address of port 8080 |
//! | `0.0.0.0:8080` | every IPv4 address of port 8080, also in IPv6 form (`[::ffff:127.0.0.1]:8080`) |
//! | `[::]:8080` | every other IPv6 address of port 8080 |
//! | `127.0.0.1:8080` | those above, and itself in IPv6 form |
//!
//! TCP does not overlap UDP, and neither Unix sockets nor names overlap anything. Linux 6.18 was
//! asked for every pair, with TCP and with UDP, without `SO_REUSEPORT`.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};
use std::ops::RangeInclusive;

use crate::{Address, Endpoint};

/// What an address takes of the ports of a machine. In order, everything of one port is together, and what takes
/// more than one IP address is first.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct Reach {
    transport: Transport,
    port: u16,
    /// `None`: more than one.
    ip: Option<IpAddr>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Transport {
    Tcp,
    Udp,
}

impl Address {
    /// Whether this is another address, and a socket of the one keeps the kernel from binding one of
    /// the other.
    pub fn overlaps(&self, other: &Address) -> bool {
        match (self, other) {
            (Address::Tcp(one), Address::Tcp(other)) | (Address::Udp(one), Address::Udp(other)) => {
                one != other && one.port() == other.port() && share_an_ip(one, other)
            }
            (Address::Tcp(_) | Address::Udp(_) | Address::Unix(_) | Address::Name(_), _) => false,
        }
    }

    /// Where it is in the order of ports; `None` for what overlaps nothing.
    pub fn reach(&self) -> Option<Reach> {
        let (transport, endpoint) = match self {
            Address::Tcp(endpoint) => (Transport::Tcp, endpoint),
            Address::Udp(endpoint) => (Transport::Udp, endpoint),
            Address::Unix(_) | Address::Name(_) => return None,
        };
        let ip = endpoint.ip().filter(|ip| !ip.is_unspecified());
        Some(Reach { transport, port: endpoint.port(), ip })
    }
}

impl Reach {
    /// The parts of the order in which every address that may overlap one with this reach is.
    pub fn neighbours(self) -> [RangeInclusive<Reach>; 2] {
        let of = |ip| Reach { ip, ..self };
        let ips = match self.ip {
            Some(_) => self..=self,
            None => of(Some(FIRST_IP))..=of(Some(LAST_IP)),
        };
        [of(None)..=of(None), ips]
    }
}

const FIRST_IP: IpAddr = IpAddr::V4(Ipv4Addr::UNSPECIFIED);
const LAST_IP: IpAddr = IpAddr::V6(Ipv6Addr::from_bits(u128::MAX));

impl Endpoint {
    /// An IPv4 address in IPv6 form counts as that IPv4 address. `None`: every one of this machine.
    fn ip(&self) -> Option<IpAddr> {
        match self {
            Endpoint::Any { .. } => None,
            Endpoint::Ip(at) => Some(at.ip().to_canonical()),
        }
    }
}

fn share_an_ip(one: &Endpoint, other: &Endpoint) -> bool {
    let (Some(one), Some(other)) = (one.ip(), other.ip()) else {
        return true;
    };
    one.is_ipv4() == other.is_ipv4() && (one.is_unspecified() || other.is_unspecified() || one == other)
}

#[cfg(test)]
mod tests {
    use super::*;

    const PORT_80: [&str; 8] = [
        ":80",
        "0.0.0.0:80",
        "127.0.0.1:80",
        "127.0.0.2:80",
        "[::ffff:127.0.0.1]:80",
        "[::]:80",
        "[::1]:80",
        "[fd00::1]:80",
    ];

    fn address(text: &str) -> Address {
        text.parse().expect("an address")
    }

    #[test]
    fn of_one_port_everything_overlaps_that_shares_an_ip_address() {
        let apart = [
            ("0.0.0.0:80", "[::]:80"),
            ("0.0.0.0:80", "[::1]:80"),
            ("0.0.0.0:80", "[fd00::1]:80"),
            ("127.0.0.1:80", "127.0.0.2:80"),
            ("127.0.0.1:80", "[::]:80"),
            ("127.0.0.1:80", "[::1]:80"),
            ("127.0.0.1:80", "[fd00::1]:80"),
            ("127.0.0.2:80", "[::ffff:127.0.0.1]:80"),
            ("127.0.0.2:80", "[::]:80"),
            ("127.0.0.2:80", "[::1]:80"),
            ("127.0.0.2:80", "[fd00::1]:80"),
            ("[::ffff:127.0.0.1]:80", "[::]:80"),
            ("[::ffff:127.0.0.1]:80", "[::1]:80"),
            ("[::ffff:127.0.0.1]:80", "[fd00::1]:80"),
            ("[::1]:80", "[fd00::1]:80"),
        ];
        for one in PORT_80 {
            for other in PORT_80 {
                let overlap =
                    one != other && !apart.contains(&(one, other)) && !apart.contains(&(other, one));
                assert_eq!(address(one).overlaps(&address(other)), overlap, "{one} and {other}");
                let udp = [one, other].map(|text| address(&format!("udp:{text}")));
                assert_eq!(udp[0].overlaps(&udp[1]), overlap, "{} and {}", udp[0], udp[1]);
            }
        }
    }

    #[test]
    fn other_ports_transports_paths_and_names_do_not_overlap() {
        for other in [":81", "udp::80", "unix:/run/80", "mailer"] {
            assert!(!address(":80").overlaps(&address(other)), "{other}");
            assert!(!address(other).overlaps(&address(":80")), "{other}");
        }
        assert!(!address("unix:/run/80").overlaps(&address("unix:/run/80.sock")));
    }

    #[test]
    fn whatever_overlaps_is_among_the_neighbours() {
        let all: Vec<Address> = PORT_80.into_iter().chain([":81", "udp::80"]).map(address).collect();
        for one in &all {
            let neighbours = one.reach().expect("it has a port").neighbours();
            for other in &all {
                let reach = other.reach().expect("it has a port");
                let is_neighbour = neighbours.iter().any(|range| range.contains(&reach));
                assert!(is_neighbour || !one.overlaps(other), "{one} and {other}");
            }
        }
    }
}
