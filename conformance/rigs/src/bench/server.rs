//! The bench's own server: it claims addresses over a bare connection, notes every time down,
//! and lets go when it is told to. It serves nobody, so that only the arbiter's share is seen.

use std::collections::HashMap;
use std::mem::MaybeUninit;
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use rustix::fs::inotify::{self, CreateFlags, WatchFlags};
use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};
use serverswap_conformance::connection::ready;
use serverswap_protocol::limits::HOLDING_PER_LINE_MAX;
use serverswap_protocol::message::{
    ClientInfo, FromArbiter, FromClient, Hello, Holding, HoldingMore, OnTakedown, Progress, ReadyFor,
    Released, Role, ServerUp, Serving, VERSION,
};
use serverswap_protocol::{Address, SocketMode};

use super::note::{Note, What};
use crate::wire::{Received, Wire, WireError};

/// How the claims follow each other.
#[derive(Debug, Clone, Copy, PartialEq, Eq, clap::ValueEnum)]
pub enum Pace {
    /// The next one after the grant of the one before.
    OneByOne,
    /// All at once.
    Together,
}

/// What the server claims.
#[derive(Debug, Clone, clap::Args)]
pub struct Claims {
    /// Inherit the listeners instead of taking the addresses exclusively.
    #[arg(long)]
    inherit: bool,
    /// How the claims follow each other.
    #[arg(long, value_enum)]
    pace: Pace,
    /// Report progress for so long before an address is released.
    #[arg(long, value_name = "MILLISECONDS", default_value_t = 0)]
    drain: u64,
    /// A file with one address a line.
    addresses: PathBuf,
}

/// Why the server gives up.
#[derive(Debug, thiserror::Error)]
pub enum ServerError {
    /// A file or the environment is not as it should be.
    #[error("{0}")]
    Setup(String),
    /// The connection failed.
    #[error(transparent)]
    Wire(#[from] WireError),
    /// The arbiter refused something.
    #[error("the arbiter says: {0}")]
    Refused(String),
}

/// The time between two reports of progress.
const PROGRESS_PACE: Duration = Duration::from_millis(1);

/// How long a server waits between its last report and the release.
const AFTER_DRAIN: Duration = Duration::from_millis(300);

struct BenchServer {
    wire: Wire,
    socket_path: PathBuf,
    mode: SocketMode,
    drain: Duration,
    /// Claims under way, by their `id`.
    claims: HashMap<u64, Address>,
    held: Vec<HeldAddress>,
}

/// An address that is held, with its listener if it was inherited.
type HeldAddress = (Address, Option<OwnedFd>);

/// Runs until every address was taken.
///
/// # Errors
/// If the arbiter refuses anything.
pub fn run(claims: &Claims) -> Result<(), ServerError> {
    Note::now(What::Runs).print();
    raise_file_limit();
    let addresses = read_addresses(&claims.addresses)?;
    let socket_path = PathBuf::from(variable("SERVERSWAP_SOCKET")?);
    let mode = if claims.inherit { SocketMode::Inherit } else { SocketMode::Bind };
    let (wire, held) = (Wire::connect(&socket_path)?, Vec::new());
    let drain = Duration::from_millis(claims.drain);
    let mut server = BenchServer { wire, socket_path, mode, drain, claims: HashMap::new(), held };
    server.hello()?;
    match claims.pace {
        Pace::OneByOne => {
            for address in &addresses {
                server.claim(address)?;
                server.serve_until_granted()?;
            }
        }
        Pace::Together => {
            for address in &addresses {
                server.claim(address)?;
            }
            server.serve_until_granted()?;
        }
    }
    server.wire.send(&FromClient::ServerUp(ServerUp {}), &[])?;
    Note::now(What::Up).print();
    server.serve_until_taken()?;
    Note::now(What::Over).print();
    Ok(())
}

impl BenchServer {
    fn hello(&mut self) -> Result<(), ServerError> {
        let generation = variable("SERVERSWAP_GENERATION")?
            .parse()
            .map_err(|error| ServerError::Setup(format!("SERVERSWAP_GENERATION: {error}")))?;
        let mut lines = self.held.chunks(HOLDING_PER_LINE_MAX).peekable();
        let (holding, names, fds) = said(lines.next().unwrap_or_default());
        let hello = Hello {
            id: self.wire.id(),
            version: VERSION,
            client: ClientInfo { name: "serverswap-bench".into(), version: env!("CARGO_PKG_VERSION").into() },
            role: Role::Server,
            generation: Some(generation),
            holding,
            draining: Vec::new(),
            more: lines.peek().is_some(),
            form: None,
            timeouts: None,
            unix_sockets: None,
            stand_in: None,
            fds: names,
        };
        self.wire.send(&FromClient::Hello(hello), &fds)?;
        while let Some(line) = lines.next() {
            let (holding, names, fds) = said(line);
            let more = lines.peek().is_some();
            self.wire.send(&FromClient::Holding(HoldingMore { holding, more, fds: names }), &fds)?;
        }
        loop {
            match self.wire.receive()?.message {
                FromArbiter::Welcome(_) => return Ok(()),
                FromArbiter::Error(error) => return Err(ServerError::Refused(error.message)),
                FromArbiter::Greeting(_)
                | FromArbiter::Granted(_)
                | FromArbiter::Takedown(_)
                | FromArbiter::Progress(_)
                | FromArbiter::Event(_)
                | FromArbiter::Verdict(_)
                | FromArbiter::Ping(_)
                | FromArbiter::Pong(_) => {}
            }
        }
    }

