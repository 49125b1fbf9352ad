//! A server that does not speak the protocol, and somebody who speaks for it: here this process.

use std::io::Read;
use std::net::TcpListener;
use std::os::fd::{AsFd, OwnedFd};
use std::os::unix::process::CommandExt;
use std::process::{Child, Command, Stdio};

use rustix::process::{Pid, Signal, kill_process_group};
use serverswap_conformance::sandbox::{Sandbox, Started, free_port};
use serverswap_protocol::message::{
    Code, FromArbiter, FromClient, LISTENER, ReadyFor, Role, Serving, StandIn,
};
use serverswap_protocol::{Address, Generation, SocketMode};
use serverswap_rigs::wire::Wire;

use crate::Outcome;
use crate::hostile::{fatal, greeted, hello};

/// USR1: a shell leaves QUIT ignored in the background.
const STOP: u32 = 10;

/// Ends with 0 on its stop signal, which its wrapper does not survive; only the one below has the listener.
const WRAPPED: &str = "exec 3<&0; (trap 'exit 0' USR1; echo ready; while :; do sleep 0.05; done) <&3 3<&- & \
                       exec 0</dev/null 3<&-; wait $!";

/// Does not end on its stop signal.
const STUBBORN: &str = "trap '' USR1; echo ready; while :; do sleep 0.05; done";

/// A directory with an arbiter that has nothing to do.
struct Directory {
    sandbox: Sandbox,
    _arbiter: Started,
}

impl Directory {
    async fn open() -> Result<Directory, Box<dyn std::error::Error>> {
        let sandbox = Sandbox::new()?;
        let mut arbiter = sandbox.deploy(["sh", "-c", "echo started; exec sleep 600"]).start()?;
        arbiter.prints("started").await?;
        Ok(Directory { sandbox, _arbiter: arbiter })
    }

    /// A connection on which this process speaks for `stand_in`, and the answer to its `hello`.
    fn speak(
        &self,
        generation: Generation,
        stand_in: StandIn,
    ) -> Result<(Wire, FromArbiter), Box<dyn std::error::Error>> {
        let mut wire = self.said(generation, stand_in)?;
        let answer = wire.receive()?.message;
        Ok((wire, answer))
    }

    fn said(&self, generation: Generation, stand_in: StandIn) -> Result<Wire, Box<dyn std::error::Error>> {
        let mut wire = greeted(&self.sandbox)?;
        let mut hello = hello(&mut wire, Role::Server);
        (hello.generation, hello.stand_in) = (Some(generation), Some(stand_in));
        wire.send(&FromClient::Hello(hello), &[])?;
        Ok(wire)
    }
}

/// A server in this generation, or in none, that inherits a socket as its stdin. It is ended with the test.
struct Server(Child);

impl Server {
    fn start(
        script: &str,
        generation: Option<Generation>,
        listener: Option<&TcpListener>,
    ) -> Result<Server, Box<dyn std::error::Error>> {
        let mut command = Command::new("sh");
        command
            .args(["-c", script])
            .stdout(Stdio::piped())
            .stdin(Stdio::null())
            .stderr(Stdio::null())
            .process_group(0);
        if let Some(listener) = listener {
            command.stdin(Stdio::from(OwnedFd::from(listener.try_clone()?)));
        }
        if let Some(generation) = generation {
            command.env("SERVERSWAP_GENERATION", generation.to_string());
        }
        let mut server = Server(command.spawn()?);
        let mut ready = [0; 5];
        server.0.stdout.as_mut().ok_or("it is piped")?.read_exact(&mut ready)?;
        Ok(server)
    }

    fn stand_in(&self) -> StandIn {
        StandIn { pid: self.0.id(), stop_signal: STOP, adopt: false }
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        if let Some(group) = i32::try_from(self.0.id()).ok().and_then(Pid::from_raw) {
            let _ = kill_process_group(group, Signal::KILL);
        }
        let _ = self.0.wait();
    }
}

fn generation(number: u64) -> Generation {
    Generation { start: number, pid: std::process::id() }
}

fn claim(wire: &mut Wire, address: &Address) -> FromClient {
    let (id, address) = (wire.id(), address.clone());
    FromClient::ReadyFor(ReadyFor { id, address, socket: SocketMode::Inherit, more: false, provide: true })
}

