//! Notices that the address which a deploy takes over is somebody else's: the old holder runs another program.
//!
//! The state names the holders. That of an exclusive address ends before the new one is granted it, so it is looked at
//! when the claim is reported, and the new one when the grant is.

use std::collections::{BTreeMap, BTreeSet};

use serverswap::protocol::{Address, Generation};

use super::look::Look;
use crate::program::Program;
use crate::state::{self, AddressRecord, Directory};
use crate::ui::Report;

/// Most addresses of a generation that are compared: the others rarely have another holder.
const COMPARED_MAX: usize = 64;

/// The comparison of one generation with those that it replaces.
pub(super) struct OtherProgram {
    directory: Directory,
    generation: Generation,
    look: Look<BTreeMap<Address, Holders>>,
    /// Claimed or granted since the last look began.
    due: BTreeSet<Address>,
    /// What was found, until both are known.
    found: BTreeMap<Address, Holders>,
    /// The older servers that were compared.
    compared: BTreeSet<u32>,
}

/// The newest older holder of an address and the one of the generation.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
struct Holders {
    old: Option<(u32, Program)>,
    new: Option<Program>,
}

impl OtherProgram {
    pub(super) fn new(directory: Directory, generation: Generation) -> Self {
        let (look, due) = (Look::new(), BTreeSet::new());
        OtherProgram { directory, generation, look, due, found: BTreeMap::new(), compared: BTreeSet::new() }
    }

    /// The server of the generation has claimed an address, or was granted it.
    pub(super) fn takes(&mut self, address: &Address) {
        if self.found.contains_key(address) || self.found.len() < COMPARED_MAX {
            self.found.entry(address.clone()).or_default();
            self.due.insert(address.clone());
            self.start();
        }
    }

    /// Waits for the answer of a look, if one runs; what is to be reported. Nothing is lost when it is cancelled.
    pub(super) async fn found(&mut self) -> Vec<Report> {
        let seen = self.look.found().await;
        let reports = self.compare(seen);
        self.start();
        reports
    }

    fn start(&mut self) {
        if self.due.is_empty() {
            return;
        }
        let (directory, generation, due) = (self.directory.clone(), self.generation, self.due.clone());
        if self.look.start(move || holders(&directory, generation, &due)) {
            self.due.clear();
        }
    }

    fn compare(&mut self, seen: BTreeMap<Address, Holders>) -> Vec<Report> {
        let mut others: BTreeMap<u32, (Vec<Address>, Program, Program)> = BTreeMap::new();
        for (address, seen) in seen {
            let known = self.found.entry(address.clone()).or_default();
            known.old = known.old.take().or(seen.old);
            known.new = seen.new.or(known.new.take());
            if let (Some((pid, old)), Some(new)) = (&known.old, &known.new)
                && !self.compared.contains(pid)
                && old.is_another_than(new)
            {
                others.entry(*pid).or_insert((Vec::new(), old.clone(), new.clone())).0.push(address);
            }
        }
        self.compared.extend(others.keys());
        let report = |(pid, (addresses, old, new)): (u32, (Vec<Address>, Program, Program))| {
            Report::OtherProgram { addresses, pid, program: old.to_string(), replacement: new.to_string() }
        };
        others.into_iter().map(report).collect()
    }
}

fn holders(
    directory: &Directory,
    generation: Generation,
    due: &BTreeSet<Address>,
) -> BTreeMap<Address, Holders> {
    let addresses = state::read(&directory.state()).ok().flatten().map(|file| file.snapshot.addresses);
    let addresses = addresses.unwrap_or_default();
    let seen = |address: &Address| {
        let record = addresses.get(address);
        (address.clone(), record.map(|record| Holders::of(record, generation)).unwrap_or_default())
    };
    due.iter().map(seen).collect()
}

impl Holders {
    fn of(record: &AddressRecord, generation: Generation) -> Holders {
        let holders = record.holders.iter().map(|holder| (holder.generation, holder.process.pid));
        let draining = record.draining.iter().map(|drain| (drain.generation, drain.process.pid));
        let old = holders.clone().chain(draining).filter(|(older, _)| *older < generation).max();
        let new = holders.clone().filter(|(own, _)| *own == generation).max();
        Holders {
            old: old.and_then(|(_, pid)| Some((pid, Program::of(pid)?))),
            new: new.and_then(|(_, pid)| Program::of(pid)),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn program(name: &str) -> Program {
        Program::read(None, name.as_bytes()).expect("it has a name")
    }

    /// What is reported of claims that a generation makes while pid 7 runs `shop`, and of the grants to its own server.
    fn reports(replacement: &str) -> Vec<Vec<Report>> {
        let folder = tempfile::tempdir().expect("a temporary directory");
        let directory = Directory::prepare(&folder.path().join("run")).expect("made");
        let mut comparison = OtherProgram::new(directory, Generation { start: 2, pid: 2 });
        let both: [Address; 2] = ["a", "b"].map(|name| name.parse().expect("a name"));
        let mut sees = |old: Option<&str>, new: Option<&str>| {
            let holders = Holders { old: old.map(|old| (7, program(old))), new: new.map(program) };
            comparison.compare(both.iter().map(|address| (address.clone(), holders.clone())).collect())
        };
        vec![sees(Some("shop"), None), sees(None, Some(replacement)), sees(Some("shop"), Some(replacement))]
    }

    #[test]
    fn another_program_is_reported_once_with_all_its_addresses_when_both_are_known() {
        let reported = Report::OtherProgram {
            addresses: ["a", "b"].map(|name| name.parse().expect("a name")).into(),
            pid: 7,
            program: "shop".to_owned(),
            replacement: "blog".to_owned(),
        };
        assert_eq!(reports("blog"), [vec![], vec![reported], vec![]]);
    }

    #[test]
    fn another_version_is_not_reported() {
        assert_eq!(reports("shop-2"), [vec![], vec![], vec![]]);
    }
}
