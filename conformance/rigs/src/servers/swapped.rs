//! A server under load, swapped several times by `serverswap`, in one of the ways of a server that is not ours.

use std::collections::BTreeMap;
use std::path::Path;
use std::time::{Duration, Instant};

use rustix::process::Signal;
use serverswap_conformance::sandbox::{Invocation, Sandbox, Started, free_address};
use serverswap_load::{Failure, Load, LoadError, Phase, Plan, RequestKind, Target};
use serverswap_protocol::Address;

use super::alone::{AloneError, last_words};
use super::installed::Installed;
use super::known_servers::{Server, Stop};
use super::started_server::{Words, answers, apps, clients, folder_failed};

/// How often it is swapped.
pub const SWAPS: u32 = 5;

/// Good answers before each swap and after the last one, and how long those may take.
const ANSWERS: u64 = 300;
const ANSWERS_LIMIT: Duration = Duration::from_secs(20);

/// How long a swap may take.
const SWAP_LIMIT: Duration = Duration::from_secs(50);

/// The options of every command.
const OPTIONS: [&str; 4] = ["--ready-timeout", "30s", "--drain-timeout", "8s"];

/// How a server gets its listener.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Way {
    /// It is passed its socket, and takes it.
    Socket,
    /// Its bind is intercepted.
    Intercept,
    /// The first one was started by somebody else; its listener is taken from it.
    Adopt,
}

/// What was seen of a server that was swapped.
#[derive(Debug)]
pub struct Swapped {
    /// How it got its listener.
    pub way: Way,
    /// The signal that asked the old one to stop.
    pub stop: Stop,
    /// Good answers.
    pub answered: u64,
    /// What was lost.
    pub lost: BTreeMap<Failure, u64>,
    /// From the start of a command until the new server answered in the place of the old one: the longest of all swaps.
    pub done_after: Duration,
    /// The swap that failed, if one did, and what its command said.
    pub failed: Option<String>,
}

impl Way {
    /// As the table has it.
    pub fn option(self) -> &'static str {
        match self {
            Way::Socket => "--socket",
            Way::Intercept => "--intercept",
            Way::Adopt => "--adopt",
        }
    }

    /// The ways that this server understands.
    pub(super) fn of(server: &Server) -> Vec<Way> {
        let socket = server.passed.map(|_| Way::Socket);
        socket.into_iter().chain([Way::Intercept, Way::Adopt]).collect()
    }
}

impl Swapped {
    pub(super) fn not_started(way: Way, stop: Stop, why: String) -> Swapped {
        let (answered, lost, done_after) = (0, BTreeMap::new(), Duration::ZERO);
        Swapped { way, stop, answered, lost, done_after, failed: Some(why) }
    }

    /// Whether every swap was made and no connection was refused.
    pub fn is_good(&self) -> bool {
        self.failed.is_none() && !self.lost.contains_key(&Failure::Refused)
    }
}

pub(super) async fn measure(
    server: &'static Server,
    program: &Path,
    installed: &Installed,
    way: Way,
    stop: Stop,
    kind: &RequestKind,
) -> Result<Swapped, AloneError> {
    let (sandbox, address) = (Sandbox::new()?, free_address());
    let target = Target::try_from(&address).expect("a free address is on the loopback");
    let Target::Tcp(socket) = target else { unreachable!("a free address is one of TCP") };
    let words = Words { server, installed, port: socket.port() };
    let run = Run { sandbox: &sandbox, words, program, way, stop, address: &address };
    let mut first = run.first()?;
    run.serves(&mut first, &target, kind).await?;
    let mut load = Load::start(Plan { request: kind.clone(), ..Plan::new(target, clients()) })?;
    let (mut failed, mut done_after) = (None, Duration::ZERO);
    for number in 1..=SWAPS {
        more_answers(&mut load).await?;
        load.enter(Phase::Swap);
        let began = Instant::now();
        let mut command = run.command(number)?.start()?;
        match command.exit_within(SWAP_LIMIT).await {
            Ok(exit) if exit.status == 0 => done_after = done_after.max(began.elapsed()),
            Ok(_) | Err(_) => {
                failed = Some(format!("swap {number}: {}", last_words(&mut command)));
                break;
            }
        }
        load.enter(Phase::Between);
    }
    more_answers(&mut load).await?;
    let tally = load.stop();
    Ok(Swapped { way, stop, answered: tally.ok(), lost: tally.failed_by_kind(), done_after, failed })
}

