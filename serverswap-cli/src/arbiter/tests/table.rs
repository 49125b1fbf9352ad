//! The core and the normative tables of `spec/v1/states.json`: in each state of a table that the core is
//! brought into, each message has the reply or the error that its cell says, and leads to its state.
//!
//! The states of a connection before `open` are those of `runtime::negotiation`.

use std::collections::BTreeSet;

use serde_json::{Map, Value};
use serverswap::protocol::SocketMode::{Bind, Inherit};
use serverswap::protocol::message::{
    Closed, Code, Error, Fail, Form::Stay, FromArbiter, FromClient, OnTakedown, Ping, Pong, Progress,
    ReadyFor, Released, Role, ServerUp, Serving, Stop, TimedOut,
};
use serverswap::protocol::trace::{Kind, Machine, Scope, Side, Table};

use super::world::{A, B, World, address, process};
use crate::arbiter::ArbiterEvent;
use crate::arbiter::address::state::{GenerationStatus, Notified, Served, Stage};
use crate::arbiter::generation::{SupervisorPresence, UpStatus};
use crate::arbiter::peer::Intent;

/// The server and the supervisor that the tables are about; both of generation 2.
const SERVER: u32 = 20;
const SUPERVISOR: u32 = 21;

/// A world in a state of a table, and messages that are read together with the next one.
struct Scene {
    world: World,
    /// Who is looked at.
    pid: u32,
    /// The `id` of the takedown that was sent last.
    takedown: u64,
    before: Vec<ArbiterEvent>,
}

fn table(scope: Scope, role: Option<Role>) -> &'static Machine {
    Table::v1().machine(Side::Arbiter, scope, role)
}

/// Every cell of what the arbiter receives in a state.
fn check(machine: &Machine, state: &str, scene: impl Fn() -> Scene, name_of: impl Fn(&Scene) -> String) {
    for (message, cell) in &machine.cells[state].receive {
        let mut scene = scene();
        assert!(!scene.before.is_empty() || name_of(&scene) == state, "{} is not {state}", name_of(&scene));
        let pid = scene.pid;
        let (line, id) = scene.message(message);
        let since = scene.world.sent.len();
        let said = scene.world.received(pid, line);
        let events = std::mem::take(&mut scene.before).into_iter().chain([said]).collect();
        scene.world.happens(events);
        let sent: Vec<FromArbiter> = scene.world.sent[since..]
            .iter()
            .filter(|(to, _)| *to == pid)
            .map(|(_, sent)| sent.clone())
            .collect();
        let at = format!("`{message}` in `{state}` of `{}`: {sent:?}", machine.id);
        let next = match &cell.kind {
            Kind::Next(next) => next.as_str(),
            Kind::Ignore => state,
            Kind::Refuse(code) => {
                assert!(errors(&sent).contains(&(id, code.clone())), "{at}");
                state
            }
            Kind::Close(code) => {
                assert_eq!(errors(&sent), [(None, code.clone())], "{at}");
                continue;
            }
            // The table of that scope has the cell.
            Kind::Delegate(_) => continue,
            Kind::Never => panic!("{at}"),
        };
        assert!(errors(&sent).iter().all(|(re, _)| re.is_some()), "{at}");
        if let Some(reply) = &cell.reply {
            assert!(sent.iter().any(|sent| name(sent) == *reply), "{at}");
        }
        // Neither a refusal nor the answer to an earlier claim changes the state.
        let refuses = matches!(cell.kind, Kind::Refuse(_));
        let is_about_state =
            |sent: &&FromArbiter| id.is_none() || error(sent).is_none_or(|error| error.re == id && !refuses);
        let rest = sent.iter().filter(is_about_state);
        let end = rest.fold(next.to_owned(), |state, sent| machine.after(&state, sent));
        assert_eq!(name_of(&scene), end, "{at}");
    }
}

/// The state of a machine after the arbiter has sent something.
trait After {
    fn after(&self, state: &str, sent: &FromArbiter) -> String;
}

