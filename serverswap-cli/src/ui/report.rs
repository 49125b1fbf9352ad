//! What happened, for the operator: one typed value for each line of progress.
//!
//! The text and the JSON form of a line come from the same value. Nothing here knows a
//! terminal; see [`Console`](super::Console).

use std::path::PathBuf;
use std::time::Duration;

use serde::Serialize;
use serverswap::protocol::Address;
use serverswap::protocol::message::Code;

use super::duration::{serialize_millis, serialize_some_millis};
use super::waiting_for::WaitingFor;
use crate::spawn::SpawnFailure;
use crate::supervisor::{ServerExit, StopSignal};

/// Something that happened to the generation.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(tag = "event", rename_all = "snake_case", rename_all_fields = "camelCase")]
pub enum Report {
    /// The server was started.
    Started {
        /// What was started, for people.
        command: String,
        /// Its process id.
        pid: u32,
        /// How many times this generation was started before.
        restarts: u32,
    },
    /// What the server prints goes to a log of its generation, and is copied here.
    OutputLogged {
        /// That of its stdout, if there is one.
        #[serde(skip_serializing_if = "Option::is_none")]
        stdout: Option<PathBuf>,
        /// That of its stderr, if there is one; it can be the same.
        #[serde(skip_serializing_if = "Option::is_none")]
        stderr: Option<PathBuf>,
    },
    /// What `serverswap logs` shows.
    LogShown {
        /// What was started, for people.
        command: String,
        /// When, as RFC 3339.
        started: String,
        /// The log of both streams, or that of stdout.
        #[serde(skip_serializing_if = "Option::is_none")]
        stdout: Option<PathBuf>,
        /// The log of stderr alone.
        #[serde(skip_serializing_if = "Option::is_none")]
        stderr: Option<PathBuf>,
    },
    /// No process can append to the log that `serverswap logs -f` shows.
    LogEnded,
    /// There can be no log.
    OutputNotLogged {
        /// Why, for people.
        problem: String,
    },
    /// The server claims an address and waits for it.
    Claimed {
        /// The address.
        address: Address,
    },
    /// The server was granted an address.
    Granted {
        /// The address.
        address: Address,
        /// Since its start.
        #[serde(rename = "afterMs", serialize_with = "serialize_millis")]
        after: Duration,
    },
    /// Addresses are taken over from a process that serverswap did not start.
    Adopted {
        /// The addresses.
        addresses: Vec<Address>,
        /// The process.
        pid: u32,
        /// Its program.
        #[serde(skip_serializing_if = "Option::is_none")]
        program: Option<String>,
    },
    /// The stand-in of the server was granted an address.
    Passed {
        /// The address.
        address: Address,
        /// The server.
        pid: u32,
    },
    /// What the server does, in its own words.
    ServerStatus {
        /// The server.
        pid: u32,
        /// The words.
        status: String,
    },
    /// The server says that it loads its configuration anew.
    ServerReloading {
        /// The server.
        pid: u32,
    },
    /// The server says that it is about to end.
    ServerStopping {
        /// The server.
        pid: u32,
    },
    /// The server has asked for descriptors to be kept, which only a service manager does.
    StoreNotSupported {
        /// The server.
        pid: u32,
    },
    /// A process that is not of the generation has sent a message to the server's NOTIFY_SOCKET.
    StrangerNotified {
        /// The process; 0 if it is not visible from here.
        stranger: u32,
    },
    /// Programs of the server that are set-uid or have file capabilities gain no privileges.
    NoNewPrivileges {
        /// The server.
        pid: u32,
    },
    /// What a process of the server binds is not seen.
    NotIntercepted {
        /// Its thread.
        pid: u32,
        /// Why.
        problem: String,
    },
    /// The server only waits for another process, which is not the one that `LISTEN_PID` names.
    Wrapped {
        /// The server.
        pid: u32,
        /// Its name.
        name: String,
        /// The process that it waits for.
        child: u32,
        /// The name of that.
        child_name: String,
    },
    /// The server serves an address alongside an older one, on probation.
    Probation {
        /// The address.
        address: Address,
        /// The server.
        pid: u32,
        /// Until it is over.
        #[serde(rename = "remainingMs", serialize_with = "serialize_millis")]
        remaining: Duration,
    },
    /// The server serves an address.
    Serving {
        /// The address.
        address: Address,
        /// The server.
        pid: u32,
        /// Since its start.
        #[serde(rename = "afterMs", serialize_with = "serialize_millis")]
        after: Duration,
    },
    /// The whole server is up.
    Up {
        /// Since its start.
        #[serde(rename = "afterMs", serialize_with = "serialize_millis")]
        after: Duration,
    },
    /// A claim failed.
    ClaimFailed {
        /// The address.
        address: Address,
        /// For programs.
        code: Code,
        /// For people.
        message: String,
    },
    /// A claim lost to a newer generation.
    Superseded {
        /// The address.
        address: Address,
    },
    /// A newer generation asks for an address of this one.
    Busy {
        /// The address.
        address: Address,
    },
    /// A newer generation serves an address of this one.
    Replaced {
        /// The address.
        address: Address,
    },
    /// The command has said nothing for a while, and waits.
    StillWaiting(WaitingFor),
    /// The server has no claim, and a process of its generation listens.
    UnclaimedListener {
        /// The process.
        pid: u32,
        /// Where it listens.
        address: Address,
    },
    /// An address that the server claims is held by an older one that runs another program.
    OtherProgram {
        /// The addresses.
        addresses: Vec<Address>,
        /// The older server.
        pid: u32,
        /// What it runs, for people.
        program: String,
        /// What the new one runs, for people.
        replacement: String,
    },
    /// The server gives up.
    SaidFail {
        /// The server.
        pid: u32,
        /// In its own words.
        reason: String,
    },
    /// A server that was replaced finishes what is open.
    Draining(DrainStatus),
    /// The same, again.
    DrainProgress(DrainStatus),
    /// A server that was replaced has exited.
    Gone {
        /// The server.
        pid: u32,
    },
    /// An address was or will be without a server for a moment.
    Gap {
        /// The address, if it is about one.
        #[serde(skip_serializing_if = "Option::is_none")]
        address: Option<Address>,
        /// Why.
        message: String,
    },
    /// The server is not up in time; the arbiter is asked whether it holds something.
    NotUp {
        /// The server.
        pid: u32,
        /// The ready timeout.
        #[serde(rename = "afterMs", serialize_with = "serialize_millis")]
        after: Duration,
    },
    /// It does: it is not ended.
    Kept {
        /// The server.
        pid: u32,
        /// What it serves, as far as the supervisor knows.
        addresses: Vec<Address>,
    },
    /// The server ended.
    ServerExited {
        /// The server.
        pid: u32,
        /// How.
        exit: ServerExit,
        /// Since its start.
        #[serde(rename = "afterMs", serialize_with = "serialize_millis")]
        after: Duration,
    },
    /// The server could not be started again.
    NotStarted {
        /// Why.
        failure: SpawnFailure,
    },
    /// The server is started again after a delay.
    RestartIn {
        /// The delay.
        #[serde(rename = "delayMs", serialize_with = "serialize_millis")]
        delay: Duration,
    },
    /// The server gave its addresses to a newer generation that does not serve them yet.
    Waiting {
        /// The addresses.
        addresses: Vec<Address>,
    },
    /// The newer generation failed: the server is started again.
    Resuming {
        /// The addresses that no server holds.
        addresses: Vec<Address>,
    },
    /// The supervisor was asked to stop: the server must release its addresses and drain.
    Stopping {
        /// The server.
        pid: u32,
        /// By which signal.
        signal: StopSignal,
        /// Until TERM.
        #[serde(rename = "drainMs", serialize_with = "serialize_millis")]
        drain: Duration,
    },
    /// `serverswap stop` asks servers to release their addresses and drain, or their supervisor to have them do so.
    StoppingServers {
        /// The servers; none, if there is only what is to start one.
        pids: Vec<u32>,
        /// What they have.
        addresses: Vec<Address>,
        /// Their supervisor, if it lives.
        #[serde(skip_serializing_if = "Option::is_none")]
        supervisor: Option<u32>,
        /// Until TERM.
        #[serde(rename = "drainMs", serialize_with = "serialize_millis")]
        drain: Duration,
    },
    /// The server failed on probation: it must release its addresses and drain, and the older one
    /// keeps serving.
    RollingBack {
        /// The server.
        pid: u32,
        /// Until TERM.
        #[serde(rename = "drainMs", serialize_with = "serialize_millis")]
        drain: Duration,
    },
    /// The server is terminated before it was up, and must release what it was granted.
    LettingGo {
        /// The server.
        pid: u32,
        /// Until TERM.
        #[serde(rename = "drainMs", serialize_with = "serialize_millis")]
        drain: Duration,
    },
    /// The server's group got TERM.
    Terminated {
        /// The server.
        pid: u32,
        /// Until KILL.
        #[serde(rename = "killAfterMs", serialize_with = "serialize_millis")]
        kill_after: Duration,
        /// How many connections it had open, if that is known.
        #[serde(skip_serializing_if = "Option::is_none")]
        connections: Option<u64>,
    },
    /// The server's group got KILL.
    Killed {
        /// The server.
        pid: u32,
        /// How many connections it had open, if that is known.
        #[serde(skip_serializing_if = "Option::is_none")]
        connections: Option<u64>,
    },
    /// A server has closed connections unfinished, because its time to drain was over.
    ConnectionsCut {
        /// The server.
        pid: u32,
        /// How many, all told.
        connections: u64,
    },
    /// Processes that the exited server left behind got TERM.
    LeftoversTerminated {
        /// The server.
        pid: u32,
    },
    /// Processes that the exited server left behind, and that did not end after TERM, got KILL.
    LeftoversKilled {
        /// The server.
        pid: u32,
    },
    /// Root acts as the user to whom the runtime directory belongs.
    ActingAs {
        /// The user.
        uid: u32,
        /// The user's name, if it is listed.
        #[serde(skip_serializing_if = "Option::is_none")]
        user: Option<String>,
        /// The directory.
        directory: PathBuf,
    },
    /// HUP came, and is ignored.
    HangupIgnored,
    /// The next generation was started, by the same command in a process of its own.
    Reloading {
        /// That process.
        pid: u32,
    },
    /// A resident was asked for its next generation.
    Asked {
        /// The resident.
        pid: u32,
    },
    /// It was not started.
    NotReloaded {
        /// Why, for people.
        problem: String,
    },
    /// `serverswap reload` cannot reach this command.
    NotAskable {
        /// Why, for people.
        problem: String,
    },
    /// The service manager has passed the listener of an address.
    ListenerPassed {
        /// The address.
        address: Address,
        /// The `.socket` unit that has opened it, or what that calls it; none: it was kept for this unit.
        #[serde(skip_serializing_if = "Option::is_none")]
        unit: Option<String>,
    },
    /// The service manager has passed something else.
    NotListener {
        /// What it calls it.
        name: String,
    },
    /// The service manager does not keep the listener of an address.
    ListenerNotStored {
        /// The address.
        address: Address,
        /// Why, for people.
        problem: String,
    },
    /// The service manager was told not to keep the listener of an address any more.
    ListenerGivenUp {
        /// The address.
        address: Address,
    },
    /// No server has claimed what a `.socket` unit has opened.
    ListenerUnclaimed {
        /// The address.
        address: Address,
        /// The unit, or what that calls it.
        unit: String,
    },
    /// The service manager has started this command, and listens to nothing that it says.
    ServiceManagerDeaf,
    /// The supervisor has ended, and its process goes on as the parent of the next generation.
    ParentOfNext {
        /// The process.
        pid: u32,
    },
    /// A connection to an arbiter stands.
    Linked,
    /// The connection to the arbiter has ended.
    LinkLost,
    /// An arbiter is alive and does not answer; its servers and ours keep serving.
    ArbiterSilent {
        /// The arbiter.
        pid: u32,
    },
    /// It answers again.
    ArbiterAnswers {
        /// The arbiter.
        pid: u32,
    },
    /// Neither the lock nor the socket can be had; it is tried again.
    ArbiterUnreachable {
        /// Why, for people.
        problem: String,
    },
    /// The process ids that are shown are those of another pid namespace.
    NumbersOfArbiter,
    /// There is no arbiter, and only a process that sees every pid namespace of the directory can be it.
    HolderMissing {
        /// The directory.
        directory: PathBuf,
    },
    /// This process is the arbiter no more: one that sees more pid namespaces is to be it.
    MakesWay {
        /// The directory.
        directory: PathBuf,
    },
    /// `serverswap hold` is the arbiter, or the next one.
    Holds {
        /// The directory.
        directory: PathBuf,
        /// The arbiter, where it is another process.
        #[serde(skip_serializing_if = "Option::is_none")]
        arbiter: Option<u32>,
    },
    /// The supervisor has ended, and its process goes on for others that would end with it.
    KeepsPost {
        /// The process.
        pid: u32,
    },
    /// `serverswap status --all` passes a directory over.
    DirectoryNotShown {
        /// Which.
        directory: PathBuf,
        /// Why.
        problem: String,
    },
    /// The state file cannot be used; running servers reconnect on their own.
    StateIgnored {
        /// The file.
        path: PathBuf,
        /// Why, for people.
        problem: String,
    },
    /// The runtime directory, or something in it, was deleted, and is there again.
    DirectoryRemade {
        /// Which.
        directory: PathBuf,
    },
    /// The same, but another arbiter was faster: it decides now.
    DirectoryLost {
        /// Which.
        directory: PathBuf,
    },
    /// The file of `--trace` cannot be written: the trace ends.
    NotRecorded {
        /// The file.
        path: PathBuf,
        /// Why, for people.
        problem: String,
    },
    /// What this command did cannot be written to the history.
    HistoryNotWritten {
        /// Why, for people.
        problem: String,
        /// Where it is kept until it can.
        #[serde(skip_serializing_if = "Option::is_none")]
        kept: Option<PathBuf>,
    },
    /// `serverswap metrics` answers.
    MetricsServed {
        /// Where.
        address: Address,
    },
    /// Lines of the history cannot be read.
    HistoryUnreadable {
        /// Those of a later version.
        newer: u64,
        /// Those that were cut off, or are not ours.
        cut_off: u64,
    },
    /// Lines of this log were dropped because stderr took no more.
    LinesDropped {
        /// How many.
        lines: u64,
    },
    /// The state file cannot be written: nothing is granted until it can.
    StateNotWritten {
        /// The file.
        path: PathBuf,
        /// Why, for people.
        problem: String,
    },
}

