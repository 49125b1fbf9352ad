//! A server by itself: started, put under load, asked to stop, several times.

use std::collections::BTreeMap;
use std::path::Path;
use std::time::{Duration, Instant};

use serverswap_conformance::sandbox::{Sandbox, Started, free_address};
use serverswap_load::{Failure, Load, LoadError, Phase, Plan, RequestKind, Tally, Target};

use super::ServersError;
use super::installed::Installed;
use super::known_servers::{Server, Stop};
use super::started_server::{Words, answers, apps, clients, folder_failed};

/// How often it is started and stopped.
const ROUNDS: u32 = 5;

/// Good answers before it is asked to stop.
const ANSWERS: u64 = 300;

/// How long those may take.
const ANSWERS_LIMIT: Duration = Duration::from_secs(20);

/// How long it may take to end.
const EXIT_LIMIT: Duration = Duration::from_secs(10);

/// What a server did by itself.
#[derive(Debug)]
pub struct Alone {
    /// The signal that asked it to stop.
    pub stop: Stop,
    /// Until its first answer: the longest time of all rounds.
    pub ready_after: Duration,
    /// From the signal to its exit, the longest time of all rounds; `None` if it went on, once at least.
    pub ended_after: Option<Duration>,
    /// Good answers.
    pub answered: u64,
    /// What was lost while it served, and of what it had accepted when it was asked to stop.
    pub lost: BTreeMap<Failure, u64>,
}

/// Why a server could not be measured.
pub(super) enum AloneError {
    /// It is the server's fault: a clause.
    Server(String),
    /// It is not.
    Machine(ServersError),
}

impl<E: Into<ServersError>> From<E> for AloneError {
    fn from(error: E) -> Self {
        AloneError::Machine(error.into())
    }
}

pub(super) async fn measure(
    server: &'static Server,
    program: &Path,
    installed: &Installed,
    stop: Stop,
    kind: &RequestKind,
) -> Result<Alone, AloneError> {
    let mut alone = Alone {
        stop,
        ready_after: Duration::ZERO,
        ended_after: Some(Duration::ZERO),
        answered: 0,
        lost: BTreeMap::new(),
    };
    for _ in 0..ROUNDS {
        let round = round(server, program, installed, stop, kind).await?;
        alone.ready_after = alone.ready_after.max(round.ready_after);
        alone.ended_after = alone.ended_after.zip(round.ended_after).map(|(longest, this)| longest.max(this));
        alone.answered += round.tally.ok();
        for (failure, count) in lost(&round.tally) {
            *alone.lost.entry(failure).or_default() += count;
        }
    }
    Ok(alone)
}

struct Round {
    ready_after: Duration,
    ended_after: Option<Duration>,
    tally: Tally,
}

async fn round(
    server: &'static Server,
    program: &Path,
    installed: &Installed,
    stop: Stop,
    kind: &RequestKind,
) -> Result<Round, AloneError> {
    let (sandbox, address) = (Sandbox::new()?, free_address());
    let target = Target::try_from(&address).expect("a free address is on the loopback");
    let Target::Tcp(socket) = target else { unreachable!("a free address is one of TCP") };
    let (words, apps) = (Words { server, installed, port: socket.port() }, apps(&sandbox));
    let folder = sandbox.path().join("server");
    let arguments = words.arguments(&folder, &apps).map_err(folder_failed)?;
    let command = words.environment(sandbox.command(program, arguments), &folder, &apps).within(&folder);
    let mut started = command.start()?;
    let answered = tokio::select! {
        answered = answers(&target, kind) => answered.map_err(|failure| format!("did not answer: {failure}")),
        exit = started.exit() => Err(exit.map_or("never ended".to_owned(), |exit| format!("ended with {}", exit.status))),
    };
    answered.map_err(|why| AloneError::Server(format!("{why}; it said: {}", last_words(&mut started))))?;
    let ready_after = started.began().elapsed();
    let mut load = Load::start(Plan { request: kind.clone(), ..Plan::new(target, clients()) })?;
    match load.more_answers(ANSWERS, ANSWERS_LIMIT).await {
        Ok(()) | Err(LoadError::TooLate { .. } | LoadError::Ended) => {}
        Err(error @ LoadError::Start(_)) => return Err(error.into()),
    }
    load.enter(Phase::Swap);
    let asked = Instant::now();
    started.signal(stop.signal);
    let ended = started.exit_within(EXIT_LIMIT).await;
    let ended_after = ended.is_ok().then(|| asked.elapsed());
    Ok(Round { ready_after, ended_after, tally: load.stop() })
}

/// What was lost of what the server had accepted.
fn lost(tally: &Tally) -> BTreeMap<Failure, u64> {
    let mut lost = tally.swap.failed.clone();
    lost.retain(|failure, _| !matches!(failure, Failure::Refused | Failure::ResetOnConnect));
    for (failure, count) in &tally.between.failed {
        *lost.entry(*failure).or_default() += count;
    }
    lost
}

/// The last lines of what it said.
pub(super) fn last_words(started: &mut Started) -> String {
    let said = [started.stdout().to_owned(), started.stderr().to_owned()].join("\n");
    let lines: Vec<&str> = said.lines().map(str::trim).filter(|line| !line.is_empty()).collect();
    lines[lines.len().saturating_sub(3)..].join(" / ")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_refused_after_the_stop_is_not_lost() {
        let mut tally = Tally::default();
        tally.swap.failed.insert(Failure::Refused, 70);
        tally.swap.failed.insert(Failure::ClosedBeforeAnswer, 2);
        tally.between.failed.insert(Failure::Refused, 1);
        assert_eq!(lost(&tally), BTreeMap::from([(Failure::ClosedBeforeAnswer, 2), (Failure::Refused, 1)]));
    }
}
