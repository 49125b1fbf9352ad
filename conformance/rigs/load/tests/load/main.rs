//! The load generator is the judge of every swap, so each way to lose a request is shown to it
//! once, by a server that is broken in just that way.

mod server;

use std::collections::BTreeMap;
use std::time::Duration;

use serverswap_load::{Failure, Load, Phase, Plan, Probe, Slot, Tally, Target};

use server::{Connection, Server, bound_without_listening};

const OK: &str = "HTTP/1.1 200 OK\r\nPid: 7\r\nVersion: 1\r\nContent-Length: 2\r\n\r\nok";
const OK_AND_CLOSE: &str = "HTTP/1.1 200 OK\r\nConnection: close\r\nContent-Length: 2\r\n\r\nok";
const LIMIT: Duration = Duration::from_secs(20);

/// `count` requests of one client, one after the other.
fn requests(target: Target, slot: Slot, count: u64) -> Tally {
    answered_within(LIMIT, target, slot, count)
}

fn answered_within(request_timeout: Duration, target: Target, slot: Slot, count: u64) -> Tally {
    let plan = Plan { requests_max: count, request_timeout, ..Plan::new(target, vec![slot]) };
    finish(Load::start(plan).expect("a thread"))
}

/// Waits for a load to end at its own limit.
fn finish(mut load: Load) -> Tally {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().expect("a runtime");
    let ended = runtime.block_on(load.more_answers(u64::from(u32::MAX), LIMIT));
    assert!(ended.is_err(), "a bounded load ends");
    load.stop()
}

fn failed(failure: Failure, count: u64) -> BTreeMap<Failure, u64> {
    BTreeMap::from([(failure, count)])
}

#[test]
fn every_answer_of_a_good_server_is_counted_with_who_gave_it() {
    let server = Server::tcp(|connection| {
        while connection.request() {
            connection.say(OK)
        }
    });
    let tally = requests(server.target(), Slot::KEPT, 50);
    assert_eq!((tally.ok(), tally.failed()), (50, 0));
    let who: Vec<_> =
        tally.answerers.iter().map(|one| (one.pid, one.version.as_deref(), one.answers)).collect();
    assert_eq!(who, [(Some(7), Some("1"), 50)]);
    assert_eq!(server.connections(), 1);
}

#[test]
fn a_new_connection_slot_opens_one_for_every_request_also_over_a_unix_socket() {
    let server = Server::unix(|connection| {
        connection.request();
        connection.say(OK_AND_CLOSE);
    });
    let tally = requests(server.target(), Slot::NEW, 20);
    assert_eq!((tally.ok(), tally.failed(), server.connections()), (20, 0, 20));
}

#[test]
fn a_connection_that_was_announced_to_close_costs_nothing() {
    let server = Server::tcp(|connection| {
        connection.request();
        connection.say(OK_AND_CLOSE);
    });
    let tally = requests(server.target(), Slot::KEPT, 20);
    assert_eq!((tally.ok(), tally.failed(), tally.idle_closed), (20, 0, 0));
}

#[test]
fn the_client_notices_in_time_that_an_idle_connection_was_closed() {
    let server = Server::tcp(|connection| {
        connection.request();
        connection.say(OK);
    });
    let tally = requests(server.target(), Slot::KEPT.pausing(Duration::from_secs(5)), 3);
    assert_eq!((tally.ok(), tally.failed(), tally.idle_closed), (3, 0, 3));
}

#[test]
fn a_kept_connection_that_is_closed_under_a_request_is_a_failure_of_its_own_kind() {
    let server = Server::tcp(|connection| {
        connection.request();
        connection.say(OK);
        connection.request();
    });
    let tally = requests(server.target(), Slot::KEPT, 4);
    assert_eq!((tally.ok(), tally.failed_by_kind()), (2, failed(Failure::ReusedClosed, 2)));
}

#[test]
fn a_kept_connection_that_is_reset_under_a_request_is_a_failure_of_its_own_kind() {
    let server = Server::tcp(|connection| {
        connection.request();
        connection.say(OK);
        connection.request();
        connection.reset();
    });
    let tally = requests(server.target(), Slot::KEPT, 4);
    assert_eq!((tally.ok(), tally.failed_by_kind()), (2, failed(Failure::ReusedReset, 2)));
}

