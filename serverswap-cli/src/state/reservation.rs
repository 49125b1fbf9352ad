//! For which pid namespace the lock of a directory is reserved.
//!
//! The arbiter has to see everybody: it knows a process by its number. Where containers share a directory, each sees its own
//! processes only, and an arbiter in one of them would refuse all others. So who sees further than they do writes into the
//! lock which pid namespace that is, and a supervisor in another one leaves the lock alone, also while nobody has it. In a
//! directory of which only one container ever knew, nothing is written, and every supervisor may have the lock.
//!
//! What `serverswap hold` has written stands also after a reboot: containers may be started before it then.

use std::collections::BTreeSet;
use std::fs::File;
use std::io;
use std::os::unix::fs::FileExt;

use serde::{Deserialize, Serialize};
use serverswap::sys::process::{self, OUTERMOST_PID_NAMESPACE};

/// Longest text, in bytes; what is longer is none.
const TEXT_BYTES_MAX: usize = 65_536;

/// Who would take the lock.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Candidate {
    /// `serverswap hold`: whoever started it says that this is the place.
    Holder,
    /// Any other process.
    Supervisor,
}

/// Who has reserved it; the first of the two goes before the other.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub enum ReservedBy {
    /// `serverswap hold`.
    Hold,
    /// An arbiter that has seen a supervisor in an inner pid namespace.
    Arbiter,
}

/// A pid namespace, as the kernel numbers those of one boot.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct PidNamespace {
    boot: String,
    pid_namespace: u64,
}

/// What is written in the lock.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Reservation {
    #[serde(rename = "reservedBy")]
    by: ReservedBy,
    #[serde(flatten)]
    namespace: PidNamespace,
    /// The users that the holder lets take part.
    #[serde(default, skip_serializing_if = "BTreeSet::is_empty")]
    users: BTreeSet<u32>,
}

impl PidNamespace {
    /// That of this process.
    ///
    /// # Errors
    /// `/proc` is not mounted.
    pub fn own() -> io::Result<Self> {
        Ok(PidNamespace { boot: process::boot_id()?, pid_namespace: process::pid_namespace()? })
    }

    fn is_outermost(&self) -> bool {
        self.pid_namespace == OUTERMOST_PID_NAMESPACE
    }
}

impl Reservation {
    /// That of this process.
    ///
    /// # Errors
    /// `/proc` is not mounted.
    pub fn new(by: ReservedBy) -> io::Result<Self> {
        Ok(Reservation { by, namespace: PidNamespace::own()?, users: BTreeSet::new() })
    }

    /// Who may take part besides the user of the directory.
    pub(super) fn users(&self) -> &BTreeSet<u32> {
        &self.users
    }

    /// Whether a process in this pid namespace may have the lock.
    pub fn admits(&self, candidate: Candidate, own: &PidNamespace) -> bool {
        let is_of_this_boot = self.namespace.boot == own.boot;
        let sees_as_far = own.is_outermost() || self.namespace == *own;
        match candidate {
            Candidate::Holder => sees_as_far || !(is_of_this_boot && self.namespace.is_outermost()),
            Candidate::Supervisor => sees_as_far || (self.by == ReservedBy::Arbiter && !is_of_this_boot),
        }
    }

    /// What is written in a lock.
    ///
    /// # Errors
    /// It cannot be read.
    pub(super) fn read(lock: &File) -> io::Result<Option<Self>> {
        let mut text = [0; TEXT_BYTES_MAX];
        let length = lock.read_at(&mut text, 0)?;
        Ok(serde_json::from_slice(&text[..length]).ok())
    }

    /// Writes it with these users.
    ///
    /// # Errors
    /// It cannot be written.
    pub(super) fn write_for(&self, users: BTreeSet<u32>, lock: &File) -> io::Result<()> {
        let text = serde_json::to_vec(&Reservation { users, ..self.clone() })?;
        lock.write_all_at(&text, 0)?;
        lock.set_len(text.len() as u64)
    }

    /// Writes it, unless what is written lets the same processes have the lock. The users stay.
    ///
    /// # Errors
    /// It cannot be written.
    pub(super) fn write(&self, lock: &File) -> io::Result<()> {
        match Reservation::read(lock)? {
            Some(written) if written.namespace == self.namespace && written.by <= self.by => Ok(()),
            written => self.write_for(written.map(|written| written.users).unwrap_or_default(), lock),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const OUTER: u64 = OUTERMOST_PID_NAMESPACE;

    fn namespace(boot: &str, pid_namespace: u64) -> PidNamespace {
        PidNamespace { boot: boot.to_owned(), pid_namespace }
    }

    fn admits(by: ReservedBy, of: u64, candidate: Candidate, own: u64, boot: &str) -> bool {
        Reservation { by, namespace: namespace("this", of), users: BTreeSet::new() }
            .admits(candidate, &namespace(boot, own))
    }

    #[test]
    fn a_supervisor_leaves_the_lock_to_a_pid_namespace_that_sees_further() {
        for by in [ReservedBy::Hold, ReservedBy::Arbiter] {
            assert!(!admits(by, OUTER, Candidate::Supervisor, 7, "this"));
            assert!(!admits(by, 8, Candidate::Supervisor, 7, "this"));
            assert!(admits(by, 7, Candidate::Supervisor, 7, "this"));
            assert!(admits(by, 7, Candidate::Supervisor, OUTER, "this"), "it sees everybody");
        }
    }

    #[test]
    fn after_a_reboot_a_directory_is_still_that_of_a_holder_and_of_no_arbiter_that_was() {
        assert!(!admits(ReservedBy::Hold, OUTER, Candidate::Supervisor, 7, "next"));
        assert!(!admits(ReservedBy::Hold, 7, Candidate::Supervisor, 7, "next"), "the number is another's");
        assert!(admits(ReservedBy::Arbiter, OUTER, Candidate::Supervisor, 7, "next"));
    }

    #[test]
    fn a_holder_has_the_lock_wherever_it_is_started_unless_one_of_this_boot_sees_everybody() {
        assert!(admits(ReservedBy::Hold, 8, Candidate::Holder, 7, "this"));
        assert!(admits(ReservedBy::Hold, 7, Candidate::Holder, OUTER, "this"));
        assert!(!admits(ReservedBy::Hold, OUTER, Candidate::Holder, 7, "this"));
        assert!(admits(ReservedBy::Hold, OUTER, Candidate::Holder, 7, "next"));
    }

    #[test]
    fn a_holder_writes_over_an_arbiter_and_not_the_other_way_round() {
        let lock = tempfile::tempfile().expect("a file");
        assert_eq!(Reservation::read(&lock).expect("readable"), None);
        let [by_arbiter, by_hold] = [ReservedBy::Arbiter, ReservedBy::Hold].map(|by| Reservation {
            by,
            namespace: namespace("this", OUTER),
            users: BTreeSet::new(),
        });
        for (written, found) in [(&by_arbiter, &by_arbiter), (&by_hold, &by_hold), (&by_arbiter, &by_hold)] {
            written.write(&lock).expect("writable");
            assert_eq!(Reservation::read(&lock).expect("readable").as_ref(), Some(found));
        }
        by_hold.write_for([7].into(), &lock).expect("writable");
        by_arbiter.write(&lock).expect("writable");
        let found = Reservation::read(&lock).expect("readable").expect("written");
        assert_eq!(found.users(), &[7].into(), "whoever may take part stays");
        lock.write_all_at(b"?", 0).expect("writable");
        assert_eq!(Reservation::read(&lock).expect("readable"), None, "what makes no sense is none");
    }
}
