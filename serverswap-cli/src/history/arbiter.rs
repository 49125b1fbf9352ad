//! What only the arbiter knows: that a server is gone which had no supervisor and which nobody had asked to end, that a command was
//! killed in its deploy, and that the arbiter has changed. While there is no arbiter nobody sees a process end; the next one finds it gone.

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;

use serverswap::protocol::{Address, Generation};
use serverswap::sys::process::Process;

use super::entry::FOUND_GONE;
use super::record::{Record, What};
use super::writer::HistoryWriter;
use crate::state::{HolderRecord, Snapshot};
use crate::ui::Report;

/// The history of an arbiter; a clone is the same.
#[derive(Clone)]
pub(crate) struct ArbiterHistory {
    writer: HistoryWriter,
}

impl ArbiterHistory {
    /// Of one that begins with this state, in which these processes live.
    pub(crate) fn begin(directory: &Path, snapshot: &Snapshot, alive: &BTreeSet<Process>) -> ArbiterHistory {
        let writer = HistoryWriter::new(directory);
        for ((process, generation), addresses) in lost(snapshot, alive) {
            let reason = Some(FOUND_GONE.to_owned());
            writer.write(&Record { reason, ..crash(&writer, process, generation, addresses) });
        }
        let killed = snapshot
            .generations
            .iter()
            .filter(|(_, record)| record.supervisor.is_some_and(|supervisor| !alive.contains(&supervisor)));
        writer.write_killed(killed.map(|(generation, _)| *generation).collect());
        if !alive.is_empty() {
            writer.write(&Record { pid: Some(std::process::id()), ..writer.record(What::Arbiter) });
        }
        ArbiterHistory { writer }
    }

    /// A server is gone that served these and that nobody had asked to end.
    pub(crate) fn crashed(&self, process: Process, generation: Generation, addresses: BTreeSet<Address>) {
        self.writer.write(&crash(&self.writer, process, generation, addresses));
    }

    /// The process is gone that had started these: one that was killed has not written how its deploy went.
    pub(crate) fn supervisor_gone(&self, generations: Vec<Generation>) {
        self.writer.write_killed(generations);
    }

    /// Waits until it is written, for a while; what went wrong.
    pub(crate) async fn finish(&self) -> Option<Report> {
        self.writer.finish().await
    }
}

fn crash(
    writer: &HistoryWriter,
    process: Process,
    generation: Generation,
    addresses: BTreeSet<Address>,
) -> Record {
    let new = writer.record(What::Crash);
    Record { pid: Some(process.pid), generation: Some(generation), addresses, ..new }
}

/// The servers that served according to the state, had no supervisor that lives, and are gone.
fn lost(
    snapshot: &Snapshot,
    alive: &BTreeSet<Process>,
) -> BTreeMap<(Process, Generation), BTreeSet<Address>> {
    let mut lost: BTreeMap<_, BTreeSet<Address>> = BTreeMap::new();
    for (address, record) in &snapshot.addresses {
        for holder in
            record.holders.iter().filter(|holder| holder.serving && !alive.contains(&holder.process))
        {
            let is_other = |other: &&HolderRecord| {
                other.generation == holder.generation && alive.contains(&other.process)
            };
            let drains = record.draining.iter().any(|drain| drain.process == holder.process);
            let supervisor =
                snapshot.generations.get(&holder.generation).and_then(|record| record.supervisor);
            let is_only = !record.holders.iter().any(|other| is_other(&other));
            if is_only && !drains && supervisor.is_none_or(|supervisor| !alive.contains(&supervisor)) {
                lost.entry((holder.process, holder.generation)).or_default().insert(address.clone());
            }
        }
    }
    lost
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use serverswap::protocol::SocketMode;

    use super::*;
    use crate::state::AddressRecord;

    const SERVER: Process = Process { pid: 7, start: 70 };

    fn serving() -> Snapshot {
        let generation = Generation { start: 1, pid: 6 };
        let holder = HolderRecord::new(SERVER, generation, SocketMode::Inherit, true, Duration::ZERO);
        let record = AddressRecord { holders: vec![holder], ..AddressRecord::default() };
        let addresses = [(":1".parse().expect("valid"), record)].into();
        Snapshot { addresses, ..Snapshot::default() }
    }

    #[test]
    fn a_server_that_served_and_is_gone_was_lost_and_one_that_lives_was_not() {
        assert_eq!(lost(&serving(), &BTreeSet::new()).len(), 1);
        assert!(lost(&serving(), &[SERVER].into()).is_empty());
    }

    #[test]
    fn one_that_was_not_serving_yet_was_not_lost() {
        let mut snapshot = serving();
        for record in snapshot.addresses.values_mut() {
            record.holders[0].serving = false;
        }
        assert!(lost(&snapshot, &BTreeSet::new()).is_empty());
    }
}
