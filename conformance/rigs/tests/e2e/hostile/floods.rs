//! More of everything than anybody needs.

use rustix::io::Errno;
use rustix::net::SendFlags;
use serverswap_conformance::sandbox::LIMIT;
use serverswap_load::Probe;
use serverswap_protocol::SocketMode;
use serverswap_protocol::line::encode;
use serverswap_protocol::message::{Code, FromArbiter, FromClient, Role, Serving};
use serverswap_rigs::wire::Wire;

use super::{claim, descriptors, greeted, honest, is_over, ping, settled, welcomed};
use crate::Outcome;

/// As the arbiter has it.
const ADDRESSES_PER_SERVER_MAX: usize = 16_384;

/// Some more than that.
const CLAIMS: usize = 20_000;

#[tokio::test]
async fn a_thousand_connections_keep_nobody_out_and_leave_nothing() -> Outcome {
    let shop = settled().await?;
    let _present = greeted(&shop.sandbox)?;
    let before = descriptors(shop.serving.pid())?;
    let crowd: Vec<Wire> = (0..1_000).map(|_| greeted(&shop.sandbox)).collect::<Result<_, _>>()?;
    drop(honest(&shop.sandbox)?);
    assert_eq!(shop.ask().await?.1, "1");
    drop(crowd);
    let _honest = honest(&shop.sandbox)?;
    assert_eq!(descriptors(shop.serving.pid())?, before + 1);
    Ok(())
}

#[tokio::test]
async fn twenty_thousand_claims_of_one_client_refuse_no_connection_and_keep_nobody_out() -> Outcome {
    let shop = settled().await?;
    let probe = Probe::start(shop.target(), 2 * LIMIT)?;
    let mut hostile = welcomed(&shop.sandbox, Role::Server)?;
    for number in 0..CLAIMS {
        let claim = claim(&mut hostile, &format!("name-{number}"), SocketMode::Bind);
        hostile.send(&claim, &[])?;
    }
    let mut granted = 0;
    for _ in 0..CLAIMS {
        match hostile.receive()?.message {
            FromArbiter::Granted(_) => granted += 1,
            FromArbiter::Error(error) if error.code == Code::Exhausted && !error.fatal => {}
            answer => panic!("a claim is answered with {answer:?}"),
        }
    }
    assert_eq!(granted, ADDRESSES_PER_SERVER_MAX);
    drop(honest(&shop.sandbox)?);
    assert_eq!(shop.ask().await?.1, "1");
    assert_eq!(probe.stop().first, None);
    Ok(())
}

#[tokio::test]
async fn a_client_that_never_reads_is_closed_and_costs_no_time() -> Outcome {
    let shop = settled().await?;
    let mut hostile = welcomed(&shop.sandbox, Role::Server)?;
    loop {
        let barrier = ping(&mut hostile);
        if hostile.send(&barrier, &[]).is_err() {
            break;
        }
    }
    drop(honest(&shop.sandbox)?);
    assert_eq!(shop.ask().await?.1, "1");
    // What had arrived before the end is still read; then it is over.
    loop {
        match hostile.receive() {
            Ok(received) => assert!(matches!(received.message, FromArbiter::Pong(_))),
            over @ Err(_) => return is_over(over),
        }
    }
}

#[tokio::test]
async fn a_faulty_client_that_neither_reads_nor_leaves_wakes_nobody() -> Outcome {
    let shop = settled().await?;
    let mut hostile = welcomed(&shop.sandbox, Role::Server)?;
    // Enough answers to fill the socket, few enough to be kept; then a fault, and more to read.
    for _ in 0..20_000 {
        let barrier = ping(&mut hostile);
        hostile.send(&barrier, &[])?;
    }
    hostile.send_bytes(b"this is no line\n", &[])?;
    let _ = hostile.send_bytes(&[b'x'; 100], &[]);
    let mut present = greeted(&shop.sandbox)?;
    let before = switches(shop.serving.pid())?;
    let hello = super::hello(&mut present, Role::Observer);
    present.send(&FromClient::Hello(hello), &[])?;
    present.receive()?;
    for _ in 0..100 {
        let barrier = ping(&mut present);
        present.send(&barrier, &[])?;
        present.receive()?;
    }
    // Whoever is never without something to do never waits.
    assert!(switches(shop.serving.pid())? > before, "the arbiter waits between two requests");
    assert_eq!(shop.ask().await?.1, "1");
    Ok(())
}

#[tokio::test]
async fn while_the_state_cannot_be_written_a_flood_is_not_read_and_afterwards_it_is_answered() -> Outcome {
    let shop = settled().await?;
    let mut hostile = honest(&shop.sandbox)?;
    let in_the_way = shop.sandbox.runtime_dir().join("state.json.new");
    std::fs::create_dir(&in_the_way)?;
    hostile.send(&FromClient::Serving(Serving { address: "honest".parse()?, fds: Vec::new() }), &[])?;
    let (mut rest, mut pings) = (Vec::new(), 0);
    for _ in 0..6 {
        while send_some(&hostile, &mut rest)? {
            rest.extend((0..PINGS_AT_ONCE).flat_map(|_| encode(&ping(&mut hostile))));
            pings += PINGS_AT_ONCE;
        }
        // The arbiter has had its chance to read on, and others are still answered.
        let mut refused = shop.deploy(2).start()?;
        assert_eq!(refused.exit().await?.status, 125, "{}", refused.stderr());
    }
    assert!(pings < PINGS_MAX, "{pings} pings were taken");
    std::fs::remove_dir(&in_the_way)?;
    hostile.send_bytes(&rest, &[])?;
    for _ in 0..pings {
        assert!(matches!(hostile.receive()?.message, FromArbiter::Pong(_)));
    }
    Ok(())
}

const PINGS_AT_ONCE: usize = 1_000;

/// What fits the socket several times over, and a fraction of what six rounds could send.
const PINGS_MAX: usize = 30_000;

/// Sends until everything is sent (true) or the socket takes no more (false).
fn send_some(wire: &Wire, rest: &mut Vec<u8>) -> Result<bool, Errno> {
    while !rest.is_empty() {
        match rustix::net::send(wire, rest, SendFlags::DONTWAIT | SendFlags::NOSIGNAL) {
            Ok(sent) => drop(rest.drain(..sent)),
            Err(Errno::AGAIN) => return Ok(false),
            Err(error) => return Err(error),
        }
    }
    Ok(true)
}

/// How often a process has waited of its own accord (proc(5)).
fn switches(pid: u32) -> Result<u64, Box<dyn std::error::Error>> {
    let status = std::fs::read_to_string(format!("/proc/{pid}/status"))?;
    let line = status.lines().find_map(|line| line.strip_prefix("voluntary_ctxt_switches:"));
    Ok(line.ok_or("no such line")?.trim().parse()?)
}
