//! Ports that nobody else uses.
//!
//! They lie below the range from which the kernel picks ports for outgoing connections
//! (`ip_local_port_range`, 32768 by default): a load of thousands of connections would
//! otherwise take a server's port away between two of its lives.
//!
//! Tests of several processes and languages run at the same time, and between the moment at which a port is found free
//! and the moment at which its server listens, nobody else is to find it free, or to look at it: whoever
//! gives a port out has the UDP port 30,000 above it meanwhile. The tests of Node, Python and Go do the same.

use std::collections::VecDeque;
use std::net::{Ipv4Addr, TcpListener, UdpSocket};
use std::sync::{Mutex, PoisonError};

const FIRST: u16 = 10_240;
const COUNT: u16 = 20_000;

/// From a port to the one that says that it is given out: no server of a test is there.
const TO_RESERVATION: u16 = 30_000;

/// Most ports that this process has reserved at a time, the latest ones: a server listens long before so many others
/// were asked for.
const RESERVED_MAX: usize = 128;

static RESERVED: Mutex<VecDeque<UdpSocket>> = Mutex::new(VecDeque::new());

/// A TCP port that is free on every interface and is given out to nobody else.
///
/// # Panics
/// If none of 20,000 ports is free.
pub fn free_port() -> u16 {
    let mut reserved = RESERVED.lock().unwrap_or_else(PoisonError::into_inner);
    let latest = reserved.back().and_then(|socket| socket.local_addr().ok());
    // Processes that run at the same time begin at different places.
    let begin = latest.map_or(std::process::id().wrapping_mul(97), |address| {
        u32::from(address.port() - TO_RESERVATION - FIRST + 1)
    });
    for offset in (0..u32::from(COUNT)).map(|offset| begin.wrapping_add(offset) % u32::from(COUNT)) {
        let port = FIRST + u16::try_from(offset).expect("below 20,000");
        let Ok(reservation) = UdpSocket::bind((Ipv4Addr::LOCALHOST, port + TO_RESERVATION)) else {
            continue;
        };
        if TcpListener::bind(("::", port)).is_ok() && TcpListener::bind(("0.0.0.0", port)).is_ok() {
            reserved.push_back(reservation);
            let surplus = reserved.len().saturating_sub(RESERVED_MAX);
            reserved.drain(..surplus);
            return port;
        }
    }
    panic!("no port from {FIRST} to {} is free", FIRST + COUNT);
}
