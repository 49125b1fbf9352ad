//! One line of the history, and back. Pure.
//!
//! A record of a later version is read for what is known of it: keys that are not known are passed over, and a kind that is not
//! known stays a word.

use std::collections::BTreeSet;
use std::path::Path;
use std::time::SystemTime;

use serde::{Deserialize, Serialize};
use serverswap::protocol::message::Event;
use serverswap::protocol::{Address, Generation};

use super::who::Who;
use crate::supervisor::ServerExit;
use crate::ui::CutShort;

/// The form of the records that this build writes.
pub(crate) const VERSION: u32 = 1;

/// Something that happened: one JSON object on a line.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
#[serde(rename_all = "camelCase")]
pub(crate) struct Record {
    /// The form of the record: 1. A later one may have other keys.
    pub(crate) v: u32,
    /// When it was written, in UTC, as RFC 3339.
    pub(crate) at: String,
    /// What happened.
    pub(crate) what: What,
    /// The runtime directory.
    pub(crate) directory: String,
    /// The boot; a generation and a process id mean something within one only.
    pub(crate) boot: String,
    /// The generation that it is about.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) generation: Option<Generation>,
    /// The addresses that it is about.
    #[serde(default, skip_serializing_if = "BTreeSet::is_empty")]
    pub(crate) addresses: BTreeSet<Address>,
    /// The server; `arbiter`: the process that is the arbiter from now on.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) pid: Option<u32>,
    /// `start`: the server's program and arguments.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub(crate) command: Vec<String>,
    /// `start`: the server's working directory, without symbolic links.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) cwd: Option<String>,
    /// `start`: what was typed; a working directory in it is what it was resolved to.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub(crate) typed: Vec<String>,
    /// `start`: where it was typed, without symbolic links.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) typed_in: Option<String>,
    /// `start` and `stop`: who did it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) who: Option<Who>,
    /// `deploy`, `end` and `stop`: how it went, as `outcome` of the object of `--json`; `killed`: its command was killed, and the
    /// arbiter has written that.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) outcome: Option<String>,
    /// Why, as `reason` of the object of `--json`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) reason: Option<String>,
    /// The exit status of the command that ends so.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) status: Option<u8>,
    /// How the server ended, if it did and its parent was there to see it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) exit: Option<ServerExit>,
    /// From the start of the command, in milliseconds.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) duration_ms: Option<u64>,
    /// From the start of the server until it served its last address, in milliseconds.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) serving_ms: Option<u64>,
    /// `deploy`: the servers that it replaced.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub(crate) replaced: Vec<u32>,
    /// The servers that did not finish everything.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub(crate) cut_short: Vec<CutShort>,
    /// `stop`: the generations that were stopped.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub(crate) generations: Vec<Generation>,
    /// `delayed`: how many of the records that follow were written later than they happened.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) records: Option<u64>,
    /// `event`: the event of the protocol.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) event: Option<Event>,
}

/// What a record is about. A kind that is not known is a later version's.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(test, derive(schemars::JsonSchema), schemars(extend("x-open" = true)))]
#[serde(rename_all = "camelCase")]
pub(crate) enum What {
    /// A command has started a server, the first of its generation.
    Start,
    /// The generation is up.
    Up,
    /// Its deploy is over: `outcome` says how.
    Deploy,
    /// A supervisor that stays starts its server again: it has ended, or a newer version has failed.
    Restart,
    /// A generation has ended, after its deploy; only of one whose supervisor stays.
    End,
    /// A server that was left alone is gone, and nobody had asked it to end.
    Crash,
    /// `serverswap stop` has stopped something.
    Stop,
    /// Another process is the arbiter of servers that run.
    Arbiter,
    /// From here on the events of the arbiter `pid` follow; such a line is printed only, by `serverswap events --follow`.
    Following,
    /// What the arbiter reports now, in `event`; such a line is printed only, by `serverswap events --follow`.
    Event,
    /// The records that follow could not be written when they happened: the disk was full.
    Delayed,
    /// A kind from the future.
    #[serde(untagged)]
    Other(String),
}