#[test]
fn a_port_where_nobody_listens_refuses() {
    let (_bound, target) = bound_without_listening();
    assert_eq!(requests(target, Slot::NEW, 3).failed_by_kind(), failed(Failure::Refused, 3));
}

#[test]
fn a_unix_socket_that_is_not_there_refuses() {
    let gone = Server::unix(|_| {}).target();
    assert_eq!(requests(gone, Slot::NEW, 3).failed_by_kind(), failed(Failure::Refused, 3));
}

/// One request of a new connection to a server that does `serve` with every connection.
fn lost_by(serve: fn(&mut Connection)) -> BTreeMap<Failure, u64> {
    let server = Server::tcp(serve);
    requests(server.target(), Slot::NEW, 1).failed_by_kind()
}

#[test]
fn each_way_to_lose_a_request_has_its_kind() {
    let read_and_reset: fn(&mut Connection) = |connection| {
        connection.request();
        connection.reset();
    };
    let read_and_close: fn(&mut Connection) = |connection| {
        connection.request();
    };
    let break_off: fn(&mut Connection) = |connection| {
        connection.request();
        connection.say(&OK[..OK.len() - 1]);
    };
    let fail: fn(&mut Connection) = |connection| {
        connection.request();
        connection.say("HTTP/1.1 503 Service Unavailable\r\nContent-Length: 0\r\n\r\n");
    };
    let babble: fn(&mut Connection) = |connection| {
        connection.request();
        connection.say("220 mail.example ESMTP\r\n");
    };
    assert_eq!(lost_by(read_and_reset), failed(Failure::ResetAfterSent, 1));
    assert_eq!(lost_by(read_and_close), failed(Failure::ClosedBeforeAnswer, 1));
    assert_eq!(lost_by(break_off), failed(Failure::CutShort, 1));
    assert_eq!(lost_by(fail), failed(Failure::BadStatus, 1));
    assert_eq!(lost_by(babble), failed(Failure::Malformed, 1));
}

#[test]
fn a_request_that_is_never_answered_has_timed_out() {
    let server = Server::tcp(|connection| while connection.request() {});
    let tally = answered_within(Duration::from_millis(300), server.target(), Slot::NEW, 1);
    assert_eq!(tally.failed_by_kind(), failed(Failure::Timeout, 1));
}

#[test]
fn a_silent_new_connection_that_the_server_drops_has_lost_its_request() {
    let server = Server::tcp(|_| {});
    let tally = requests(server.target(), Slot::NEW.pausing(Duration::from_secs(5)), 2);
    assert_eq!(tally.ok(), 0);
    assert_eq!(tally.failed(), 2);
}

#[tokio::test]
async fn requests_during_a_swap_are_distinguished_from_those_between_two() {
    let server = Server::tcp(|connection| {
        while connection.request() {
            connection.say(OK)
        }
    });
    let mut load = Load::start(Plan::new(server.target(), vec![Slot::KEPT])).expect("a thread");
    load.answered_by("1", LIMIT).await.expect("the server answers");
    load.more_answers(100, LIMIT).await.expect("the server goes on");
    load.enter(Phase::Swap);
    load.more_answers(100, LIMIT).await.expect("the server goes on");
    load.enter(Phase::Between);
    load.more_answers(100, LIMIT).await.expect("the server goes on");
    let tally = load.stop();
    // The one request that is ending when the phase changes may count for either.
    let (swap, between) = (tally.swap.ok, tally.between.ok);
    assert!(swap >= 99 && between >= 198 && swap + between >= 300, "{swap} and {between}");
    assert!(tally.p99_ratio().is_some());
    assert!(tally.swap.longest_gap > Duration::ZERO);
}

#[test]
fn a_probe_remembers_the_first_refusal() {
    let (_bound, target) = bound_without_listening();
    let report = Probe::start(target, Duration::from_millis(20)).expect("a thread").stop();
    assert_eq!(report.refusals, report.attempts);
    assert_eq!(
        report.first.map(|refusal| refusal.failure),
        (report.attempts > 0).then_some(Failure::Refused)
    );
}