    fn claim(&mut self, address: &Address) -> Result<(), ServerError> {
        let id = self.wire.id();
        let claim = ReadyFor { id, address: address.clone(), socket: self.mode, more: true, provide: false };
        self.claims.insert(id, address.clone());
        let claims = Note::now(What::Claims(address.clone()));
        self.wire.send(&FromClient::ReadyFor(claim), &[])?;
        claims.print();
        Ok(())
    }

    fn serve_until_granted(&mut self) -> Result<(), ServerError> {
        while !self.claims.is_empty() {
            let received = self.wire.receive()?;
            self.take(received)?;
        }
        Ok(())
    }

    fn serve_until_taken(&mut self) -> Result<(), ServerError> {
        while !self.held.is_empty() {
            match self.wire.receive() {
                Ok(received) => self.take(received)?,
                Err(WireError::Ended) => self.wait_for_arbiter()?,
                Err(error) => return Err(error.into()),
            }
        }
        Ok(())
    }

    fn take(&mut self, received: Received) -> Result<(), ServerError> {
        match received.message {
            FromArbiter::Granted(granted) => {
                let note = Note::now(What::Granted(granted.address.clone()));
                self.claims.remove(&granted.re);
                let address = granted.address;
                self.wire.send(&FromClient::OnTakedown(OnTakedown { address: address.clone() }), &[])?;
                self.wire
                    .send(&FromClient::Serving(Serving { address: address.clone(), fds: Vec::new() }), &[])?;
                self.held.push((address, received.fds.into_iter().next().map(|(_, fd)| fd)));
                note.print();
            }
            FromArbiter::Takedown(takedown) => {
                let address = takedown.address;
                self.drain(takedown.id)?;
                self.held.retain(|(held, _)| *held != address);
                let note = Note::now(What::Releases(address.clone()));
                self.wire.send(&FromClient::Released(Released { re: Some(takedown.id), address }), &[])?;
                note.print();
            }
            FromArbiter::Error(error) => return Err(ServerError::Refused(error.message)),
            FromArbiter::Greeting(_)
            | FromArbiter::Welcome(_)
            | FromArbiter::Progress(_)
            | FromArbiter::Event(_)
            | FromArbiter::Verdict(_)
            | FromArbiter::Ping(_)
            | FromArbiter::Pong(_) => {}
        }
        Ok(())
    }

    /// Reports progress as a server with many connections does, but more often.
    fn drain(&mut self, takedown: u64) -> Result<(), ServerError> {
        if self.drain.is_zero() {
            return Ok(());
        }
        Note::now(What::Drains).print();
        let end = Instant::now() + self.drain;
        let mut sent = 0;
        while Instant::now() < end {
            let progress = Progress { re: takedown, connections: Some(sent), ..Progress::default() };
            self.wire.send(&FromClient::Progress(progress), &[])?;
            sent += 1;
            wait_until(Instant::now() + PROGRESS_PACE)?;
        }
        Note::now(What::Drained { progress: sent }).print();
        // The reader of this note looks at the arbiter before the release changes anything.
        wait_until(Instant::now() + AFTER_DRAIN)
    }

    /// The arbiter is gone: waits until somebody binds its socket again, and says what is held.
    fn wait_for_arbiter(&mut self) -> Result<(), ServerError> {
        let directory = self.socket_path.parent().unwrap_or(Path::new("/")).to_owned();
        let failed =
            |error: rustix::io::Errno| ServerError::Setup(format!("{}: {error}", directory.display()));
        let watch = inotify::init(CreateFlags::CLOEXEC).map_err(failed)?;
        inotify::add_watch(&watch, &directory, WatchFlags::CREATE | WatchFlags::MOVED_TO).map_err(failed)?;
        loop {
            // Watch first, then look: nothing falls in between.
            if let Ok(wire) = Wire::connect(&self.socket_path) {
                self.wire = wire;
                if self.hello().is_ok() {
                    Note::now(What::Returned).print();
                    return Ok(());
                }
            }
            let mut buffer = [MaybeUninit::uninit(); 4096];
            inotify::Reader::new(&watch, &mut buffer).next().map_err(failed)?;
        }
    }
}

/// What is held, as it is said after a reconnect: the list, the names of the listeners, the
/// listeners.
fn said(held: &[HeldAddress]) -> (Vec<Holding>, Vec<String>, Vec<BorrowedFd<'_>>) {
    let holding = held.iter().map(|(address, _)| Holding {
        address: address.clone(),
        serving: true,
        on_takedown: true,
    });
    let attached = held.iter().filter_map(|(address, fd)| Some((address.to_string(), fd.as_ref()?.as_fd())));
    let (names, fds) = attached.unzip();
    (holding.collect(), names, fds)
}

/// A server with a thousand listeners needs more than the usual thousand descriptors.
pub(super) fn raise_file_limit() {
    let limit = getrlimit(Resource::Nofile);
    // Without it, too many claims fail, and say so.
    let _ = setrlimit(Resource::Nofile, Rlimit { current: limit.maximum, maximum: limit.maximum });
}

fn read_addresses(path: &Path) -> Result<Vec<Address>, ServerError> {
    let failed = |error: String| ServerError::Setup(format!("{}: {error}", path.display()));
    let text = std::fs::read_to_string(path).map_err(|error| failed(error.to_string()))?;
    text.lines().map(|line| line.parse().map_err(|error| failed(format!("{error}")))).collect()
}

fn wait_until(time: Instant) -> Result<(), ServerError> {
    ready(&[], Some(time)).map_err(|error| ServerError::Setup(format!("poll(2): {error}")))?;
    Ok(())
}

fn variable(name: &str) -> Result<String, ServerError> {
    std::env::var(name).map_err(|error| ServerError::Setup(format!("{name}: {error}")))
}
