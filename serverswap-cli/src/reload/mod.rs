//! `serverswap reload`: asks residents for their next generation, and waits until that deploy is over.
//!
//! A resident is asked at a socket of its own, which has nothing to do with the arbiter. Its next generation is a
//! supervisor in a child of it, which may be asked as well: the one to ask is the outermost.

mod choice;

use std::collections::BTreeMap;
use std::io::{self, BufRead, BufReader, Write};
use std::os::unix::net::UnixStream;
use std::path::{Path, PathBuf};

use serverswap::protocol::Generation;
use serverswap::sys::peer::credentials;
use serverswap::sys::process::{self, Process};

use self::choice::{Choice, Wanted, choose};
use crate::cli::{Reload, environment};
use crate::runtime::{RELOAD_REQUEST, remove_if_abandoned};
use crate::runtime_directory;
use crate::state::Directory;
use crate::status::collect;
use crate::ui::{Console, DeployResult, Report, SetupError, StillTrue};

/// Asks, waits, prints each result, and returns the first exit status that is not 0.
pub fn show(reload: &Reload) -> u8 {
    let console = Console::plain(reload.result);
    let directory = runtime_directory::find(reload.dir.as_deref());
    match residents(reload, &directory, &console) {
        Ok(residents) => reload_all(residents, &console),
        Err(error) => console.finish(console.setup_failed(&error, StillTrue::NothingAsked)),
    }
}

/// A resident that lives.
struct Askable {
    /// Its number here; 0 in another pid namespace.
    pid: u32,
    stream: UnixStream,
}

fn residents(reload: &Reload, directory: &Path, console: &Console) -> Result<Vec<Askable>, SetupError> {
    let mut askable = askable(directory);
    if Directory::check(directory).is_ok_and(|directory| directory.is_of_another()) {
        return own(reload, directory, askable);
    }
    let report = collect(directory, |report| console.report(&report))?;
    let pids = askable.iter().map(|(generation, resident)| (*generation, resident.pid)).collect();
    let main = std::env::var(environment::MAINPID).ok().and_then(|pid| pid.parse().ok());
    let wanted =
        if reload.addresses.is_empty() { Wanted::All { main } } else { Wanted::Only(&reload.addresses) };
    match choose(&report, wanted, &pids, ancestors) {
        Choice::Residents(chosen) => {
            Ok(chosen.iter().filter_map(|generation| askable.remove(generation)).collect())
        }
        Choice::NoResident(address) => {
            Err(SetupError::NoResident { directory: directory.to_owned(), address })
        }
    }
}

/// Who cannot read the state asks what runs in this container.
fn own(
    reload: &Reload,
    directory: &Path,
    askable: BTreeMap<Generation, Askable>,
) -> Result<Vec<Askable>, SetupError> {
    if !reload.addresses.is_empty() {
        return Err(SetupError::NotSeenFromHere { directory: directory.to_owned() });
    }
    let pids: Vec<u32> = askable.values().map(|resident| resident.pid).filter(|pid| *pid != 0).collect();
    let is_outermost =
        |one: &Askable| one.pid != 0 && !ancestors(one.pid).iter().any(|ancestor| pids.contains(ancestor));
    let own: Vec<Askable> = askable.into_values().filter(is_outermost).collect();
    if own.is_empty() {
        return Err(SetupError::NoResident { directory: directory.to_owned(), address: None });
    }
    Ok(own)
}

/// The residents that live, by the generation that each has started first.
fn askable(directory: &Path) -> BTreeMap<Generation, Askable> {
    let sockets = Directory::reload_sockets(directory).into_iter();
    let connect = |path: PathBuf| {
        let stream = UnixStream::connect(&path).inspect_err(|_| remove_if_abandoned(&path)).ok()?;
        let pid = credentials(&stream).ok()?.pid;
        Some(Askable { pid, stream })
    };
    sockets.filter_map(|(generation, path)| Some((generation, connect(path)?))).collect()
}

fn ancestors(pid: u32) -> Vec<u32> {
    let ancestors = Process::of(pid).map(process::ancestors).into_iter().flatten();
    ancestors.map(|ancestor| ancestor.pid).collect()
}

fn reload_all(residents: Vec<Askable>, console: &Console) -> u8 {
    let mut asked = Vec::new();
    for Askable { pid, mut stream } in residents {
        // One that has ended just now gives no result, which is reported below.
        if stream.write_all(RELOAD_REQUEST).is_ok() {
            console.report(&Report::Asked { pid });
        }
        asked.push((pid, stream));
    }
    let results = asked.into_iter().map(|(pid, resident)| {
        let no_result = || DeployResult::unable(&SetupError::NoResult { pid }, StillTrue::NotKnown);
        read(resident).ok().flatten().unwrap_or_else(no_result)
    });
    let statuses = results.map(|DeployResult { status, summary, object }| {
        console.finish(console.concluded(&summary, status, |_| object))
    });
    statuses.fold(0, |first, status| if first == 0 { status } else { first })
}

fn read(resident: UnixStream) -> io::Result<Option<DeployResult>> {
    let mut line = Vec::new();
    BufReader::new(resident).read_until(b'\n', &mut line)?;
    Ok(DeployResult::parse(&line))
}