/// What every start of a server has.
struct Run<'a> {
    sandbox: &'a Sandbox,
    words: Words<'a>,
    program: &'a Path,
    way: Way,
    stop: Stop,
    address: &'a Address,
}

impl Run<'_> {
    /// The first start, of which nothing is lost yet.
    fn first(&self) -> Result<Started, AloneError> {
        let command = match self.way {
            Way::Socket | Way::Intercept => self.command(0)?,
            Way::Adopt => self.bare()?,
        };
        Ok(command.start()?)
    }

    /// Waits until the first one serves: its command then leaves, and a server alone answers.
    async fn serves(
        &self,
        first: &mut Started,
        target: &Target,
        kind: &RequestKind,
    ) -> Result<(), AloneError> {
        let failed = match self.way {
            Way::Socket | Way::Intercept => match first.exit_within(SWAP_LIMIT).await {
                Ok(exit) if exit.status == 0 => return Ok(()),
                Ok(exit) => format!("ended with {}", exit.status),
                Err(_) => "did not end".to_owned(),
            },
            Way::Adopt => tokio::select! {
                answered = answers(target, kind) => match answered {
                    Ok(()) => return Ok(()),
                    Err(failure) => format!("did not answer: {failure}"),
                },
                exit = first.exit() => exit.map_or("never ended".to_owned(), |exit| format!("ended with {}", exit.status)),
            },
        };
        Err(AloneError::Server(format!(
            "{}: the first one {failed}; it said: {}",
            self.way.option(),
            last_words(first)
        )))
    }

    /// The server alone.
    fn bare(&self) -> Result<Invocation, AloneError> {
        let (folder, apps) = (self.sandbox.path().join("bare"), apps(self.sandbox));
        let arguments = self.words.arguments(&folder, &apps).map_err(folder_failed)?;
        let command = self.sandbox.command(self.program, arguments);
        Ok(self.words.environment(command, &folder, &apps).within(&folder))
    }

    /// A deploy of it.
    fn command(&self, number: u32) -> Result<Invocation, AloneError> {
        let (folder, apps) = (self.sandbox.path().join(number.to_string()), apps(self.sandbox));
        let mut options: Vec<String> = OPTIONS.map(str::to_owned).to_vec();
        let words = match (self.way, self.words.server.passed) {
            (Way::Socket, Some(passed)) => {
                options.extend(["--socket".to_owned(), self.address.to_string()]);
                self.words.passed(passed, &folder, &apps)
            }
            (Way::Socket, None) | (Way::Intercept, _) => {
                options.push("--intercept".to_owned());
                self.words.arguments(&folder, &apps)
            }
            (Way::Adopt, _) => {
                options.push("--intercept".to_owned());
                // Later ones replace ours.
                if number == 1 {
                    options.push(format!("--adopt={}", self.address));
                }
                self.words.arguments(&folder, &apps)
            }
        };
        if self.stop.signal != Signal::TERM {
            options.extend(["--stop-signal".to_owned(), self.stop.name.to_owned()]);
        }
        options.push(self.program.display().to_string());
        options.extend(words.map_err(folder_failed)?);
        let command = self.sandbox.serverswap(options);
        let command = self.words.environment(command, &folder, &apps).within(&folder);
        let passed = (self.way == Way::Socket).then_some(self.words.server.passed).flatten();
        Ok(passed
            .iter()
            .flat_map(|passed| passed.environment)
            .fold(command, |command, (name, value)| command.env(name, value)))
    }
}

async fn more_answers(load: &mut Load) -> Result<(), AloneError> {
    match load.more_answers(ANSWERS, ANSWERS_LIMIT).await {
        Ok(()) | Err(LoadError::TooLate { .. } | LoadError::Ended) => Ok(()),
        Err(error @ LoadError::Start(_)) => Err(error.into()),
    }
}
