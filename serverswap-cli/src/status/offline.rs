//! What has become of an address since its last arbiter ended, which no state file has.
//!
//! A server that had to release the address may never have received the takedown, and one that was
//! granted it may have bound it. Which of them listens is seen in its descriptors. A name has no
//! socket: there the state file is all that is known.

use serverswap::protocol::{Address, SocketMode};
use serverswap::sys::listener;
use serverswap::sys::process::Process;

use crate::state::AddressRecord;

/// The record, corrected by which process listens.
pub(super) fn as_it_is(address: &Address, record: &AddressRecord) -> AddressRecord {
    corrected(record, |process| listens(process, address))
}

fn corrected(record: &AddressRecord, listens: impl Fn(Process) -> bool) -> AddressRecord {
    let mut record = record.clone();
    let holders: Vec<Process> = record.holders.iter().map(|holder| holder.process).collect();
    record.draining.retain(|drain| !(holders.contains(&drain.process) && listens(drain.process)));
    for holder in &mut record.holders {
        // An inherited listener is there from the grant on, whether or not it is accepted from.
        holder.serving |= holder.socket == SocketMode::Bind && listens(holder.process);
    }
    record
}

fn listens(process: Process, address: &Address) -> bool {
    let Ok(Some(pidfd)) = process.pidfd() else {
        return false;
    };
    listener::duplicate(process, pidfd, address).is_ok_and(|found| found.is_some())
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use serverswap::protocol::Generation;

    use super::*;
    use crate::state::{DrainRecord, HolderRecord};

    const PROCESS: Process = Process { pid: 7, start: 70 };

    fn record(serving: bool, drains: bool) -> AddressRecord {
        let generation = Generation { start: 1, pid: 6 };
        let drain =
            DrainRecord::new(PROCESS, generation, Duration::from_micros(2), Duration::from_micros(3), None);
        let since = Duration::from_micros(1);
        let holder = HolderRecord::new(PROCESS, generation, SocketMode::Bind, serving, since);
        let draining = if drains { vec![drain] } else { Vec::new() };
        AddressRecord { holders: vec![holder], draining, ..AddressRecord::default() }
    }

    #[test]
    fn a_server_that_never_received_its_takedown_and_listens_still_serves() {
        assert_eq!(corrected(&record(true, true), |_| true), record(true, false));
        assert_eq!(corrected(&record(true, true), |_| false), record(true, true));
    }

    #[test]
    fn a_server_that_has_bound_what_it_was_granted_serves() {
        assert_eq!(corrected(&record(false, false), |_| true), record(true, false));
        assert_eq!(corrected(&record(false, false), |_| false), record(false, false));
    }
}
