//! Which generations are to be stopped.
//!
//! Generations that have an address in common are one service: a new version, and the old one that still drains. Without an address
//! there must be one service only; with one, all of its service is meant.

use std::collections::BTreeSet;

use serverswap::protocol::{Address, Generation};

use super::Running;

/// What the command line asks for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Target {
    /// The one service of the directory.
    TheOnly,
    /// Whatever has one of these addresses.
    Addresses(Vec<Address>),
    /// Everything.
    Everything,
}

/// Why nothing is stopped.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum NotSelected {
    /// Nothing runs.
    Nothing,
    /// Nobody in the directory has this address.
    NotHeld(Address),
    /// There are several services, and it is not said which is meant.
    Several(Vec<Vec<Running>>),
}

/// What is to be stopped.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Selection {
    scope: Scope,
    /// Everything that was ever found to be meant.
    generations: BTreeSet<Generation>,
    /// The stop itself: what was started after it is not meant.
    before: Generation,
}

#[derive(Debug, Clone, PartialEq, Eq)]
enum Scope {
    Everything,
    Addresses(BTreeSet<Address>),
}

impl Selection {
    /// Of what runs now.
    ///
    /// # Errors
    /// [`NotSelected`]: nothing may be touched.
    pub(crate) fn of(running: &[Running], target: Target, before: Generation) -> Result<Self, NotSelected> {
        let older: Vec<&Running> = running.iter().filter(|one| one.generation < before).collect();
        let meant: Vec<Vec<&Running>> = match &target {
            Target::Everything | Target::TheOnly if older.is_empty() => return Err(NotSelected::Nothing),
            Target::Everything => vec![older],
            Target::TheOnly => match services(&older) {
                only if only.len() == 1 => only,
                several => {
                    let owned = |service: Vec<&Running>| service.into_iter().cloned().collect();
                    return Err(NotSelected::Several(several.into_iter().map(owned).collect()));
                }
            },
            Target::Addresses(addresses) => {
                let is_held = |address: &Address| older.iter().any(|one| one.addresses.contains(address));
                if let Some(unheld) = addresses.iter().find(|one| !is_held(one)) {
                    return Err(NotSelected::NotHeld(unheld.clone()));
                }
                let has_any = |service: &[&Running]| {
                    service.iter().any(|one| addresses.iter().any(|address| one.addresses.contains(address)))
                };
                services(&older).into_iter().filter(|service| has_any(service)).collect()
            }
        };
        let meant = meant.concat();
        let scope = match target {
            Target::Everything => Scope::Everything,
            Target::TheOnly | Target::Addresses(_) => {
                Scope::Addresses(meant.iter().flat_map(|one| one.addresses.clone()).collect())
            }
        };
        let generations = meant.iter().map(|one| one.generation).collect();
        Ok(Selection { scope, generations, before })
    }

    /// What of it runs now.
    pub(crate) fn of_running(&mut self, running: &[Running]) -> Vec<Running> {
        let is_meant = |one: &&Running| {
            let is_known = self.generations.contains(&one.generation);
            one.generation < self.before && (is_known || self.has_any_of(&one.addresses))
        };
        let meant: Vec<Running> = running.iter().filter(is_meant).cloned().collect();
        self.generations.extend(meant.iter().map(|one| one.generation));
        meant
    }

    /// Whether it was ever meant.
    pub(crate) fn contains(&self, generation: Generation) -> bool {
        self.generations.contains(&generation)
    }

    /// Those that are not meant and have one of the addresses: they were started later.
    pub(crate) fn later<'a>(&self, running: &'a [Running]) -> Vec<&'a Running> {
        let is_later = |one: &&Running| one.generation >= self.before && self.has_any_of(&one.addresses);
        running.iter().filter(is_later).collect()
    }

    fn has_any_of(&self, addresses: &BTreeSet<Address>) -> bool {
        match &self.scope {
            Scope::Everything => true,
            Scope::Addresses(wanted) => !wanted.is_disjoint(addresses),
        }
    }
}

/// Generations that have addresses in common, directly or through others.
fn services<'a>(running: &[&'a Running]) -> Vec<Vec<&'a Running>> {
    let mut services: Vec<(BTreeSet<&Address>, Vec<&Running>)> = Vec::new();
    for one in running {
        let mut joined = (one.addresses.iter().collect::<BTreeSet<_>>(), vec![*one]);
        let connected = services.extract_if(.., |(addresses, _)| !addresses.is_disjoint(&joined.0));
        for (addresses, generations) in connected.collect::<Vec<_>>() {
            joined.0.extend(addresses);
            joined.1.extend(generations);
        }
        services.push(joined);
    }
    services.into_iter().map(|(_, generations)| generations).collect()
}