/// What a line of the history is.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Line {
    Record(Box<Record>),
    /// Of a later version, and not even its common keys can be read.
    Newer,
    /// Cut off, or not ours.
    Unreadable,
}

impl Record {
    /// A record of this moment without particulars.
    pub(crate) fn new(what: What, directory: &Path, boot: &str, now: SystemTime) -> Record {
        Record {
            v: VERSION,
            at: humantime::format_rfc3339_millis(now).to_string(),
            what,
            directory: directory.to_string_lossy().into_owned(),
            boot: boot.to_owned(),
            generation: None,
            addresses: BTreeSet::new(),
            pid: None,
            command: Vec::new(),
            cwd: None,
            typed: Vec::new(),
            typed_in: None,
            who: None,
            outcome: None,
            reason: None,
            status: None,
            exit: None,
            duration_ms: None,
            serving_ms: None,
            replaced: Vec::new(),
            cut_short: Vec::new(),
            generations: Vec::new(),
            records: None,
            event: None,
        }
    }

    /// The line, with its line feed.
    pub(crate) fn line(&self) -> Vec<u8> {
        let mut line = serde_json::to_vec(self).unwrap_or_default();
        line.push(b'\n');
        line
    }

    /// How many connections were closed unfinished, as far as that is known: those that servers have reported, or that were open
    /// when one was signalled.
    pub(crate) fn cut(&self) -> u64 {
        self.cut_short.iter().map(CutShort::connections_cut).sum()
    }
}

impl Line {
    pub(crate) fn read(line: &[u8]) -> Line {
        #[derive(Deserialize)]
        struct Version {
            v: u32,
        }
        match serde_json::from_slice::<Record>(line) {
            Ok(record) => Line::Record(Box::new(record)),
            Err(_) => match serde_json::from_slice::<Version>(line) {
                Ok(Version { v }) if v > VERSION => Line::Newer,
                Ok(_) | Err(_) => Line::Unreadable,
            },
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn record() -> Record {
        let new = Record::new(What::Deploy, Path::new("/run/x"), "boot", SystemTime::UNIX_EPOCH);
        Record {
            generation: Some(Generation { start: 7, pid: 8 }),
            outcome: Some("done".to_owned()),
            exit: Some(ServerExit::Status(3)),
            cut_short: vec![CutShort { pid: 9, cut: Some(2), signal: None, connections: None }],
            ..new
        }
    }

    #[test]
    fn a_record_is_read_as_it_was_written_on_one_line() {
        let line = record().line();
        assert_eq!(line.iter().filter(|byte| **byte == b'\n').count(), 1);
        assert_eq!(Line::read(&line), Line::Record(Box::new(record())));
        assert_eq!(record().cut(), 2);
    }

    #[test]
    fn half_a_line_is_unreadable() {
        let line = record().line();
        assert_eq!(Line::read(&line[..line.len() / 2]), Line::Unreadable);
    }

    #[test]
    fn of_a_later_version_what_is_known_is_read_and_what_is_not_is_counted() {
        let later =
            br#"{"v":2,"at":"2030-01-01T00:00:00.000Z","what":"moved","directory":"/d","boot":"b","to":{}}"#;
        let Line::Record(read) = Line::read(later) else { panic!("its keys are ours") };
        assert_eq!((read.v, &read.what), (2, &What::Other("moved".to_owned())));
        assert_eq!(Line::read(br#"{"v":3,"at":{"seconds":1}}"#), Line::Newer);
    }

    #[test]
    fn the_published_schema_is_that_of_the_record() {
        let schema = schemars::schema_for!(Record);
        let text = serde_json::to_string_pretty(&schema).expect("it is JSON") + "\n";
        let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../docs/history.schema.json");
        if std::env::var_os("UPDATE_SNAPSHOTS").is_some() {
            std::fs::write(&path, &text).expect("written");
        }
        let published = std::fs::read_to_string(&path).unwrap_or_default();
        assert_eq!(text, published, "{} is stale; UPDATE_SNAPSHOTS=1 rewrites it", path.display());
    }
}