impl After for Machine {
    fn after(&self, state: &str, sent: &FromArbiter) -> String {
        match self.cell(state, Side::Arbiter, name(sent)).map(|cell| &cell.kind) {
            Some(Kind::Next(next)) => next.clone(),
            // It is no matter of this table.
            None | Some(Kind::Delegate(_)) => state.to_owned(),
            Some(Kind::Never | Kind::Ignore | Kind::Refuse(_) | Kind::Close(_)) => {
                panic!("`{}` is sent in `{state}` of `{}`", name(sent), self.id)
            }
        }
    }
}

fn name(sent: &FromArbiter) -> &'static str {
    let line = serde_json::to_value(sent).expect("a message is JSON");
    let line: &Map<String, Value> = line.as_object().expect("a message is an object");
    let name = Table::v1().name(Side::Arbiter, line).expect("every message has a name");
    &name.name
}

fn error(sent: &FromArbiter) -> Option<&Error> {
    if let FromArbiter::Error(error) = sent { Some(error) } else { None }
}

fn errors(sent: &[FromArbiter]) -> Vec<(Option<u64>, String)> {
    sent.iter().filter_map(error).map(|error| (error.re, error.code.to_string())).collect()
}

impl Scene {
    fn new(world: World, pid: u32) -> Self {
        let mut takedown = 1_000;
        for (to, sent) in &world.sent {
            if let FromArbiter::Takedown(sent) = sent
                && *to == pid
            {
                takedown = sent.id;
            }
        }
        Scene { world, pid, takedown, before: Vec::new() }
    }

    /// A message of that name about `A`, and its `id`.
    fn message(&mut self, name: &str) -> (FromClient, Option<u64>) {
        let (address, re) = (address(A), self.takedown);
        let failure = |re, fatal| {
            FromClient::Error(Error { re, code: Code::Internal, message: "no".to_owned(), fatal })
        };
        let message = match name {
            "readyFor" => {
                let id = self.world.next_id(self.pid);
                FromClient::ReadyFor(ReadyFor { id, address, socket: Inherit, more: false, provide: false })
            }
            "ping" => FromClient::Ping(Ping { id: self.world.next_id(self.pid) }),
            "timedOut" => FromClient::TimedOut(TimedOut { id: self.world.next_id(self.pid) }),
            "serving" => FromClient::Serving(Serving { address, fds: Vec::new() }),
            "onTakedown" => FromClient::OnTakedown(OnTakedown { address }),
            "released" => FromClient::Released(Released { re: None, address }),
            "released+re" => FromClient::Released(Released { re: Some(re), address }),
            "progress" => FromClient::Progress(Progress { re, ..Progress::default() }),
            "serverUp" => FromClient::ServerUp(ServerUp {}),
            "fail" => FromClient::Fail(Fail { reason: "no database".to_owned() }),
            "closed" => FromClient::Closed(Closed { address }),
            "stop" => FromClient::Stop(Stop {}),
            "pong" => FromClient::Pong(Pong { re: 1_000 }),
            "error" => failure(None, false),
            "error+re" => failure(Some(re), false),
            "error+fatal" => failure(None, true),
            other => unsent(other),
        };
        let id = if let FromClient::ReadyFor(claim) = &message { Some(claim.id) } else { None };
        (message, id)
    }
}