/// How far the drain of a replaced server is.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct DrainStatus {
    /// The server.
    pub pid: u32,
    /// What it released.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub address: Option<Address>,
    /// How many connections are still open, if it has reported that.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub connections: Option<u64>,
    /// Until TERM, if there is a deadline.
    #[serde(
        rename = "remainingMs",
        serialize_with = "serialize_some_millis",
        skip_serializing_if = "Option::is_none"
    )]
    pub remaining: Option<Duration>,
}

/// How much a report matters.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Level {
    /// Only with `-v`.
    Detail,
    /// Ordinary progress.
    Notice,
    /// Something is not as it should be.
    Warning,
}

impl Report {
    /// How much it matters.
    pub fn level(&self) -> Level {
        match self {
            Report::ClaimFailed { .. }
            | Report::Superseded { .. }
            | Report::UnclaimedListener { .. }
            | Report::OtherProgram { .. }
            | Report::SaidFail { .. }
            | Report::StoreNotSupported { .. }
            | Report::NotIntercepted { .. }
            | Report::StrangerNotified { .. }
            | Report::Wrapped { .. }
            | Report::Gap { .. }
            | Report::NotUp { .. }
            | Report::Kept { .. }
            | Report::RollingBack { .. }
            | Report::LettingGo { .. }
            | Report::NotStarted { .. }
            | Report::Terminated { connections: Some(1..), .. }
            | Report::Killed { .. }
            | Report::ConnectionsCut { .. }
            | Report::LeftoversKilled { .. }
            | Report::LeftoversTerminated { .. }
            | Report::ArbiterSilent { .. }
            | Report::ArbiterUnreachable { .. }
            | Report::HolderMissing { .. }
            | Report::StateIgnored { .. }
            | Report::DirectoryNotShown { .. }
            | Report::DirectoryRemade { .. }
            | Report::DirectoryLost { .. }
            | Report::NotRecorded { .. }
            | Report::HistoryNotWritten { .. }
            | Report::HistoryUnreadable { .. }
            | Report::OutputNotLogged { .. }
            | Report::LinesDropped { .. }
            | Report::NotReloaded { .. }
            | Report::NotAskable { .. }
            | Report::NotListener { .. }
            | Report::ListenerNotStored { .. }
            | Report::ListenerUnclaimed { .. }
            | Report::ServiceManagerDeaf
            | Report::StateNotWritten { .. } => Level::Warning,
            Report::Started { .. }
            | Report::OutputLogged { .. }
            | Report::LogShown { .. }
            | Report::LogEnded
            | Report::KeepsPost { .. }
            | Report::MetricsServed { .. }
            | Report::Reloading { .. }
            | Report::Asked { .. }
            | Report::ParentOfNext { .. }
            | Report::ListenerPassed { .. }
            | Report::ListenerGivenUp { .. }
            | Report::Granted { .. }
            | Report::Adopted { .. }
            | Report::ServerStatus { .. }
            | Report::ServerReloading { .. }
            | Report::ServerStopping { .. }
            | Report::NoNewPrivileges { .. }
            | Report::Probation { .. }
            | Report::Serving { .. }
            | Report::Up { .. }
            | Report::Busy { .. }
            | Report::Replaced { .. }
            | Report::Draining(_)
            | Report::Gone { .. }
            | Report::ServerExited { .. }
            | Report::RestartIn { .. }
            | Report::Waiting { .. }
            | Report::StillWaiting(_)
            | Report::Resuming { .. }
            | Report::Stopping { .. }
            | Report::StoppingServers { .. }
            | Report::Terminated { .. }
            | Report::ArbiterAnswers { .. }
            | Report::NumbersOfArbiter
            | Report::MakesWay { .. }
            | Report::Holds { .. }
            | Report::ActingAs { .. }
            | Report::HangupIgnored => Level::Notice,
            Report::Claimed { .. }
            | Report::Passed { .. }
            | Report::DrainProgress(_)
            | Report::Linked
            | Report::LinkLost => Level::Detail,
        }
    }
}
