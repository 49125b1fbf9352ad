//! Every message that a sender of version 1 can send.

use std::collections::BTreeMap;
use std::net::{IpAddr, SocketAddr};

use proptest::collection::{btree_map, btree_set, vec};
use proptest::option;
use proptest::prelude::*;
use serde_json::Map;
use serverswap_protocol::address::{Address, Endpoint, SocketMode};
use serverswap_protocol::generation::Generation;
use serverswap_protocol::limits::INTEGER_MAX;
use serverswap_protocol::message::*;

fn id() -> impl Strategy<Value = u64> {
    1..=INTEGER_MAX
}

fn text() -> impl Strategy<Value = String> {
    "\\PC{0,40}|[\\x00-\\x7f]{0,40}"
}

fn endpoint() -> impl Strategy<Value = Endpoint> {
    let port = 1..=u16::MAX;
    prop_oneof![
        port.clone().prop_map(|port| Endpoint::Any { port }),
        (any::<IpAddr>(), port).prop_map(|(ip, port)| Endpoint::Ip(SocketAddr::new(ip, port))),
    ]
}

fn address() -> impl Strategy<Value = Address> {
    prop_oneof![
        endpoint().prop_map(Address::Tcp),
        endpoint().prop_map(Address::Udp),
        "(/[a-z0-9_][a-z0-9._ -]{0,12}){1,4}".prop_map(|path| Address::Unix(path.into())),
        "[A-Za-z][A-Za-z0-9._-]{0,30}".prop_map(Address::Name),
    ]
}

fn generation() -> impl Strategy<Value = Generation> {
    (0..=INTEGER_MAX, 1..=u32::MAX).prop_map(|(start, pid)| Generation { start, pid })
}

fn program() -> impl Strategy<Value = ClientInfo> {
    (text(), text()).prop_map(|(name, version)| ClientInfo { name, version })
}

/// Held addresses, and the names of those whose listener is attached.
fn holding() -> impl Strategy<Value = (Vec<Holding>, Vec<String>)> {
    btree_map(address(), any::<(bool, bool, bool)>(), 0..8).prop_map(|held| {
        let attached = held.iter().filter(|(address, (_, _, fd))| *fd && address.has_socket());
        let fds = attached.map(|(address, _)| address.to_string()).collect();
        let entry = |(address, (serving, on_takedown, _))| Holding { address, serving, on_takedown };
        (held.into_iter().map(entry).collect(), fds)
    })
}

fn hello() -> impl Strategy<Value = Hello> {
    let role = prop_oneof![Just(Role::Server), Just(Role::Supervisor), Just(Role::Observer)];
    let form = option::of(prop_oneof![Just(Form::Leave), Just(Form::Stay)]);
    let time = 0..=INTEGER_MAX;
    let times = (time.clone(), time.clone(), time.clone(), option::of(time.clone()), option::of(time));
    let timeouts = times.prop_map(|(drain_ms, kill_ms, probation_ms, stream_ms, ready_ms)| Timeouts {
        drain_ms,
        kill_ms,
        probation_ms,
        stream_ms,
        ready_ms,
    });
    let timeouts = option::of(timeouts);
    let rights = (option::of(0u32..=0o777), option::of(any::<u32>()));
    let unix_sockets = option::of(rights.prop_map(|(mode, gid)| UnixSockets { mode, gid }));
    let stand_in = (1..=u32::MAX, 1..=64u32, any::<bool>());
    let stand_in =
        option::of(stand_in.prop_map(|(pid, stop_signal, adopt)| StandIn { pid, stop_signal, adopt }));
    let draining = btree_set(address(), 0..4).prop_map(|set| set.into_iter().collect());
    let who = (id(), any::<u32>(), program(), role, option::of(generation()));
    (who, holding(), draining, any::<bool>(), form, timeouts, (unix_sockets, stand_in)).prop_map(
        |(
            (id, version, client, role, generation),
            (holding, fds),
            draining,
            more,
            form,
            timeouts,
            (unix_sockets, stand_in),
        )| Hello {
            id,
            version,
            client,
            role,
            generation,
            holding,
            draining,
            more,
            form,
            timeouts,
            unix_sockets,
            stand_in,
            fds,
        },
    )
}

fn progress() -> impl Strategy<Value = Progress> {
    let numbers = (option::of(0..=INTEGER_MAX), option::of(0..=INTEGER_MAX), option::of(0..=86_400_000u64));
    (id(), option::of(text()), numbers).prop_map(|(re, waiting_for, (connections, cut, extend_ms))| {
        Progress { re, waiting_for, connections, cut, extend_ms }
    })
}

fn code() -> impl Strategy<Value = Code> {
    proptest::sample::select(Code::ALL.to_vec())
}

fn error() -> impl Strategy<Value = Error> {
    (option::of(id()), code(), text(), any::<bool>()).prop_map(|(re, code, message, fatal)| Error {
        re,
        code,
        message,
        fatal,
    })
}

