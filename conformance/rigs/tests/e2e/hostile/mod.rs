//! A client that says what no library would: the arbiter answers with the documented error, and
//! whoever serves, the next honest client and the arbiter's descriptors are as before.

#![allow(
    clippy::wildcard_enum_match_arm,
    reason = "a test names the answer that it expects, and shows any other"
)]

mod descriptors;
mod floods;
mod lines;
mod roles;

use std::io;

use rustix::time::{ClockId, clock_gettime};
use serverswap_conformance::sandbox::Sandbox;
use serverswap_protocol::line::LineError;
use serverswap_protocol::message::{
    ClientInfo, Code, FromArbiter, FromClient, Hello, Ping, ReadyFor, Role, VERSION,
};
use serverswap_protocol::{Generation, SocketMode};
use serverswap_rigs::wire::{Received, Wire, WireError};

use crate::Outcome;
use crate::processes::{alone, descriptors};
use crate::shop::Shop;

/// Lets a hostile client do something that ends its connection with `code`; everybody else is
/// served as before, and nothing is left of it.
async fn is_answered_with(
    code: Code,
    abuse: impl FnOnce(&mut Wire, &Shop) -> Result<(), WireError>,
) -> Outcome {
    let shop = settled().await?;
    // Its pidfd is the arbiter's for as long as this process lives: it is counted before.
    let _present = greeted(&shop.sandbox)?;
    let before = descriptors(shop.serving.pid())?;
    let mut hostile = greeted(&shop.sandbox)?;
    // The arbiter may have closed the connection while it was still being spoken to.
    let spoken = abuse(&mut hostile, &shop);
    assert_eq!(fatal(&mut hostile)?, code, "{spoken:?}");
    let honest = honest(&shop.sandbox)?;
    assert_eq!(descriptors(shop.serving.pid())?, before + 1, "one for the honest client");
    drop(honest);
    assert_eq!(shop.ask().await?.1, "1", "the old server serves on");
    Ok(())
}

/// A shop whose arbiter and supervisor have every descriptor that they will have: those of the threads that look at
/// processes and write the history are closed.
async fn settled() -> Result<Shop, Box<dyn std::error::Error>> {
    let mut shop = Shop::open().await?;
    shop.serving.says("up after").await?;
    alone(shop.serving.pid()).await?;
    Ok(shop)
}

/// A connection that was greeted and has said nothing.
pub(crate) fn greeted(sandbox: &Sandbox) -> Result<Wire, Box<dyn std::error::Error>> {
    let mut wire = Wire::connect(&sandbox.runtime_dir().join("serverswap.sock"))?;
    let first = wire.receive()?.message;
    assert!(matches!(first, FromArbiter::Greeting(_)), "the first line is no greeting: {first:?}");
    Ok(wire)
}

/// A connection that has said `hello` and was welcomed.
pub(crate) fn welcomed(sandbox: &Sandbox, role: Role) -> Result<Wire, Box<dyn std::error::Error>> {
    let mut wire = greeted(sandbox)?;
    let hello = hello(&mut wire, role);
    wire.send(&FromClient::Hello(hello), &[])?;
    let answer = wire.receive()?.message;
    assert!(matches!(answer, FromArbiter::Welcome(_)), "`hello` is answered with {answer:?}");
    Ok(wire)
}

/// A `hello` of a generation that is newer than every other.
pub(crate) fn hello(wire: &mut Wire, role: Role) -> Hello {
    let now = clock_gettime(ClockId::Boottime);
    let start = u64::try_from(now.tv_sec * 1_000_000 + now.tv_nsec / 1_000).expect("time since boot");
    Hello {
        id: wire.id(),
        version: VERSION,
        client: ClientInfo { name: "hostile".to_owned(), version: "1".to_owned() },
        role,
        generation: Some(Generation { start, pid: std::process::id() }),
        holding: Vec::new(),
        draining: Vec::new(),
        more: false,
        form: None,
        timeouts: None,
        unix_sockets: None,
        stand_in: None,
        fds: Vec::new(),
    }
}

/// A client whose claim is granted.
fn honest(sandbox: &Sandbox) -> Result<Wire, Box<dyn std::error::Error>> {
    let mut wire = welcomed(sandbox, Role::Server)?;
    let claim = claim(&mut wire, "honest", SocketMode::Bind);
    wire.send(&claim, &[])?;
    let answer = wire.receive()?.message;
    assert!(matches!(answer, FromArbiter::Granted(_)), "an honest claim is answered with {answer:?}");
    Ok(wire)
}

pub(crate) fn claim(wire: &mut Wire, address: &str, socket: SocketMode) -> FromClient {
    let address = address.parse().expect("an address");
    FromClient::ReadyFor(ReadyFor { id: wire.id(), address, socket, more: false, provide: false })
}

fn ping(wire: &mut Wire) -> FromClient {
    FromClient::Ping(Ping { id: wire.id() })
}

/// The code of the fatal error that is the last thing said on a connection.
pub(crate) fn fatal(wire: &mut Wire) -> Result<Code, Box<dyn std::error::Error>> {
    let code = loop {
        if let FromArbiter::Error(error) = wire.receive()?.message
            && error.fatal
        {
            break error.code;
        }
    };
    is_over(wire.receive())?;
    Ok(code)
}

/// Closed, perhaps in the middle of a line; the kernel says so by a reset if not everything was read.
fn is_over(received: Result<Received, WireError>) -> Outcome {
    match received {
        Err(WireError::Ended | WireError::Line(LineError::Unfinished)) => Ok(()),
        Err(WireError::Io(error)) if error.kind() == io::ErrorKind::ConnectionReset => Ok(()),
        Err(error) => Err(error.into()),
        Ok(received) => Err(format!("after the end: {:?}", received.message).into()),
    }
}
