//! Whose the stored listeners are.

use std::collections::{BTreeMap, BTreeSet};

use serverswap::protocol::Address;

/// Every listener that this process has for its service manager, or from it.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct StoreTable(BTreeMap<Address, Entry>);

#[derive(Debug, Clone, PartialEq, Eq)]
struct Entry {
    origin: Origin,
    /// The supervisors that keep it, by their pids.
    keepers: BTreeSet<u32>,
}

/// Where a service manager has a listener from.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Origin {
    /// From us: it is in its store.
    Store,
    /// It has opened it: the name of the `.socket` unit, or what that calls it.
    Unit(String),
}

impl StoreTable {
    /// The service manager has passed it. Returns whether it is the first of its address.
    pub(crate) fn passed(&mut self, address: &Address, origin: Origin) -> bool {
        let is_first = !self.0.contains_key(address);
        self.0.entry(address.clone()).or_insert(Entry { origin, keepers: BTreeSet::new() });
        is_first
    }

    /// A supervisor keeps it. Returns whether it is to be stored: it is new.
    pub(crate) fn keeps(&mut self, address: &Address, keeper: u32) -> bool {
        let is_new = !self.0.contains_key(address);
        let entry = Entry { origin: Origin::Store, keepers: BTreeSet::new() };
        self.0.entry(address.clone()).or_insert(entry).keepers.insert(keeper);
        is_new
    }

    /// A supervisor has closed its duplicate.
    pub(crate) fn closes(&mut self, address: &Address, keeper: u32) {
        if let Some(entry) = self.0.get_mut(address) {
            entry.keepers.remove(&keeper);
        }
    }

    /// A supervisor has ended: what it kept may be served.
    pub(crate) fn ended(&mut self, keeper: u32) {
        for entry in self.0.values_mut() {
            entry.keepers.remove(&keeper);
        }
    }

    /// What nobody of ours keeps: it is given up unless somebody has it.
    pub(crate) fn unkept(&self) -> Vec<(Address, Origin)> {
        let unkept = self.0.iter().filter(|(_, entry)| entry.keepers.is_empty());
        unkept.map(|(address, entry)| (address.clone(), entry.origin.clone())).collect()
    }

    /// Nobody has it any more: it is in the way of an overlapping one.
    pub(crate) fn stored_in_the_way_of(&self, wanted: &Address) -> Vec<Address> {
        let is_in_the_way = |address: &&Address| address.overlaps(wanted);
        let stored = self.0.iter().filter(|(_, entry)| entry.origin == Origin::Store);
        stored.map(|(address, _)| address).filter(is_in_the_way).cloned().collect()
    }

    /// The name of the `.socket` unit that has this address, or one that keeps it from being bound.
    pub(crate) fn unit_in_the_way_of(&self, wanted: &Address) -> Option<(&Address, &str)> {
        self.0.iter().find_map(|(address, entry)| match &entry.origin {
            Origin::Unit(name) if address == wanted || address.overlaps(wanted) => {
                Some((address, name.as_str()))
            }
            Origin::Unit(_) | Origin::Store => None,
        })
    }

    /// Where it is from, if it is there.
    pub(crate) fn origin(&self, address: &Address) -> Option<&Origin> {
        self.0.get(address).map(|entry| &entry.origin)
    }

    pub(crate) fn give_up(&mut self, address: &Address) {
        self.0.remove(address);
    }

    /// How many the service manager was asked to keep.
    pub(crate) fn stored(&self) -> usize {
        self.0.values().filter(|entry| entry.origin == Origin::Store).count()
    }

    pub(crate) fn addresses(&self) -> impl Iterator<Item = (&Address, &Origin)> {
        self.0.iter().map(|(address, entry)| (address, &entry.origin))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const OLD: u32 = 10;
    const NEW: u32 = 20;

    fn address(text: &str) -> Address {
        text.parse().expect("an address")
    }

    fn unkept(table: &StoreTable) -> Vec<String> {
        table.unkept().into_iter().map(|(address, _)| address.to_string()).collect()
    }

    #[test]
    fn what_is_kept_is_stored_once_and_by_whoever_keeps_it() {
        let mut table = StoreTable::default();
        assert!(table.keeps(&address(":8080"), OLD));
        assert!(!table.keeps(&address(":8080"), NEW), "it is the same listener");
        table.closes(&address(":8080"), OLD);
        assert_eq!(unkept(&table), [""; 0]);
        table.closes(&address(":8080"), NEW);
        assert_eq!(unkept(&table), [":8080"]);
    }

    #[test]
    fn what_was_passed_is_nobodys_until_it_is_kept_and_is_not_stored_again() {
        let mut table = StoreTable::default();
        assert!(table.passed(&address(":8080"), Origin::Store));
        assert!(!table.passed(&address(":8080"), Origin::Store), "a second one is not used");
        assert_eq!(unkept(&table), [":8080"]);
        assert!(!table.keeps(&address(":8080"), OLD));
        assert_eq!(unkept(&table), [""; 0]);
    }

    #[test]
    fn what_a_supervisor_kept_that_was_killed_is_looked_at_again() {
        let mut table = StoreTable::default();
        table.keeps(&address(":8080"), OLD);
        table.ended(OLD);
        assert_eq!(unkept(&table), [":8080"]);
        table.give_up(&address(":8080"));
        assert_eq!(table, StoreTable::default());
    }

    #[test]
    fn a_stored_listener_can_be_in_the_way_and_one_of_a_unit_is_named() {
        let mut table = StoreTable::default();
        table.passed(&address(":8080"), Origin::Store);
        table.passed(&address("0.0.0.0:9090"), Origin::Unit("shop.socket".to_owned()));
        assert_eq!(table.stored_in_the_way_of(&address("127.0.0.1:8080")), [address(":8080")]);
        assert_eq!(table.stored_in_the_way_of(&address("127.0.0.1:9090")), []);
        assert_eq!(table.stored_in_the_way_of(&address(":8080")), [], "it is the same address");
        let unit = Some((&address("0.0.0.0:9090"), "shop.socket"));
        assert_eq!(table.unit_in_the_way_of(&address(":9090")), unit);
        assert_eq!(table.unit_in_the_way_of(&address(":8080")), None);
    }
}
