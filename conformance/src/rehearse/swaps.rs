//! The rehearsal itself: the first start, the load, the swaps, the end.

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;
use std::time::{Duration, Instant};

use rustix::process::Signal;
use serverswap_protocol::Address;
use serverswap_protocol::message::Form;
use tokio::time::sleep_until;

use super::findings::{Beside, Finding, Rehearsed, of_load};
use super::said::said;
use super::server::Language;
use super::status_poll::{Status, StatusPoll, SwapLog};
use super::swap_command::SwapCommand;
use super::{Rehearsal, RehearseError};
use crate::recording::complaints;
use crate::sandbox::{Exit, Remaining, Sandbox, SandboxError, Started};
use crate::swap_report::{Model, Zero, read_lifecycles};
use serverswap_load::{Load, LoadError, Phase, Plan, RequestKind, Slot, Tally, Target};

/// Good answers between two swaps, and how long they are waited for: a slow server gives fewer.
const ANSWERS_BETWEEN: u64 = 1_000;
const BETWEEN_MAX: Duration = Duration::from_secs(5);

/// How long a process of an older generation may take to end after the swap.
const LEAVING: Duration = Duration::from_secs(2);

/// One rehearsal under way.
pub(super) struct RehearsalRun<'a> {
    sandbox: &'a Sandbox,
    command: SwapCommand,
    rehearsal: &'a Rehearsal,
    status: StatusPoll,
    loads: Vec<Load>,
    /// Every process that was seen to hold an address, with its generation.
    served: BTreeMap<u32, String>,
    rehearsed: Rehearsed,
    began: Instant,
    load_began: Option<Zero>,
}

/// How the wait for a start or a swap ended.
enum WaitEnd {
    /// The new command exited.
    New(Exit),
    /// The replaced command exited.
    Old(Exit),
    /// Neither, for as long as one waits.
    TooLate,
}