pub(crate) fn from_client() -> impl Strategy<Value = FromClient> {
    let mode = prop_oneof![Just(SocketMode::Bind), Just(SocketMode::Inherit)];
    let claim = (id(), address(), mode, any::<(bool, bool)>())
        .prop_map(|(id, address, socket, (more, provide))| ReadyFor { id, address, socket, more, provide });
    let serving = (address(), any::<bool>()).prop_map(|(address, provided)| {
        let fds = if provided { vec![LISTENER.to_owned()] } else { Vec::new() };
        Serving { address, fds }
    });
    let released = (option::of(id()), address()).prop_map(|(re, address)| Released { re, address });
    prop_oneof![
        hello().prop_map(FromClient::Hello),
        (holding(), any::<bool>())
            .prop_map(|((holding, fds), more)| { FromClient::Holding(HoldingMore { holding, more, fds }) }),
        claim.prop_map(FromClient::ReadyFor),
        serving.prop_map(FromClient::Serving),
        address().prop_map(|address| FromClient::OnTakedown(OnTakedown { address })),
        released.prop_map(FromClient::Released),
        progress().prop_map(FromClient::Progress),
        Just(FromClient::ServerUp(ServerUp {})),
        text().prop_map(|reason| FromClient::Fail(Fail { reason })),
        id().prop_map(|id| FromClient::TimedOut(TimedOut { id })),
        address().prop_map(|address| FromClient::Closed(Closed { address })),
        Just(FromClient::Stop(Stop {})),
        id().prop_map(|id| FromClient::Ping(Ping { id })),
        id().prop_map(|re| FromClient::Pong(Pong { re })),
        error().prop_map(FromClient::Error),
    ]
}

fn capabilities() -> impl Strategy<Value = BTreeMap<String, Map<String, serde_json::Value>>> {
    let parameters = btree_map("[a-z]{1,6}", any::<u32>(), 0..3)
        .prop_map(|map| map.into_iter().map(|(key, value)| (key, value.into())).collect());
    btree_map("[a-z]{1,8}", parameters, 0..3)
}

fn greeting() -> impl Strategy<Value = Greeting> {
    let arbiter =
        (text(), text(), any::<u32>()).prop_map(|(name, version, pid)| ArbiterInfo { name, version, pid });
    let limits =
        any::<(u32, u32)>().prop_map(|(line_bytes, fds_per_line)| Limits { line_bytes, fds_per_line });
    (vec(any::<u32>(), 1..4), arbiter, capabilities(), limits).prop_map(
        |(versions, arbiter, capabilities, limits)| Greeting { versions, arbiter, capabilities, limits },
    )
}

fn listener() -> impl Strategy<Value = Vec<String>> {
    any::<bool>().prop_map(|attached| if attached { vec![LISTENER.to_owned()] } else { Vec::new() })
}

fn event() -> impl Strategy<Value = Event> {
    use EventKind::{
        Busy, Claimed, Close, Done, Draining, Failed, Gap, Gone, Granted, Killed, Replaced, Terminated,
    };
    let what = proptest::sample::select(vec![
        Claimed,
        Granted,
        EventKind::Serving,
        EventKind::Up,
        Busy,
        EventKind::Vacant,
        Replaced,
        Close,
        EventKind::Superseded,
        Draining,
        Terminated,
        Killed,
        Gone,
        Failed,
        Gap,
        Done,
    ]);
    let number = || option::of(0..=INTEGER_MAX);
    let numbers = (option::of(any::<u32>()), number(), number(), number());
    (what, generation(), option::of(address()), numbers, option::of(code()), option::of(text()), listener())
        .prop_map(|(what, generation, address, (pid, connections, cut, remaining_ms), code, message, fds)| {
            Event { what, generation, address, pid, connections, cut, remaining_ms, code, message, fds }
        })
}

pub(crate) fn from_arbiter() -> impl Strategy<Value = FromArbiter> {
    let welcome = (id(), any::<u32>(), option::of(generation()), capabilities()).prop_map(
        |(re, version, generation, capabilities)| Welcome { re, version, generation, capabilities },
    );
    let granted = (id(), address(), listener()).prop_map(|(re, address, fds)| Granted { re, address, fds });
    let reason = prop_oneof![Just(TakedownReason::Replaced), Just(TakedownReason::Stopping)];
    let times = (0..=INTEGER_MAX, option::of(0..=INTEGER_MAX));
    let takedown =
        (id(), address(), reason, times).prop_map(|(id, address, reason, (drain_ms, stream_ms))| Takedown {
            id,
            address,
            reason,
            drain_ms,
            stream_ms,
        });
    let decided = prop_oneof![Just(DecidedVerdict::End), Just(DecidedVerdict::Keep)];
    prop_oneof![
        greeting().prop_map(FromArbiter::Greeting),
        welcome.prop_map(FromArbiter::Welcome),
        granted.prop_map(FromArbiter::Granted),
        takedown.prop_map(FromArbiter::Takedown),
        progress().prop_map(FromArbiter::Progress),
        event().prop_map(FromArbiter::Event),
        (id(), decided).prop_map(|(re, verdict)| FromArbiter::Verdict(Verdict { re, verdict })),
        id().prop_map(|id| FromArbiter::Ping(Ping { id })),
        id().prop_map(|re| FromArbiter::Pong(Pong { re })),
        error().prop_map(FromArbiter::Error),
    ]
}