/// Claims the address, sends the listener if it is owed, and serves.
fn serves(wire: &mut Wire, address: &Address, listener: &TcpListener) -> Outcome {
    let claim = claim(wire, address);
    wire.send(&claim, &[])?;
    let FromArbiter::Granted(granted) = wire.receive()?.message else { return Err("no grant".into()) };
    let is_owed = granted.fds.is_empty();
    let fds = if is_owed { vec![LISTENER.to_owned()] } else { Vec::new() };
    let attached = is_owed.then_some(listener.as_fd());
    let serving = Serving { address: address.clone(), fds };
    wire.send(&FromClient::Serving(serving), attached.as_slice())?;
    Ok(())
}

/// A socket that listens at an address of its own.
fn listening() -> Result<(TcpListener, Address), Box<dyn std::error::Error>> {
    let socket = TcpListener::bind(("127.0.0.1", free_port()))?;
    let address = socket.local_addr()?.to_string().parse()?;
    Ok((socket, address))
}

#[tokio::test]
async fn a_stand_in_speaks_for_a_process_of_its_own_generation_and_for_no_other() -> Outcome {
    let directory = Directory::open().await?;
    let own = Server::start(STUBBORN, Some(generation(7)), None)?;
    let (_, answer) = directory.speak(generation(7), own.stand_in())?;
    assert!(matches!(answer, FromArbiter::Welcome(_)), "{answer:?}");
    let child = Server::start(STUBBORN, None, None)?;
    let (_, answer) = directory.speak(generation(8), child.stand_in())?;
    assert!(matches!(answer, FromArbiter::Welcome(_)), "a child that shows no generation: {answer:?}");
    let of_another = Server::start(STUBBORN, Some(generation(9)), None)?;
    let refused = [
        (generation(10), of_another.stand_in()),
        (generation(7), StandIn { pid: 1, stop_signal: STOP, adopt: false }),
        (generation(7), StandIn { pid: u32::MAX, stop_signal: STOP, adopt: false }),
        (generation(9), StandIn { adopt: true, ..of_another.stand_in() }),
    ];
    for (generation, stand_in) in refused {
        let mut wire = directory.said(generation, stand_in)?;
        assert_eq!(fatal(&mut wire)?, Code::NotPermitted, "{stand_in:?}");
    }
    Ok(())
}

#[tokio::test]
async fn the_process_below_a_wrapper_that_has_the_listener_gets_the_stop_signal() -> Outcome {
    let directory = Directory::open().await?;
    let (socket, address) = listening()?;
    let mut old = Server::start(WRAPPED, Some(generation(7)), Some(&socket))?;
    let (mut first, _) = directory.speak(generation(7), old.stand_in())?;
    serves(&mut first, &address, &socket)?;
    // Whether or not its stand-in has left.
    drop(first);
    let new = Server::start(STUBBORN, Some(generation(8)), Some(&socket))?;
    let (mut second, _) = directory.speak(generation(8), new.stand_in())?;
    serves(&mut second, &address, &socket)?;
    assert_eq!(old.0.wait()?.code(), Some(0));
    Ok(())
}

#[tokio::test]
async fn only_a_server_that_listens_there_is_adopted() -> Outcome {
    let directory = Directory::open().await?;
    let (socket, address) = listening()?;
    for (listening, is_adopted) in [(None, false), (Some(&socket), true)] {
        let server = Server::start(WRAPPED, None, listening)?;
        let (mut wire, answer) =
            directory.speak(generation(7), StandIn { adopt: true, ..server.stand_in() })?;
        assert!(matches!(answer, FromArbiter::Welcome(_)), "{answer:?}");
        let claim = claim(&mut wire, &address);
        wire.send(&claim, &[])?;
        let answer = wire.receive()?.message;
        let is_granted = matches!(&answer, FromArbiter::Granted(granted) if granted.fds.is_empty());
        let is_refused =
            matches!(&answer, FromArbiter::Error(error) if error.code == Code::AddressNotAvailable);
        assert_eq!((is_granted, is_refused), (is_adopted, !is_adopted), "{answer:?}");
    }
    Ok(())
}