impl<'a> RehearsalRun<'a> {
    pub(super) fn new(
        sandbox: &'a Sandbox,
        command: SwapCommand,
        rehearsal: &'a Rehearsal,
    ) -> RehearsalRun<'a> {
        let status = StatusPoll::new(&command.status_program, sandbox.runtime_dir());
        let rehearsed = Rehearsed {
            addresses: Vec::new(),
            asked: rehearsal.swaps,
            swaps: Vec::new(),
            tally: Tally::default(),
            language: Language::of_command(&command.server),
            speaks: command.speaks,
            findings: Vec::new(),
            model: None,
        };
        RehearsalRun {
            sandbox,
            command,
            rehearsal,
            status,
            loads: Vec::new(),
            served: BTreeMap::new(),
            rehearsed,
            began: Instant::now(),
            load_began: None,
        }
    }

    pub(super) async fn play(mut self) -> Result<Rehearsed, RehearseError> {
        let mut serving = self.start()?;
        if let Some(addresses) = self.first_start(&mut serving).await? {
            self.start_load(addresses)?;
            self.run_undisturbed().await?;
            let swapped = self.swaps(serving).await;
            for load in self.loads.drain(..) {
                self.rehearsed.tally.merge(load.stop());
            }
            let (number, serving) = swapped?;
            self.look_for_remains(serving.pid()).await?;
            self.finish(number, serving).await?;
            self.look_at_recording()?;
            self.put_together();
        }
        let mut findings = of_load(&self.rehearsed.tally);
        self.rehearsed.findings.append(&mut findings);
        Ok(self.rehearsed)
    }

    /// The addresses that are served then; `None` if it failed.
    async fn first_start(&mut self, started: &mut Started) -> Result<Option<Vec<Address>>, RehearseError> {
        let deadline = tokio::time::Instant::now() + self.rehearsal.limit;
        let first = match self.command.form {
            Form::Leave => tokio::select! {
                exit = started.exit_within(self.rehearsal.limit) => WaitEnd::of(exit, WaitEnd::New)?,
                () = sleep_until(deadline) => WaitEnd::TooLate,
            },
            Form::Stay => tokio::select! {
                exit = started.exit_within(self.rehearsal.limit) => WaitEnd::of(exit, WaitEnd::New)?,
                served = self.settled() => return served.map(Some),
                () = sleep_until(deadline) => WaitEnd::TooLate,
            },
        };
        match first {
            WaitEnd::New(Exit { status: 0, .. }) if self.command.form == Form::Leave => {
                Ok(Some(self.settled().await?))
            }
            ended @ (WaitEnd::New(_) | WaitEnd::Old(_) | WaitEnd::TooLate) => {
                self.failed(0, ended, started);
                Ok(None)
            }
        }
    }

    /// The addresses, as soon as each is served and two looks agree.
    async fn settled(&mut self) -> Result<Vec<Address>, RehearseError> {
        let mut before = None;
        loop {
            let status = self.status.look().await?;
            self.note_serving(&status);
            match status.served() {
                Some(addresses) if before.as_ref() == Some(&addresses) => return Ok(addresses),
                other => before = other,
            }
        }
    }

    fn note_serving(&mut self, status: &Status) {
        for (pid, generation) in status.serving() {
            let is_new = self.served.insert(pid, generation.to_owned()).is_none();
            let language = if is_new { Language::of_process(pid) } else { Language::Unknown };
            if language != Language::Unknown {
                self.rehearsed.language = language;
            }
        }
    }

    fn start_load(&mut self, served: Vec<Address>) -> Result<(), RehearseError> {
        let addresses = match &self.rehearsal.address {
            Some(address) => vec![address.clone()],
            None => served.iter().filter(|address| Target::try_from(*address).is_ok()).cloned().collect(),
        };
        if let (true, Some(first)) = (addresses.is_empty(), served.first()) {
            Target::try_from(first)?;
        }
        let zero = *self.load_began.insert(Zero::now());
        for address in &addresses {
            let mut plan = Plan::new(Target::try_from(address)?, clients());
            plan.request = RequestKind::http(&self.rehearsal.path);
            plan.duration_max = self.rehearsal.limit * (self.rehearsal.swaps + 1);
            plan.timeline_since = Some(zero.at);
            self.loads.push(Load::start(plan)?);
        }
        self.rehearsed.addresses = addresses;
        Ok(())
    }

    /// The number of the swap that serves in the end, and its command.
    async fn swaps(&mut self, first: Started) -> Result<(u32, Started), RehearseError> {
        let mut serving = first;
        for number in 1..=self.rehearsal.swaps {
            self.loads.iter().for_each(|load| load.enter(Phase::Swap));
            let mut new = self.start()?;
            let mut log = SwapLog::default();
            let ended = self.swapped(&mut new, &mut serving, &mut log).await?;
            self.loads.iter().for_each(|load| load.enter(Phase::Between));
            self.overran(number, log);
            if !ended.is_done(self.command.form) {
                self.swap_failed(number, ended, &mut new, &mut serving);
                return Ok((number - 1, serving));
            }
            self.rehearsed.swaps.push(new.began().elapsed());
            serving = new;
            let status = self.status.look().await?;
            self.note_serving(&status);
            self.run_undisturbed().await?;
        }
        Ok((self.rehearsal.swaps, serving))
    }

    async fn swapped(
        &mut self,
        new: &mut Started,
        old: &mut Started,
        log: &mut SwapLog,
    ) -> Result<WaitEnd, RehearseError> {
        let limit = self.rehearsal.limit;
        let old_exit = async {
            match self.command.form {
                Form::Stay => old.exit_within(limit).await,
                Form::Leave => std::future::pending().await,
            }
        };
        tokio::select! {
            exit = new.exit_within(limit) => WaitEnd::of(exit, WaitEnd::New),
            exit = old_exit => WaitEnd::of(exit, WaitEnd::Old),
            error = self.status.follow(self.sandbox, log) => Err(error),
        }
    }

    fn overran(&mut self, swap: u32, log: SwapLog) {
        let now = Instant::now();
        let SwapLog { deadlines, mut running, .. } = log;
        for (generation, _) in deadlines.into_iter().filter(|(_, deadline)| *deadline <= now) {
            let running = running.remove(&generation).unwrap_or_default();
            let served = self.served.iter().find(|(_, of)| **of == generation).map(|(pid, _)| *pid);
            let is_server = |process: &Beside| served.is_none_or(|server| process.pid == server);
            let pid = served.or(running.first().map(|process| process.pid)).unwrap_or_default();
            let beside = if running.iter().any(is_server) { Vec::new() } else { running };
            self.rehearsed.findings.push(Finding::Overran { swap, pid, beside });
        }
    }

    fn swap_failed(&mut self, number: u32, ended: WaitEnd, new: &mut Started, old: &mut Started) {
        match ended {
            WaitEnd::New(_) | WaitEnd::TooLate => self.failed(number, ended, new),
            WaitEnd::Old(exit) => {
                let finding = Finding::CommandFailed {
                    swap: number - 1,
                    status: exit.status,
                    said: said(old.stderr()),
                };
                self.rehearsed.findings.push(finding);
            }
        }
    }

    fn failed(&mut self, swap: u32, ended: WaitEnd, new: &mut Started) {
        let said = said(new.stderr());
        self.rehearsed.findings.push(match ended {
            WaitEnd::New(exit) | WaitEnd::Old(exit) => {
                Finding::DeployFailed { swap, status: exit.status, said }
            }
            WaitEnd::TooLate => Finding::NotInTime { swap, said },
        });
    }

    /// Some time under load without a swap.
    async fn run_undisturbed(&mut self) -> Result<(), RehearseError> {
        for load in &mut self.loads {
            match load.more_answers(ANSWERS_BETWEEN, BETWEEN_MAX).await {
                // A slow server, or one that answers nothing good: the tally says which.
                Ok(()) | Err(LoadError::TooLate { .. } | LoadError::Ended) => {}
                Err(error @ LoadError::Start(_)) => return Err(error.into()),
            }
        }
        Ok(())
    }

    /// What is left of older generations when they had time to end.
    async fn look_for_remains(&mut self, command: u32) -> Result<(), RehearseError> {
        let deadline = Instant::now() + LEAVING;
        loop {
            let status = self.status.look().await?;
            let serving = status.serving_generations();
            let left = left_behind(self.sandbox.remaining(), &serving, command, &self.served);
            if left.is_empty() || Instant::now() >= deadline {
                self.rehearsed.findings.extend(left);
                return Ok(());
            }
        }
    }

    /// Ends the last command; one that left has nothing to say any more.
    async fn finish(&mut self, number: u32, mut serving: Started) -> Result<(), RehearseError> {
        if self.command.form == Form::Leave {
            return Ok(());
        }
        serving.signal(Signal::TERM);
        match WaitEnd::of(serving.exit_within(self.rehearsal.limit).await, WaitEnd::Old)? {
            WaitEnd::Old(Exit { status: 0, .. }) => {}
            WaitEnd::Old(exit) | WaitEnd::New(exit) => {
                let said = said(serving.stderr());
                let finding = Finding::CommandFailed { swap: number, status: exit.status, said };
                self.rehearsed.findings.push(finding);
            }
            WaitEnd::TooLate => self.failed(number, WaitEnd::TooLate, &mut serving),
        }
        Ok(())
    }

    /// Unless the command records elsewhere. What has faults is kept.
    fn look_at_recording(&mut self) -> Result<(), RehearseError> {
        let recording = self.sandbox.recording();
        let said = if recording.is_file() { complaints(&recording) } else { Vec::new() };
        if !said.is_empty() {
            let kept = std::env::temp_dir().join(format!("serverswap-trace-{}.ndjson", std::process::id()));
            let io = |source| SandboxError::Io { what: "the recording cannot be kept".to_owned(), source };
            std::fs::copy(&recording, &kept).map_err(io)?;
            self.rehearsed.findings.push(Finding::Recorded { said, recording: kept });
        }
        Ok(())
    }

    fn put_together(&mut self) {
        let (Some(zero), Some(timeline)) = (self.load_began, &self.rehearsed.tally.timeline) else { return };
        let generations = read_lifecycles(&self.command.recording, zero, zero.at - self.began);
        self.rehearsed.model = Some(Model::new(timeline, &generations));
    }

    fn start(&self) -> Result<Started, RehearseError> {
        let (program, arguments) = self.command.words.split_first().expect("it has `serverswap` in it");
        let here = std::env::current_dir()
            .map_err(|source| SandboxError::Io { what: "no working directory".to_owned(), source })?;
        let command = self.sandbox.command(Path::new(program), arguments.iter().cloned());
        Ok(command.within(&here).start()?)
    }
}

