//! `serverswap events`: everything that has happened and, with `--follow`, what happens, as JSON lines for scripts.
//!
//! The lines of the history are as they were written. What the arbiter reports beside, drains and grants for example, is in lines of the
//! same form whose `what` is `event`; it is not kept.

use std::collections::{BTreeSet, HashSet};
use std::io;
use std::path::{Path, PathBuf};
use std::time::SystemTime;

use nix::errno::Errno;
use serverswap::protocol::Address;
use serverswap::protocol::message::Event;
use serverswap::sys::process;

use crate::cli::{Events, Extent};
use crate::history::{self, HistoryWatch, Record, What};
use crate::output::log_directory;
use crate::runtime::error_map;
use crate::runtime::events::{Followed, follow};
use crate::runtime_directory;
use crate::state::Directory;
use crate::sys::write::write_all;
use crate::ui::{Conclusion, Console, ResultFormat, SetupError, StillTrue, Summary, UNABLE};

/// Prints them and returns the exit status.
pub fn show(events: &Events) -> u8 {
    let console = Console::plain(ResultFormat::None);
    let path = runtime_directory::find(events.dir.as_deref());
    let mut printer = Printer::new(&path, events.address.clone());
    let printed = match events.extent {
        Extent::UntilNow => Ok(printer.print_written()),
        Extent::Follow => followed(&path, &mut printer, &console),
    };
    let conclusion = match printed {
        // A reader that closes early, such as `head`, is no failure.
        Ok(Err(error)) if error.raw_os_error() != Some(Errno::EPIPE as i32) => {
            console.failed(&not_printed(&error), UNABLE)
        }
        Ok(_) => Conclusion::silent(0),
        Err(error) => console.setup_failed(&error, StillTrue::NothingAsked),
    };
    console.finish(conclusion)
}

/// Until nobody reads any more.
fn followed(path: &Path, printer: &mut Printer, console: &Console) -> Result<io::Result<()>, SetupError> {
    let directory = Directory::prepare(path).map_err(error_map::directory)?;
    let mut folders: Vec<PathBuf> = log_directory::candidates_of(path);
    folders.push(path.to_owned());
    follow(&directory, &folders, |followed| match followed {
        Followed::Written => printer.print_written(),
        Followed::Linked(arbiter) => printer.print_linked(arbiter),
        Followed::Event(event) => printer.print(event),
        Followed::Told(report) => {
            console.report(&report);
            Ok(())
        }
    })
}

fn not_printed(error: &io::Error) -> Summary {
    Summary::Failure {
        error: format!("the events cannot be printed: {error}; no server was touched"),
        hint: "see where stdout goes".to_owned(),
    }
}

struct Printer {
    directory: PathBuf,
    boot: String,
    address: Option<Address>,
    watch: HistoryWatch,
    printed: HashSet<Vec<u8>>,
}

impl Printer {
    fn new(directory: &Path, address: Option<Address>) -> Printer {
        let boot = process::boot_id().unwrap_or_default();
        let watch = HistoryWatch::new(directory);
        Printer { directory: directory.to_owned(), boot, address, watch, printed: HashSet::new() }
    }

    /// What was written and not printed yet.
    fn print_written(&mut self) -> io::Result<()> {
        if !self.watch.has_changed() {
            return Ok(());
        }
        let mut lines = Vec::new();
        for (record, line) in history::read(&self.directory).lines() {
            if self.is_wanted(&record.addresses) && self.printed.insert(line.to_owned()) {
                lines.extend_from_slice(line);
                lines.push(b'\n');
            }
        }
        print(&lines)
    }

    fn print_linked(&self, arbiter: Option<u32>) -> io::Result<()> {
        print(&Record { pid: arbiter, ..self.record(What::Following) }.line())
    }

    fn print(&self, event: Event) -> io::Result<()> {
        let addresses = event.address.iter().cloned().collect();
        if !self.is_wanted(&addresses) {
            return Ok(());
        }
        let (new, generation, pid) = (self.record(What::Event), Some(event.generation), event.pid);
        print(&Record { generation, addresses, pid, event: Some(event), ..new }.line())
    }

    fn record(&self, what: What) -> Record {
        Record::new(what, &self.directory, &self.boot, SystemTime::now())
    }

    /// What is about no address concerns each of them.
    fn is_wanted(&self, addresses: &BTreeSet<Address>) -> bool {
        self.address.as_ref().is_none_or(|wanted| addresses.is_empty() || addresses.contains(wanted))
    }
}

fn print(lines: &[u8]) -> io::Result<()> {
    write_all(&io::stdout(), lines).map_err(io::Error::from)
}
