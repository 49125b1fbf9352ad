//! What a hostile client of the same user costs the arbiter, and everybody else: an honest server
//! of another generation claims names one by one meanwhile.
//!
//! The memory is the most that the arbiter ever had. Ratios are to the same claims without a
//! hostile client.

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread::JoinHandle;
use std::time::Duration;

use serverswap_protocol::message::{ClientInfo, FromClient, Hello, Ping, ReadyFor, Role, VERSION};
use serverswap_protocol::{Address, Generation, SocketMode};

use super::claims::{grants, p99};
use super::figure::{Figure, Value, median};
use super::idle::{field, status};
use super::note::Note;
use super::server::raise_file_limit;
use super::{BenchError, command};
use crate::wire::{Wire, WireError};
use serverswap_conformance::sandbox::{Sandbox, free_address};
use serverswap_conformance::style::duration;

/// How long an honest claim may take to its grant meanwhile, in the median.
const GRANT_MAX: Duration = Duration::from_millis(50);

/// How much memory it may cost: a few times what may wait for one client that does not read.
const RESIDENT_KIB_MAX: u64 = 32 * 1024;

/// Honest claims of one run, one after the other.
const SAMPLES: usize = 50;

const CROWD: usize = 1_000;
const CLAIMS: usize = 10_000;

/// What a hostile client does for as long as it may.
#[derive(Debug, Clone, Copy)]
enum Abuse {
    Nothing,
    NeverReads,
    Floods,
    Crowds,
    Claims,
}

/// What an honest server saw, and what the arbiter needed.
struct Seen {
    grants: Vec<Duration>,
    resident_kib: u64,
}

pub(super) async fn resisted() -> Result<Vec<Figure>, BenchError> {
    let alone = under(Abuse::Nothing).await?;
    let mut figures = Vec::new();
    for abuse in [Abuse::NeverReads, Abuse::Floods, Abuse::Crowds, Abuse::Claims] {
        let seen = under(abuse).await?;
        figures.extend(figures_of(abuse, &seen, &alone));
    }
    Ok(figures)
}

fn figures_of(abuse: Abuse, seen: &Seen, alone: &Seen) -> [Figure; 2] {
    let what = match abuse {
        Abuse::Nothing => "nobody".to_owned(),
        Abuse::NeverReads => "a client that never reads, again and again".to_owned(),
        Abuse::Floods => "a flood of pings".to_owned(),
        Abuse::Crowds => format!("{CROWD} silent connections"),
        Abuse::Claims => format!("{CLAIMS} claims of one client"),
    };
    let (middle, usual) = (median(seen.grants.clone()), median(alone.grants.clone()));
    let grant = Figure::new(format!("{what}: an honest claim to its grant"), Value::Time(middle))
        .at_most(Value::Time(GRANT_MAX))
        .beside(format!(
            "p99 {}; {:.1} times the {} without, the goal is 2",
            duration(p99(&seen.grants)),
            middle.as_secs_f64() / usual.as_secs_f64(),
            duration(usual)
        ));
    let memory = Figure::new(format!("{what}: memory of the arbiter"), Value::Kibibytes(seen.resident_kib))
        .at_most(Value::Kibibytes(RESIDENT_KIB_MAX))
        .beside(format!("{} KiB without", alone.resident_kib));
    [grant, memory]
}

