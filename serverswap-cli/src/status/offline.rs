//! What has become of an address since its last arbiter died: nobody has written it down.
//!
//! A server that was to let go may never have been told, and one that was granted an address has
//! bound it meanwhile. Which of them listens is seen in its descriptors. A name has no socket:
//! there the state's word is the last one.

use serverswap::protocol::{Address, SocketMode};
use serverswap::sys::listener;
use serverswap::sys::process::Process;

use crate::state::AddressRecord;

/// The record, with who serves as it is.
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
    use serverswap::protocol::Generation;

    use super::*;
    use crate::state::{DrainRecord, HolderRecord};

    const PROCESS: Process = Process { pid: 7, start: 70 };

    fn record(serving: bool, drains: bool) -> AddressRecord {
        let generation = Generation { start: 1, pid: 6 };
        let drain =
            DrainRecord { process: PROCESS, generation, since_micros: 2, until_micros: 3, connections: None };
        let holder = HolderRecord {
            process: PROCESS,
            generation,
            socket: SocketMode::Bind,
            serving,
            since_micros: 1,
            probation_until_micros: None,
        };
        let draining = if drains { vec![drain] } else { Vec::new() };
        AddressRecord { holders: vec![holder], supervisors: Vec::new(), draining }
    }

    #[test]
    fn who_was_never_told_to_let_go_and_listens_serves_on() {
        assert_eq!(corrected(&record(true, true), |_| true), record(true, false));
        assert_eq!(corrected(&record(true, true), |_| false), record(true, true));
    }

    #[test]
    fn who_has_bound_what_it_was_granted_serves() {
        assert_eq!(corrected(&record(false, false), |_| true), record(true, false));
        assert_eq!(corrected(&record(false, false), |_| false), record(false, false));
    }
}
