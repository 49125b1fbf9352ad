//! One address: everything that is known about it, what is decided from that, and what follows.

pub(super) mod effects;
pub(super) mod handover;
pub(super) mod notices;
pub(super) mod state;

pub(super) use state::AddressState;
