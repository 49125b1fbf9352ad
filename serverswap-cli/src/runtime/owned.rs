//! What a supervisor says in its `hello` that its generation owns.

use std::collections::BTreeMap;
use std::os::fd::OwnedFd;
use std::sync::Arc;

use serverswap::protocol::Address;
use serverswap::protocol::message::Holding;

/// What the supervisor's core says that its generation owns, and the duplicates it keeps.
pub(super) struct Owned<'a> {
    pub(super) holding: Vec<Holding>,
    pub(super) kept: &'a BTreeMap<Address, Arc<OwnedFd>>,
}

impl Owned<'_> {
    /// The names and descriptors that go with a line.
    pub(super) fn listeners(&self, holding: &[Holding]) -> (Vec<String>, Vec<Arc<OwnedFd>>) {
        holding
            .iter()
            .filter_map(|held| Some((held.address.to_string(), self.kept.get(&held.address)?.clone())))
            .unzip()
    }
}
