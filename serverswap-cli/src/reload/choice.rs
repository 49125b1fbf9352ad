//! Which residents are asked: pure.

use std::collections::{BTreeMap, BTreeSet};

use serverswap::protocol::{Address, Generation};

use crate::status::{AddressReport, Numbers, StatusReport};

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
    /// Those that have started these generations first.
    Residents(BTreeSet<Generation>),
    /// Nobody can be, for this address or for any.
    NoResident(Option<Address>),
}

/// `askable` are the residents that live, each with its number here; 0 in another pid namespace.
pub(super) fn choose(
    report: &StatusReport,
    wanted: Wanted<'_>,
    askable: &BTreeMap<Generation, u32>,
    ancestors: impl Fn(u32) -> Vec<u32>,
) -> Choice {
    let resident =
        |pid: u32| askable.iter().find(|(_, asked)| pid != 0 && **asked == pid).map(|(one, _)| *one);
    let outermost = |Supervisor { generation, pid }: Supervisor| {
        let pid = askable.get(&generation).copied().or(pid).unwrap_or_default();
        let above = if pid == 0 { Vec::new() } else { ancestors(pid) };
        let own = askable.contains_key(&generation).then_some(generation).or_else(|| resident(pid));
        own.into_iter().chain(above.into_iter().filter_map(resident)).last()
    };
    let of = |address: &AddressReport| -> Vec<Generation> {
        supervisors(address, report.numbers).into_iter().filter_map(outermost).collect()
    };
    match (wanted, report.numbers) {
        (Wanted::All { main: Some(main) }, _) if resident(main).is_some() => {
            Choice::Residents(resident(main).into_iter().collect())
        }
        (Wanted::All { .. }, numbers) => {
            let all = report.addresses.iter().flat_map(of);
            // Of several containers that share the directory, this one.
            let is_meant = |one: &Generation| numbers == Numbers::Own || askable.get(one) != Some(&0);
            let residents: BTreeSet<Generation> = all.filter(is_meant).collect();
            if residents.is_empty() { Choice::NoResident(None) } else { Choice::Residents(residents) }
        }
        (Wanted::Only(addresses), _) => {
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

/// Who has started a generation, with its number here if it has one.
struct Supervisor {
    generation: Generation,
    pid: Option<u32>,
}

/// Of the servers that hold it, and those that start one again.
fn supervisors(address: &AddressReport, numbers: Numbers) -> Vec<Supervisor> {
    let of = |generation: Generation, pid: u32| Supervisor {
        generation,
        pid: match numbers {
            Numbers::Own => Some(pid),
            Numbers::OfArbiter => None,
        },
    };
    let of_holders = address.holders.iter();
    let of_holders = of_holders.filter_map(|holder| Some(of(holder.generation, holder.supervisor.pid()?)));
    of_holders.chain(address.owners.iter().map(|owner| of(owner.generation, owner.pid))).collect()
}

#[cfg(test)]
mod tests;