/// What only a client that is not negotiated sends, as text.
fn unsent(name: &str) -> FromClient {
    let more = name.ends_with("+more");
    let text = match name {
        "hello" | "hello+more" => format!(
            r#"{{"type":"hello","id":900,"version":1,"client":{{"name":"x","version":"1"}},"role":"server","generation":"2-21","more":{more}}}"#
        ),
        "holding" | "holding+more" => format!(r#"{{"type":"holding","holding":[],"more":{more}}}"#),
        other => panic!("`{other}` is no name of the tables"),
    };
    serde_json::from_str(&text).expect("a message")
}

// --- one address of one server ---------------------------------------------------------------

fn address_state(scene: &Scene) -> String {
    let state = scene.world.arbiter.address(&address(A));
    let stage = state.participants.get(&process(SERVER)).map(|participant| &participant.stage);
    let name = match stage {
        None => "none",
        Some(Stage::Claim(_)) => "claimed",
        Some(Stage::Granted { .. } | Stage::Providing { .. }) => "granted",
        Some(Stage::Probation { .. } | Stage::Serving { .. }) => "holding",
        Some(Stage::Released { .. }) => "released",
        Some(Stage::TakingDown(takedown)) => match (takedown.message, takedown.served) {
            (Some(_), _) => "taking",
            // `takedown` is sent where it is handled only.
            (None, Served::Not) => "granted",
            (None, Served::OnProbation { .. } | Served::Fully) => "holding",
        },
    };
    name.to_owned()
}

/// The server with the address in that state.
fn address_scene(state: &str) -> Scene {
    let mut world = World::new();
    world.server(SERVER);
    match state {
        "none" => {}
        "claimed" | "withdrawn" => {
            world.server(10);
            world.claims(10, A, Bind);
            world.handles_takedown(10, A);
            world.serves(10, A);
            world.claims(SERVER, A, Inherit);
        }
        "granted" => {
            world.claims(SERVER, A, Inherit);
        }
        "holding" | "taking" | "released" => {
            world.claims(SERVER, A, Inherit);
            world.handles_takedown(SERVER, A);
            world.serves(SERVER, A);
            if state != "holding" {
                world.server_is_up(30, &[A]);
            }
            if state == "released" {
                let released = Released { re: Some(1), address: address(A) };
                world.sends(SERVER, FromClient::Released(released));
                // A newer one that serves would refuse what is claimed.
                world.ends(30);
            }
        }
        other => panic!("no way into `{other}`"),
    }
    let mut scene = Scene::new(world, SERVER);
    if state == "withdrawn" {
        let withdrawal = FromClient::Released(Released { re: None, address: address(A) });
        scene.before.push(scene.world.received(SERVER, withdrawal));
    }
    scene
}

#[test]
fn one_address_of_a_server_is_as_the_table_says() {
    let machine = table(Scope::Address, Some(Role::Server));
    for state in machine.states.keys() {
        check(machine, state, || address_scene(state), address_state);
    }
}

// --- clients as a whole ----------------------------------------------------------------------

fn role_state(scene: &Scene) -> String {
    let link = scene.world.arbiter.peers.link_of(process(scene.pid));
    let peer = link.and_then(|link| scene.world.arbiter.peers.get(link)).expect("it is connected");
    let generation = scene.world.arbiter.generation(peer.generation.expect("it has one"));
    let name = match (peer.role, peer.intent) {
        (Role::Observer, _) => "watching",
        (Role::Server, Intent::GiveUp) => "failed",
        (Role::Server, Intent::Serve) => match generation.up {
            UpStatus::Implied | UpStatus::Awaited => "starting",
            UpStatus::Announced | UpStatus::Yes => "up",
        },
        (Role::Supervisor, _) => match generation.supervisor {
            SupervisorPresence::Stopping(_) => "stopping",
            SupervisorPresence::None
            | SupervisorPresence::Disconnected(_)
            | SupervisorPresence::Transient(_)
            | SupervisorPresence::Resident(_) => "running",
        },
    };
    name.to_owned()
}

#[test]
fn a_server_as_a_whole_is_as_the_table_says() {
    let machine = table(Scope::Role, Some(Role::Server));
    for state in machine.states.keys() {
        let scene = || {
            let mut world = World::new();
            world.server(SERVER);
            match state.as_str() {
                "starting" => Vec::new(),
                "up" => world.sends(SERVER, FromClient::ServerUp(ServerUp {})),
                "failed" => world.sends(SERVER, FromClient::Fail(Fail { reason: String::new() })),
                other => panic!("no way into `{other}`"),
            };
            Scene::new(world, SERVER)
        };
        check(machine, state, scene, role_state);
    }
}

#[test]
fn a_supervisor_is_as_the_table_says() {
    let machine = table(Scope::Role, Some(Role::Supervisor));
    for state in machine.states.keys() {
        let scene = || {
            let mut world = World::new();
            world.supervisor(SUPERVISOR, Stay);
            match state.as_str() {
                "running" => Vec::new(),
                "stopping" => world.sends(SUPERVISOR, FromClient::Stop(Stop {})),
                other => panic!("no way into `{other}`"),
            };
            Scene::new(world, SUPERVISOR)
        };
        check(machine, state, scene, role_state);
    }
}

#[test]
fn an_observer_is_as_the_table_says() {
    let machine = table(Scope::Role, Some(Role::Observer));
    let scene = || {
        let mut world = World::new();
        world.arrives(SERVER, Role::Observer, Stay, Vec::new());
        Scene::new(world, SERVER)
    };
    assert_eq!(machine.states.len(), 1);
    check(machine, &machine.initial, scene, role_state);
}

#[test]
fn a_connection_is_as_the_table_says_from_welcome_on() {
    let machine = table(Scope::Connection, None);
    let scene = || {
        let mut world = World::new();
        world.server(SERVER);
        Scene::new(world, SERVER)
    };
    check(machine, "open", scene, connection_state);
    let closed = || {
        let mut scene = scene();
        scene.world.sends(SERVER, FromClient::Stop(Stop {}));
        scene
    };
    check(machine, "closed", closed, connection_state);
}

fn connection_state(scene: &Scene) -> String {
    let is_open = scene.world.arbiter.peers.link_of(process(scene.pid)).is_some();
    if is_open { "open".to_owned() } else { "closed".to_owned() }
}

// --- the duplicate of one listener -----------------------------------------------------------

fn duplicate_state(scene: &Scene) -> String {
    let state = scene.world.arbiter.address(&address(A));
    let supervisor = process(SUPERVISOR);
    let is_replaced = state.notified.get(&supervisor) == Some(&GenerationStatus::Replaced);
    let name = match (state.keepers.get(&supervisor).map(|keeper| keeper.asked_to_close), is_replaced) {
        (None, false) => "none",
        (None, true) => "over",
        (Some(_), true) => "ending",
        (Some(Notified::No), false) => "kept",
        (Some(Notified::Yes), false) => "closing",
    };
    name.to_owned()
}

fn duplicate_scene(state: &str) -> Scene {
    let mut world = World::new();
    world.supervisor(SUPERVISOR, Stay);
    world.server_is_up(SERVER, if state == "none" { &[B] } else { &[A] });
    match state {
        "none" | "kept" => {}
        "closing" => {
            world.server(30);
            world.claims(30, A, Bind);
            world.releases(SERVER, A);
        }
        "ending" | "over" => {
            world.server_is_up(30, &[A]);
            if state == "over" {
                world.sends(SUPERVISOR, FromClient::Closed(Closed { address: address(A) }));
            }
        }
        other => panic!("no way into `{other}`"),
    }
    Scene::new(world, SUPERVISOR)
}

#[test]
fn the_duplicate_of_a_listener_is_as_the_table_says() {
    let machine = table(Scope::Address, Some(Role::Supervisor));
    for state in machine.states.keys() {
        check(machine, state, || duplicate_scene(state), duplicate_state);
    }
}

#[test]
fn every_table_of_the_arbiter_is_checked() {
    let machines = Table::v1().machines.iter().filter(|machine| machine.view == Side::Arbiter);
    let ids: BTreeSet<&str> = machines.map(|machine| machine.id.as_str()).collect();
    let checked = [
        "arbiter-address",
        "arbiter-connection",
        "arbiter-duplicate",
        "arbiter-observer",
        "arbiter-server",
        "arbiter-supervisor",
    ];
    assert_eq!(ids, BTreeSet::from(checked));
}
