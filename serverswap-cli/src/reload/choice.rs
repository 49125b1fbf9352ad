//! Which residents are asked: pure.

use std::collections::BTreeSet;

use serverswap::protocol::Address;

use crate::status::{AddressReport, StatusReport, SupervisedBy};

/// What is to be reloaded.
#[derive(Debug, Clone, Copy)]
pub(super) enum Wanted<'a> {
    /// What this unit runs, or everything.
    All {
        /// The main process of the unit, for a command of its `ExecReload=`.
        main: Option<u32>,
    },
    /// What serves these addresses.
    Only(&'a [Address]),
}

/// Who is asked.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Choice {
    /// These.
    Residents(BTreeSet<u32>),
    /// Nobody can be, for this address or for any.
    NoResident(Option<Address>),
}

pub(super) fn choose(
    report: &StatusReport,
    wanted: Wanted<'_>,
    is_askable: impl Fn(u32) -> bool,
    ancestors: impl Fn(u32) -> Vec<u32>,
) -> Choice {
    let outermost = |supervisor: u32| {
        let chain = std::iter::once(supervisor).chain(ancestors(supervisor));
        chain.filter(|pid| is_askable(*pid)).last()
    };
    let of =
        |address: &AddressReport| supervisors(address).into_iter().filter_map(outermost).collect::<Vec<_>>();
    match wanted {
        Wanted::All { main: Some(main) } if is_askable(main) => Choice::Residents([main].into()),
        Wanted::All { .. } => {
            let residents: BTreeSet<u32> = report.addresses.iter().flat_map(of).collect();
            if residents.is_empty() { Choice::NoResident(None) } else { Choice::Residents(residents) }
        }
        Wanted::Only(addresses) => {
            let mut residents = BTreeSet::new();
            for wanted in addresses {
                let found = report.addresses.iter().find(|found| found.address == *wanted).map(of);
                match found.filter(|found| !found.is_empty()) {
                    Some(found) => residents.extend(found),
                    None => return Choice::NoResident(Some(wanted.clone())),
                }
            }
            Choice::Residents(residents)
        }
    }
}

/// Of the servers that hold it, and those that start one again.
fn supervisors(address: &AddressReport) -> Vec<u32> {
    let of_holders = address.holders.iter().filter_map(|holder| match holder.supervisor {
        SupervisedBy::Pid(pid) => Some(pid),
        SupervisedBy::Nobody => None,
    });
    of_holders.chain(address.owners.iter().map(|owner| owner.pid)).collect()
}

#[cfg(test)]
mod tests;
