//! Ports that nobody else uses.
//!
//! They lie below the range from which the kernel picks ports for outgoing connections
//! (`ip_local_port_range`, 32768 by default): a load of thousands of connections would
//! otherwise take a server's port away between two of its lives.

use std::net::TcpListener;
use std::sync::atomic::{AtomicU32, Ordering};

use serverswap_protocol::{Address, Endpoint};

const FIRST: u32 = 10_240;
const COUNT: u32 = 20_000;

static NEXT: AtomicU32 = AtomicU32::new(0);

/// A TCP port that is free on every interface and is given out once by this process.
///
/// # Panics
/// If none of 20,000 ports is free.
pub fn free_port() -> u16 {
    // Processes that run at the same time begin at different places.
    let begin = std::process::id().wrapping_mul(97);
    for _ in 0..COUNT {
        let offset = begin.wrapping_add(NEXT.fetch_add(1, Ordering::Relaxed)) % COUNT;
        let port = u16::try_from(FIRST + offset).expect("the last one is 30239");
        if TcpListener::bind(("::", port)).is_ok() && TcpListener::bind(("0.0.0.0", port)).is_ok() {
            return port;
        }
    }
    panic!("no port from {FIRST} to {} is free", FIRST + COUNT);
}

/// The address `127.0.0.1:PORT` of a free port.
pub fn free_address() -> Address {
    Address::Tcp(Endpoint::Ip(([127, 0, 0, 1], free_port()).into()))
}