async fn under(abuse: Abuse) -> Result<Seen, BenchError> {
    raise_file_limit();
    let sandbox = Sandbox::new()?;
    let words = command::server(&sandbox, &["--inherit", "--pace", "together"], &[free_address()])?;
    let mut arbiter = sandbox.deploy(words).start()?;
    arbiter.prints(r#""up""#).await?;
    let hostile = Hostile::begin(abuse, sandbox.runtime_dir().join("serverswap.sock"))?;
    let names: Vec<Address> =
        (0..SAMPLES).map(|number| format!("honest-{number}").parse().expect("a plain name")).collect();
    let words = command::server(&sandbox, &["--pace", "one-by-one"], &names)?;
    let mut honest = sandbox.serverswap(words).start()?;
    honest.prints(r#""up""#).await?;
    hostile.end();
    let resident_kib = field(&status(arbiter.pid())?, "VmHWM");
    let grants = grants(&Note::all_in(honest.stdout()));
    sandbox.end();
    Ok(Seen { grants, resident_kib })
}

/// A hostile client in a thread of its own.
struct Hostile {
    stopping: Arc<AtomicBool>,
    thread: JoinHandle<()>,
}

impl Hostile {
    /// Returns when what it does once is done, or what it does again and again has begun.
    fn begin(abuse: Abuse, socket: PathBuf) -> Result<Hostile, BenchError> {
        let nothing = |error: WireError| BenchError::NothingMeasured(format!("the hostile client: {error}"));
        let stopping = Arc::new(AtomicBool::new(false));
        let theirs = Arc::clone(&stopping);
        let goes_on = move || !theirs.load(Ordering::Acquire);
        let thread = match abuse {
            Abuse::Nothing => std::thread::spawn(|| {}),
            Abuse::NeverReads => std::thread::spawn(move || {
                while goes_on() {
                    // Until it is closed for it; then it comes back.
                    let _ = never_reads(&socket, &goes_on);
                }
            }),
            Abuse::Floods => {
                let mut wire = welcomed(&socket).map_err(nothing)?;
                std::thread::spawn(move || while goes_on() && flood(&mut wire).is_ok() {})
            }
            Abuse::Crowds => {
                let crowd: Result<Vec<Wire>, WireError> = (0..CROWD).map(|_| greeted(&socket)).collect();
                keep(crowd.map_err(nothing)?, goes_on)
            }
            Abuse::Claims => keep(claims(&socket).map_err(nothing)?, goes_on),
        };
        Ok(Hostile { stopping, thread })
    }

    fn end(self) {
        self.stopping.store(true, Ordering::Release);
        self.thread.thread().unpark();
        self.thread.join().expect("a hostile client has no reason to panic");
    }
}

/// Keeps something until the end.
fn keep<T: Send + 'static>(kept: T, goes_on: impl Fn() -> bool + Send + 'static) -> JoinHandle<()> {
    std::thread::spawn(move || {
        while goes_on() {
            std::thread::park();
        }
        drop(kept);
    })
}

fn never_reads(socket: &Path, goes_on: &impl Fn() -> bool) -> Result<(), WireError> {
    let mut wire = welcomed(socket)?;
    while goes_on() {
        let id = wire.id();
        wire.send(&FromClient::Ping(Ping { id }), &[])?;
    }
    Ok(())
}

fn flood(wire: &mut Wire) -> Result<(), WireError> {
    const AT_ONCE: usize = 64;
    for _ in 0..AT_ONCE {
        let id = wire.id();
        wire.send(&FromClient::Ping(Ping { id }), &[])?;
    }
    for _ in 0..AT_ONCE {
        wire.receive()?;
    }
    Ok(())
}

/// All of them at once, and every answer read.
fn claims(socket: &Path) -> Result<Wire, WireError> {
    let mut wire = welcomed(socket)?;
    for number in 0..CLAIMS {
        let (id, address) = (wire.id(), format!("name-{number}").parse().expect("a plain name"));
        let claim = ReadyFor { id, address, socket: SocketMode::Bind, more: false, provide: false };
        wire.send(&FromClient::ReadyFor(claim), &[])?;
    }
    for _ in 0..CLAIMS {
        wire.receive()?;
    }
    Ok(wire)
}

fn greeted(socket: &Path) -> Result<Wire, WireError> {
    let mut wire = Wire::connect(socket)?;
    wire.receive()?;
    Ok(wire)
}

/// As a server of the oldest generation of all, which replaces nobody.
fn welcomed(socket: &Path) -> Result<Wire, WireError> {
    let mut wire = greeted(socket)?;
    let hello = Hello {
        id: wire.id(),
        version: VERSION,
        client: ClientInfo { name: "hostile".to_owned(), version: "1".to_owned() },
        role: Role::Server,
        generation: Some(Generation { start: 1, pid: 1 }),
        holding: Vec::new(),
        draining: Vec::new(),
        more: false,
        form: None,
        timeouts: None,
        unix_sockets: None,
        stand_in: None,
        fds: Vec::new(),
    };
    wire.send(&FromClient::Hello(hello), &[])?;
    wire.receive()?;
    Ok(wire)
}