impl WaitEnd {
    fn of(exit: Result<Exit, SandboxError>, who: fn(Exit) -> WaitEnd) -> Result<WaitEnd, RehearseError> {
        match exit {
            Ok(exit) => Ok(who(exit)),
            Err(SandboxError::TooLate { .. }) => Ok(WaitEnd::TooLate),
            Err(error) => Err(error.into()),
        }
    }

    fn is_done(&self, form: Form) -> bool {
        match (self, form) {
            (WaitEnd::New(exit), Form::Leave) | (WaitEnd::Old(exit), Form::Stay) => exit.status == 0,
            (WaitEnd::New(_), Form::Stay) | (WaitEnd::Old(_), Form::Leave) | (WaitEnd::TooLate, _) => false,
        }
    }
}

/// Clients that press, one that connects and is slow to speak, one that often is idle.
fn clients() -> Vec<Slot> {
    let mut slots = [[Slot::NEW; 2], [Slot::KEPT; 2]].concat();
    slots.extend([Slot::NEW, Slot::KEPT].map(|slot| slot.pausing(Duration::from_millis(20))));
    slots
}

/// What belongs neither to a generation that serves nor to the command that stays.
fn left_behind(
    remaining: Vec<Remaining>,
    serving: &BTreeSet<&str>,
    command: u32,
    served: &BTreeMap<u32, String>,
) -> Vec<Finding> {
    let belongs = |process: &Remaining| match process.variable("SERVERSWAP_GENERATION") {
        Some(generation) => serving.contains(generation.as_str()),
        None => process.group() == Some(command),
    };
    let left = remaining.into_iter().filter(|process| !belongs(process));
    let found = |process: Remaining| Finding::LeftBehind {
        pid: process.pid,
        served: served.contains_key(&process.pid),
        command: process.command,
    };
    left.map(found).collect()
}
