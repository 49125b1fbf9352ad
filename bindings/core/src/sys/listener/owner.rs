//! Finds the process that has the socket of an address.

use std::net::{IpAddr, SocketAddr};
use std::path::{Path, PathBuf};
use std::{fs, io};

use serverswap_protocol::{Address, Endpoint};

use super::error::{SocketOwner, StartedBy};
use super::socket_table::{InetSocket, UnixSocket, tcp_at, udp_at};
use crate::sys::process::{GENERATION_VARIABLE, environment, name, pids};

/// Who has a socket that is in the way of this address; `None` when that cannot be seen
/// from here: another user's process, another pid namespace, a socket that is bound and
/// does not listen. Costs a look at every descriptor of every process of this user.
pub fn owner_of(address: &Address) -> Option<SocketOwner> {
    let inode = match address {
        Address::Tcp(endpoint) => inet_inode(*endpoint, &tcp_at(endpoint.port())),
        Address::Udp(endpoint) => inet_inode(*endpoint, &udp_at(endpoint.port())),
        Address::Unix(path) => UnixSocket::bound_at(path).map(|socket| socket.inode),
        Address::Name(_) => None,
    }?;
    holder_of(inode)
}

/// That of a listening one, if there is one.
fn inet_inode(endpoint: Endpoint, sockets: &[InetSocket]) -> Option<u64> {
    const V4: bool = false;
    const V6: bool = true;
    let versions: &[bool] = match endpoint {
        Endpoint::Any { .. } => &[V6, V4],
        Endpoint::Ip(SocketAddr::V4(_)) => &[V4, V6],
        Endpoint::Ip(SocketAddr::V6(_)) => &[V6],
    };
    let found = versions.iter().find_map(|version| {
        let of_version = sockets.iter().filter(|socket| socket.at.is_ipv6() == *version);
        let mut here = of_version.filter(|socket| is_in_the_way(socket, endpoint));
        here.clone().find(|socket| socket.is_listening()).or_else(|| here.next())
    });
    found.map(|socket| socket.inode)
}

pub(super) fn is_in_the_way(socket: &InetSocket, endpoint: Endpoint) -> bool {
    let taken = socket.at.ip().to_canonical();
    socket.at.port() == endpoint.port()
        && match endpoint {
            Endpoint::Any { .. } => true,
            Endpoint::Ip(wanted) => overlap(taken, wanted.ip().to_canonical()),
        }
}

fn overlap(one: IpAddr, other: IpAddr) -> bool {
    one.is_unspecified() || other.is_unspecified() || one == other
}

/// Of the processes that have a descriptor of the socket, the one with the lowest pid: the parent comes
/// before the workers that inherited it. A server goes before the supervisor that keeps a duplicate for it.
fn holder_of(inode: u64) -> Option<SocketOwner> {
    let link = PathBuf::from(format!("socket:[{inode}]"));
    let mut pids = pids().ok()?;
    pids.sort_unstable();
    let holders = pids.into_iter().filter(|pid| has_descriptor(*pid, &link).unwrap_or_default());
    let holders: Vec<SocketOwner> = holders.map(describe).collect();
    let server = holders.iter().position(|holder| holder.started_by.is_some());
    holders.into_iter().nth(server.unwrap_or_default())
}

fn has_descriptor(pid: u32, link: &Path) -> io::Result<bool> {
    let mut descriptors = fs::read_dir(format!("/proc/{pid}/fd"))?.flatten();
    Ok(descriptors.any(|entry| fs::read_link(entry.path()).is_ok_and(|target| target == link)))
}

fn describe(pid: u32) -> SocketOwner {
    SocketOwner { pid, program: name(pid), started_by: started_by(pid) }
}

/// Somebody who exports `SERVERSWAP_DIR` starts other programs too: it is the generation that shows a server.
fn started_by(pid: u32) -> Option<StartedBy> {
    let directory = environment(pid, "SERVERSWAP_DIR").map(PathBuf::from)?;
    let generation = environment(pid, GENERATION_VARIABLE)?.to_str()?.parse().ok()?;
    Some(StartedBy { directory, generation })
}
