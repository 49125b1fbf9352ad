//! What one supervisor writes of its generation: its start, that it is up, how the deploy went, and what follows if it stays.
//!
//! Each is written once, whoever is the arbiter meanwhile. A supervisor that is killed writes nothing more: that its server is up was
//! written before, and whoever reads the history looks whether it lives.

use std::collections::BTreeSet;
use std::path::Path;

use serverswap::protocol::{Address, Generation};

use super::command::typed;
use super::record::{Record, What};
use super::who::Who;
use super::writer::HistoryWriter;
use crate::cli::Run;
use crate::supervisor::ServerExit;
use crate::ui::duration::millis;
use crate::ui::{ClaimStanding, Report, RunOutcome};

/// The history of one generation.
pub(crate) struct DeployHistory {
    writer: HistoryWriter,
    start: Record,
    progress: Progress,
    up: Written,
    pid: Option<u32>,
    served: BTreeSet<Address>,
    last_exit: Option<ServerExit>,
}

/// What was written of a generation.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Progress {
    Nothing,
    Started,
    Deployed,
}

/// Whether it was written that the generation is up.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Written {
    No,
    Yes,
}

impl DeployHistory {
    /// Nothing is written yet.
    pub(crate) fn new(run: &Run, who: Who, directory: &Path, generation: Generation) -> DeployHistory {
        let writer = HistoryWriter::new(directory);
        let resolved = |path: &str| Some(std::fs::canonicalize(path).ok()?.to_string_lossy().into_owned());
        let here = resolved(".");
        let command = std::iter::once(&run.command.program).chain(&run.command.arguments);
        let cwd = run.cwd.as_ref().and_then(|path| resolved(&path.to_string_lossy()));
        let start = Record {
            generation: Some(generation),
            command: command.map(|word| word.to_string_lossy().into_owned()).collect(),
            cwd: cwd.or_else(|| here.clone()),
            typed: typed(std::env::args_os(), &run.command, resolved),
            typed_in: here,
            who: Some(who),
            ..writer.record(What::Start)
        };
        let (progress, up, pid) = (Progress::Nothing, Written::No, None);
        DeployHistory { writer, start, progress, up, pid, served: BTreeSet::new(), last_exit: None }
    }

    /// What the supervisor reports.
    pub(crate) fn observe(&mut self, report: &Report) {
        if let Report::Started { pid, .. } = report {
            self.pid = Some(*pid);
            self.started();
        } else if let Report::Serving { address, .. } = report {
            self.served.insert(address.clone());
        } else if let Report::ServerExited { exit, .. } = report {
            self.last_exit = Some(*exit);
        } else if let Report::RestartIn { .. } = report {
            self.restarts("server_ended");
        } else if let Report::Resuming { .. } = report {
            self.restarts("newer_generation_failed");
        }
    }

    /// The arbiter says that the generation is up; it says so to each of its connections.
    pub(crate) fn up(&mut self) {
        if self.up == Written::No {
            self.up = Written::Yes;
            let record = Record { addresses: self.served.clone(), pid: self.pid, ..self.about(What::Up) };
            self.writer.write(&record);
        }
    }

    /// The deploy is over. The arbiter may say so again.
    pub(crate) fn deployed(&mut self, outcome: &RunOutcome) {
        if self.progress != Progress::Deployed {
            self.started();
            self.progress = Progress::Deployed;
            self.writer.write(&self.outcome(What::Deploy, outcome));
        }
    }

    /// The generation, or its supervisor's part in it, has ended.
    pub(crate) fn ended(&mut self, outcome: &RunOutcome) {
        if self.progress == Progress::Deployed {
            self.writer.write(&self.outcome(What::End, outcome));
        } else {
            self.deployed(outcome);
        }
    }

    /// Waits until it is written, for a while; what went wrong.
    pub(crate) async fn finish(&self) -> Option<Report> {
        self.writer.finish().await
    }

    fn started(&mut self) {
        if self.progress == Progress::Nothing {
            self.progress = Progress::Started;
            self.writer.write(&Record { at: self.writer.record(What::Start).at, ..self.start.clone() });
        }
    }

    fn restarts(&mut self, reason: &str) {
        let record = Record {
            addresses: self.served.clone(),
            pid: self.pid,
            reason: Some(reason.to_owned()),
            exit: self.last_exit.take(),
            ..self.about(What::Restart)
        };
        self.writer.write(&record);
    }

    fn about(&self, what: What) -> Record {
        Record { generation: self.start.generation, ..self.writer.record(what) }
    }

    fn outcome(&self, what: What, outcome: &RunOutcome) -> Record {
        let facts = &outcome.facts;
        let served = facts.addresses.iter().filter(|claim| claim.standing != ClaimStanding::Waiting);
        Record {
            addresses: served.map(|claim| claim.address.clone()).collect(),
            pid: facts.pid,
            outcome: Some(outcome.word().to_owned()),
            reason: Some(outcome.reason().to_owned()),
            status: Some(outcome.status()),
            exit: self.last_exit,
            duration_ms: Some(millis(facts.duration)),
            serving_ms: facts.addresses.iter().filter_map(|claim| claim.serving_after).max().map(millis),
            replaced: facts.replaced.clone(),
            cut_short: facts.cut_short.clone(),
            ..self.about(what)
        }
    }
}
