//! One address of the generation: what it is to the generation, and what changes that.
//!
//! Deliberately no decision in here about what a supervisor does: the states of the life cycle
//! ask, this answers.
//!
//! The arbiter reports two kinds of things. Its *status* of the address is about the generation,
//! whichever server of it has the address, and is sent again on every connection:
//!
//! | state         | `granted` | `probation` | `serving` | `busy`      | `vacant`   | `replaced` |
//! | ------------- | --------- | ----------- | --------- | ----------- | ---------- | ---------- |
//! | Unclaimed     | Granted   | Probation   | Serving   |             |            |            |
//! | Claimed       | Granted   | Probation   | Serving   |             |            | Superseded |
//! | Granted       |           | Probation   | Serving   | HandedOver+ | Unclaimed  | Overtaken  |
//! | Probation     | Granted   |             | Serving   | RolledBack  | RolledBack | Overtaken  |
//! | RolledBack    | Granted   | Probation   | Serving   |             |            | Overtaken  |
//! | Overtaken     | Granted   | Probation   | Serving   |             |            |            |
//! | Superseded    | Granted   | Probation   | Serving   |             |            |            |
//! | Failed        | Granted   | Probation   | Serving   |             |            |            |
//! | Serving       | Regranted | Regranted   |           | HandedOver+ | Vacant     | Replaced+  |
//! | Reclaimed     | Regranted | Regranted   | Serving   | HandedOver  |            | Replaced+  |
//! | Regranted     |           |             | Serving   | HandedOver+ | Vacant     | Replaced+  |
//! | ReclaimFailed | Regranted | Regranted   | Serving   | HandedOver  |            | Replaced   |
//! | HandedOver    | Regranted | Regranted   | Serving   |             | Vacant     | Replaced   |
//! | HandedOver+   | Regranted | Regranted   | Serving   |             | Vacant+    | Replaced+  |
//! | HandedOver-   | Regranted | Regranted   | Serving   |             | Vacant-    | Replaced-  |
//! | Vacant        | Regranted | Regranted   | Serving   | HandedOver  |            | Replaced   |
//! | Vacant+       | Regranted | Regranted   | Serving   | HandedOver+ |            | Replaced+  |
//! | Vacant-       | Regranted | Regranted   | Serving   | HandedOver- |            | Replaced-  |
//! | Replaced      |           |             |           |             |            |            |
//! | Replaced+     |           |             |           |             |            |            |
//! | Replaced-     |           |             |           |             |            |            |
//!
//! The other kind is about a claim of the present server; and a new server of the generation has
//! no claim yet:
//!
//! | state         | `claimed` | `superseded` | `failed`      | server started |
//! | ------------- | --------- | ------------ | ------------- | -------------- |
//! | Unclaimed     | Claimed   | Superseded   | Failed        |                |
//! | Claimed       |           | Superseded   | Failed        | Unclaimed      |
//! | Granted       | Claimed   | Superseded   | Failed        | Unclaimed      |
//! | Probation     | Claimed   | Superseded   | Failed        | Unclaimed      |
//! | RolledBack    | Claimed   | Superseded   | Failed        | Unclaimed      |
//! | Overtaken     |           |              |               | Unclaimed      |
//! | Superseded    | Claimed   |              | Failed        | Unclaimed      |
//! | Failed        | Claimed   | Superseded   |               | Unclaimed      |
//! | Serving       |           |              |               | Vacant         |
//! | Reclaimed     |           | Vacant-      | ReclaimFailed | Vacant         |
//! | Regranted     | Reclaimed | Vacant-      | ReclaimFailed | Vacant         |
//! | ReclaimFailed | Reclaimed | Vacant-      |               | Vacant         |
//! | HandedOver    |           | HandedOver-  |               |                |
//! | HandedOver+   |           | HandedOver-  |               | HandedOver     |
//! | HandedOver-   |           |              |               | HandedOver     |
//! | Vacant        | Reclaimed | Vacant-      | ReclaimFailed |                |
//! | Vacant+       | Reclaimed | Vacant-      | ReclaimFailed | Vacant         |
//! | Vacant-       | Reclaimed |              | ReclaimFailed | Vacant         |
//! | Replaced      |           | Replaced-    |               |                |
//! | Replaced+     |           | Replaced-    |               | Replaced       |
//! | Replaced-     |           |              |               | Replaced       |
//!
//! An empty cell changes nothing. `+`: the present server had the address and still drains.
//! `-`: the present server claimed it and lost to a newer generation. The tests compare every
//! cell with the code.
//!
//! What follows from the tables:
//!
//! * From the first row of the lower part on (`Serving` and below) the generation *owns* the
//!   address: a server of it served, or released on request what it was granted. Only `replaced`
//!   ends that, and `Replaced` is final.
//! * A duplicate of the listener exists only while the generation owns the address.
//! * The end of a server changes nothing; the arbiter reports what became of its addresses.
//! * A generation that owns an address is never on probation with it.
//! * A server that was granted an address, or served it on probation, may have accepted connections: a newer
//!   generation that takes the address does not end that server before it has drained.

use std::mem::discriminant;

use serverswap::protocol::message::Code;

use crate::ui::ClaimStanding;

/// What one address is to the generation.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub(super) enum OwnedAddress {
    /// No server of the generation has it, nor claims it.
    #[default]
    Unclaimed,
    /// A claim waits.
    Claimed,
    /// Granted, not served yet.
    Granted,
    /// Served beside an older server, which goes on if this generation fails.
    Probation,
    /// It was served on probation and is not any more: the older server goes on.
    RolledBack,
    /// It was granted, or served on probation, when a newer generation began to serve it: the present server drains.
    Overtaken,
    /// A newer generation claims or serves it, before this one did.
    Superseded,
    /// The claim failed.
    Failed(ClaimError),
    /// Served.
    Serving { duplicate: Duplicate },
    /// A server that was started again claims it.
    Reclaimed { duplicate: Duplicate },
    /// A server that was started again was granted it.
    Regranted { duplicate: Duplicate },
    /// The claim of a server that was started again failed.
    ReclaimFailed { duplicate: Duplicate, error: ClaimError },
    /// A newer generation has asked for it, and does not serve it yet.
    HandedOver { server: Remainder, duplicate: Duplicate },
    /// Nobody has it.
    Vacant { server: Remainder, duplicate: Duplicate },
    /// A newer generation serves it. Final.
    Replaced { server: Remainder },
}

/// What the present server has to do with an address that it does not have.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Remainder {
    /// Nothing.
    None,
    /// It had the address and finishes the connections that it accepted.
    Drains,
    /// It claimed the address and lost to a newer generation.
    Outbid,
}

/// Whether the supervisor keeps a duplicate of the listener.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Duplicate {
    None,
    Kept,
}

/// Why a claim failed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct ClaimError {
    pub(super) code: Code,
    pub(super) message: String,
}

/// What changes an address.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum AddressNotice {
    Granted,
    Probation,
    /// With a duplicate of the listener, if it is to be kept.
    Serving(Duplicate),
    Busy,
    Vacant,
    Replaced,
    Claimed,
    Superseded,
    Failed(ClaimError),
    /// The arbiter wants the duplicate closed.
    Close,
    /// The supervisor has started a server.
    ServerStarted,
}

/// What an address is to the generation, whichever of its servers runs.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Ownership {
    /// It never was the generation's.
    Never,
    /// A newer generation was faster.
    Lost,
    /// Granted or served.
    Held,
    /// A newer generation has asked for it.
    Requested,
    /// A newer generation had asked for it, and failed.
    Returned,
    /// Nobody has it, and nobody else asked.
    Free,
    /// A newer generation serves it.
    Replaced,
}

/// What the present server has to do with an address.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum ServerStanding {
    None,
    Claims,
    Granted,
    OnProbation,
    Serves,
    Drains,
    Outbid,
    Failed,
}

impl OwnedAddress {
    /// The tables at the head of this file.
    pub(super) fn next(self, notice: AddressNotice) -> OwnedAddress {
        use OwnedAddress::{
            Claimed, Failed, Granted, HandedOver, Overtaken, Probation, ReclaimFailed, Reclaimed, Regranted,
            Replaced, RolledBack, Serving, Superseded, Unclaimed, Vacant,
        };
        let duplicate = self.duplicate();
        match notice {
            AddressNotice::Granted => match self {
                Unclaimed | Claimed | Granted | Probation | RolledBack | Overtaken | Superseded
                | Failed(_) => Granted,
                Serving { .. }
                | Reclaimed { .. }
                | Regranted { .. }
                | ReclaimFailed { .. }
                | HandedOver { .. }
                | Vacant { .. } => Regranted { duplicate },
                Replaced { server } => Replaced { server },
            },
            AddressNotice::Probation => match self {
                Unclaimed | Claimed | Granted | Probation | RolledBack | Overtaken | Superseded
                | Failed(_) => Probation,
                Serving { .. }
                | Reclaimed { .. }
                | Regranted { .. }
                | ReclaimFailed { .. }
                | HandedOver { .. }
                | Vacant { .. } => Regranted { duplicate },
                Replaced { server } => Replaced { server },
            },
            AddressNotice::Serving(new) => match self {
                Unclaimed
                | Claimed
                | Granted
                | Probation
                | RolledBack
                | Overtaken
                | Superseded
                | Failed(_)
                | Serving { .. }
                | Reclaimed { .. }
                | Regranted { .. }
                | ReclaimFailed { .. }
                | HandedOver { .. }
                | Vacant { .. } => Serving { duplicate: duplicate.or(new) },
                Replaced { server } => Replaced { server },
            },
            AddressNotice::Busy => match self {
                Probation | RolledBack => RolledBack,
                Granted | Serving { .. } | Regranted { .. } => {
                    HandedOver { server: Remainder::Drains, duplicate }
                }
                Reclaimed { .. } | ReclaimFailed { .. } => HandedOver { server: Remainder::None, duplicate },
                HandedOver { server, .. } | Vacant { server, .. } => HandedOver { server, duplicate },
                Unclaimed | Claimed | Overtaken | Superseded | Failed(_) | Replaced { .. } => self,
            },
            AddressNotice::Vacant => match self {
                Granted => Unclaimed,
                Probation | RolledBack => RolledBack,
                Serving { .. } | Regranted { .. } => Vacant { server: Remainder::None, duplicate },
                HandedOver { server, .. } | Vacant { server, .. } => Vacant { server, duplicate },
                Unclaimed
                | Claimed
                | Overtaken
                | Superseded
                | Failed(_)
                | Reclaimed { .. }
                | ReclaimFailed { .. }
                | Replaced { .. } => self,
            },
            AddressNotice::Replaced => match self {
                Granted | Probation | RolledBack | Overtaken => Overtaken,
                Claimed | Superseded => Superseded,
                Serving { .. } | Reclaimed { .. } | Regranted { .. } => {
                    Replaced { server: Remainder::Drains }
                }
                ReclaimFailed { .. } => Replaced { server: Remainder::None },
                HandedOver { server, .. } | Vacant { server, .. } | Replaced { server } => {
                    Replaced { server }
                }
                Unclaimed | Failed(_) => self,
            },
            AddressNotice::Claimed => match self {
                Unclaimed | Claimed | Granted | Probation | RolledBack | Superseded | Failed(_) => Claimed,
                Reclaimed { .. } | Regranted { .. } | ReclaimFailed { .. } | Vacant { .. } => {
                    Reclaimed { duplicate }
                }
                Overtaken | Serving { .. } | HandedOver { .. } | Replaced { .. } => self,
            },
            AddressNotice::Superseded => match self {
                Unclaimed | Claimed | Granted | Probation | RolledBack | Superseded | Failed(_) => Superseded,
                Reclaimed { .. } | Regranted { .. } | ReclaimFailed { .. } | Vacant { .. } => {
                    Vacant { server: Remainder::Outbid, duplicate }
                }
                HandedOver { .. } => HandedOver { server: Remainder::Outbid, duplicate },
                Replaced { .. } => Replaced { server: Remainder::Outbid },
                Overtaken | Serving { .. } => self,
            },
            AddressNotice::Failed(error) => match self {
                Unclaimed | Claimed | Granted | Probation | RolledBack | Superseded | Failed(_) => {
                    Failed(error)
                }
                Reclaimed { .. } | Regranted { .. } | ReclaimFailed { .. } | Vacant { .. } => {
                    ReclaimFailed { duplicate, error }
                }
                Overtaken | Serving { .. } | HandedOver { .. } | Replaced { .. } => self,
            },
            AddressNotice::ServerStarted => match self {
                Unclaimed | Claimed | Granted | Probation | RolledBack | Overtaken | Superseded
                | Failed(_) => Unclaimed,
                Serving { .. }
                | Reclaimed { .. }
                | Regranted { .. }
                | ReclaimFailed { .. }
                | Vacant { .. } => Vacant { server: Remainder::None, duplicate },
                HandedOver { .. } => HandedOver { server: Remainder::None, duplicate },
                Replaced { .. } => Replaced { server: Remainder::None },
            },
            AddressNotice::Close => self.without_duplicate(),
        }
    }

    /// What it is to the generation.
    pub(super) fn ownership(&self) -> Ownership {
        match self {
            OwnedAddress::Unclaimed
            | OwnedAddress::Claimed
            | OwnedAddress::Granted
            | OwnedAddress::Probation
            | OwnedAddress::RolledBack
            | OwnedAddress::Failed(_) => Ownership::Never,
            OwnedAddress::Overtaken | OwnedAddress::Superseded => Ownership::Lost,
            OwnedAddress::Serving { .. } | OwnedAddress::Regranted { .. } => Ownership::Held,
            OwnedAddress::HandedOver { .. } => Ownership::Requested,
            OwnedAddress::Vacant { server: Remainder::Drains | Remainder::Outbid, .. } => Ownership::Returned,
            OwnedAddress::Vacant { server: Remainder::None, .. }
            | OwnedAddress::Reclaimed { .. }
            | OwnedAddress::ReclaimFailed { .. } => Ownership::Free,
            OwnedAddress::Replaced { .. } => Ownership::Replaced,
        }
    }

    /// What the present server has to do with it.
    pub(super) fn server_standing(&self) -> ServerStanding {
        match self {
            OwnedAddress::Unclaimed => ServerStanding::None,
            OwnedAddress::Claimed | OwnedAddress::Reclaimed { .. } => ServerStanding::Claims,
            OwnedAddress::Granted | OwnedAddress::Regranted { .. } => ServerStanding::Granted,
            OwnedAddress::Probation | OwnedAddress::RolledBack => ServerStanding::OnProbation,
            OwnedAddress::Serving { .. } => ServerStanding::Serves,
            OwnedAddress::Overtaken => ServerStanding::Drains,
            OwnedAddress::Superseded => ServerStanding::Outbid,
            OwnedAddress::Failed(_) | OwnedAddress::ReclaimFailed { .. } => ServerStanding::Failed,
            OwnedAddress::HandedOver { server, .. }
            | OwnedAddress::Vacant { server, .. }
            | OwnedAddress::Replaced { server } => match server {
                Remainder::None => ServerStanding::None,
                Remainder::Drains => ServerStanding::Drains,
                Remainder::Outbid => ServerStanding::Outbid,
            },
        }
    }

    /// Whether the arbiter has still to report what became of it, once the present server has ended.
    pub(super) fn is_unsettled(&self) -> bool {
        match self {
            OwnedAddress::Granted
            | OwnedAddress::Probation
            | OwnedAddress::Serving { .. }
            | OwnedAddress::Regranted { .. } => true,
            OwnedAddress::Unclaimed
            | OwnedAddress::Claimed
            | OwnedAddress::RolledBack
            | OwnedAddress::Overtaken
            | OwnedAddress::Superseded
            | OwnedAddress::Failed(_)
            | OwnedAddress::Reclaimed { .. }
            | OwnedAddress::ReclaimFailed { .. }
            | OwnedAddress::HandedOver { .. }
            | OwnedAddress::Vacant { .. }
            | OwnedAddress::Replaced { .. } => false,
        }
    }

    pub(super) fn duplicate(&self) -> Duplicate {
        match self {
            OwnedAddress::Serving { duplicate }
            | OwnedAddress::Reclaimed { duplicate }
            | OwnedAddress::Regranted { duplicate }
            | OwnedAddress::ReclaimFailed { duplicate, .. }
            | OwnedAddress::HandedOver { duplicate, .. }
            | OwnedAddress::Vacant { duplicate, .. } => *duplicate,
            OwnedAddress::Unclaimed
            | OwnedAddress::Claimed
            | OwnedAddress::Granted
            | OwnedAddress::Probation
            | OwnedAddress::RolledBack
            | OwnedAddress::Overtaken
            | OwnedAddress::Superseded
            | OwnedAddress::Failed(_)
            | OwnedAddress::Replaced { .. } => Duplicate::None,
        }
    }

    /// How the outcome of the run names it.
    pub(super) fn standing(&self) -> ClaimStanding {
        match self {
            OwnedAddress::Failed(error) | OwnedAddress::ReclaimFailed { error, .. } => {
                ClaimStanding::Failed { code: error.code.clone(), message: error.message.clone() }
            }
            OwnedAddress::Overtaken
            | OwnedAddress::Superseded
            | OwnedAddress::HandedOver { server: Remainder::Outbid, .. }
            | OwnedAddress::Vacant { server: Remainder::Outbid, .. } => ClaimStanding::Superseded,
            OwnedAddress::Replaced { .. }
            | OwnedAddress::HandedOver { server: Remainder::None | Remainder::Drains, .. }
            | OwnedAddress::Vacant { server: Remainder::Drains, .. } => ClaimStanding::Replaced,
            OwnedAddress::Probation | OwnedAddress::RolledBack => ClaimStanding::Probation,
            OwnedAddress::Serving { .. } => ClaimStanding::Serving,
            OwnedAddress::Granted | OwnedAddress::Regranted { .. } => ClaimStanding::Granted,
            OwnedAddress::Unclaimed
            | OwnedAddress::Claimed
            | OwnedAddress::Reclaimed { .. }
            | OwnedAddress::Vacant { server: Remainder::None, .. } => ClaimStanding::Waiting,
        }
    }

    /// Whether the present server lost its claim to a newer generation.
    pub(super) fn is_lost(&self) -> bool {
        self.server_standing() == ServerStanding::Outbid
    }

    /// Whether it is another state than `before`; of the data only the error of a claim counts.
    pub(super) fn is_another_than(&self, before: &OwnedAddress) -> bool {
        discriminant(self) != discriminant(before) || self.error() != before.error()
    }

    fn error(&self) -> Option<&ClaimError> {
        match self {
            OwnedAddress::Failed(error) | OwnedAddress::ReclaimFailed { error, .. } => Some(error),
            OwnedAddress::Unclaimed
            | OwnedAddress::Claimed
            | OwnedAddress::Granted
            | OwnedAddress::Probation
            | OwnedAddress::RolledBack
            | OwnedAddress::Overtaken
            | OwnedAddress::Superseded
            | OwnedAddress::Serving { .. }
            | OwnedAddress::Reclaimed { .. }
            | OwnedAddress::Regranted { .. }
            | OwnedAddress::HandedOver { .. }
            | OwnedAddress::Vacant { .. }
            | OwnedAddress::Replaced { .. } => None,
        }
    }

    fn without_duplicate(self) -> OwnedAddress {
        let duplicate = Duplicate::None;
        match self {
            OwnedAddress::Serving { .. } => OwnedAddress::Serving { duplicate },
            OwnedAddress::Reclaimed { .. } => OwnedAddress::Reclaimed { duplicate },
            OwnedAddress::Regranted { .. } => OwnedAddress::Regranted { duplicate },
            OwnedAddress::ReclaimFailed { error, .. } => OwnedAddress::ReclaimFailed { duplicate, error },
            OwnedAddress::HandedOver { server, .. } => OwnedAddress::HandedOver { server, duplicate },
            OwnedAddress::Vacant { server, .. } => OwnedAddress::Vacant { server, duplicate },
            OwnedAddress::Unclaimed
            | OwnedAddress::Claimed
            | OwnedAddress::Granted
            | OwnedAddress::Probation
            | OwnedAddress::RolledBack
            | OwnedAddress::Overtaken
            | OwnedAddress::Superseded
            | OwnedAddress::Failed(_)
            | OwnedAddress::Replaced { .. } => self,
        }
    }
}

impl Duplicate {
    fn or(self, other: Duplicate) -> Duplicate {
        match self {
            Duplicate::Kept => Duplicate::Kept,
            Duplicate::None => other,
        }
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use super::*;

    const SOURCE: &str = include_str!("owned_address.rs");

    fn error() -> ClaimError {
        ClaimError { code: Code::Internal, message: "why".to_owned() }
    }

    /// Every state once for each value of its data, by its name in the tables.
    fn states(duplicate: Duplicate) -> Vec<(String, OwnedAddress)> {
        let mut states = vec![
            ("Unclaimed".to_owned(), OwnedAddress::Unclaimed),
            ("Claimed".to_owned(), OwnedAddress::Claimed),
            ("Granted".to_owned(), OwnedAddress::Granted),
            ("Probation".to_owned(), OwnedAddress::Probation),
            ("RolledBack".to_owned(), OwnedAddress::RolledBack),
            ("Overtaken".to_owned(), OwnedAddress::Overtaken),
            ("Superseded".to_owned(), OwnedAddress::Superseded),
            ("Failed".to_owned(), OwnedAddress::Failed(error())),
            ("Serving".to_owned(), OwnedAddress::Serving { duplicate }),
            ("Reclaimed".to_owned(), OwnedAddress::Reclaimed { duplicate }),
            ("Regranted".to_owned(), OwnedAddress::Regranted { duplicate }),
            ("ReclaimFailed".to_owned(), OwnedAddress::ReclaimFailed { duplicate, error: error() }),
        ];
        for (sign, server) in [("", Remainder::None), ("+", Remainder::Drains), ("-", Remainder::Outbid)] {
            states.push((format!("HandedOver{sign}"), OwnedAddress::HandedOver { server, duplicate }));
            states.push((format!("Vacant{sign}"), OwnedAddress::Vacant { server, duplicate }));
            states.push((format!("Replaced{sign}"), OwnedAddress::Replaced { server }));
        }
        states
    }

    fn name(state: &OwnedAddress) -> String {
        let all = states(state.duplicate());
        all.into_iter().find(|(_, other)| other == state).expect("every state has a name").0
    }

    fn notices() -> [(&'static str, AddressNotice); 10] {
        [
            ("`granted`", AddressNotice::Granted),
            ("`probation`", AddressNotice::Probation),
            ("`serving`", AddressNotice::Serving(Duplicate::None)),
            ("`busy`", AddressNotice::Busy),
            ("`vacant`", AddressNotice::Vacant),
            ("`replaced`", AddressNotice::Replaced),
            ("`claimed`", AddressNotice::Claimed),
            ("`superseded`", AddressNotice::Superseded),
            ("`failed`", AddressNotice::Failed(error())),
            ("server started", AddressNotice::ServerStarted),
        ]
    }

    /// The cells of the tables at the head of this file, by state and notice.
    fn written() -> BTreeMap<(String, String), String> {
        let mut cells = BTreeMap::new();
        let mut columns: Vec<String> = Vec::new();
        for line in SOURCE.lines().filter_map(|line| line.strip_prefix("//! | ")) {
            let row: Vec<String> = line.split('|').map(|cell| cell.trim().to_owned()).collect();
            match row[0].as_str() {
                "state" => columns = row,
                state if state.starts_with('-') => {}
                state => {
                    for (column, cell) in
                        columns.iter().zip(&row).skip(1).filter(|(name, _)| !name.is_empty())
                    {
                        let cell = if cell.is_empty() { state } else { cell };
                        cells.insert((state.to_owned(), column.clone()), cell.to_owned());
                    }
                }
            }
        }
        cells
    }

    #[test]
    fn the_code_does_what_the_tables_say_in_every_cell() {
        for duplicate in [Duplicate::None, Duplicate::Kept] {
            let mut reached = BTreeMap::new();
            for (state, before) in states(duplicate) {
                for (column, notice) in notices() {
                    let after = before.clone().next(notice);
                    reached.insert((state.clone(), column.to_owned()), name(&after));
                }
            }
            assert_eq!(reached, written());
        }
    }

    #[test]
    fn replaced_is_final() {
        for (_, state) in states(Duplicate::Kept) {
            for (_, notice) in notices() {
                let is_still = state.clone().next(notice).ownership() == Ownership::Replaced;
                assert!(is_still || state.ownership() != Ownership::Replaced, "{state:?}");
            }
        }
    }

    #[test]
    fn only_replaced_ends_what_the_generation_owns() {
        for (_, state) in states(Duplicate::Kept) {
            for (_, notice) in notices().into_iter().filter(|(_, notice)| *notice != AddressNotice::Replaced)
            {
                let owns = |state: &OwnedAddress| {
                    !matches!(state.ownership(), Ownership::Never | Ownership::Lost | Ownership::Replaced)
                };
                assert!(!owns(&state) || owns(&state.clone().next(notice)), "{state:?}");
            }
        }
    }

    #[test]
    fn a_duplicate_is_kept_until_it_is_to_be_closed_or_the_address_is_replaced() {
        for (_, state) in states(Duplicate::Kept) {
            for (column, notice) in notices() {
                let after = state.clone().next(notice);
                if after.ownership() != Ownership::Replaced {
                    assert!(state.duplicate() == after.duplicate(), "{state:?}, {column}");
                }
            }
            assert_eq!(state.next(AddressNotice::Close).duplicate(), Duplicate::None);
        }
    }

    #[test]
    fn to_close_a_duplicate_changes_nothing_else() {
        for ((before, state), (after, _)) in states(Duplicate::Kept).into_iter().zip(states(Duplicate::None))
        {
            assert_eq!(before, after);
            assert_eq!(name(&state.next(AddressNotice::Close)), after);
        }
    }

    #[test]
    fn serving_brings_the_duplicate() {
        let granted = OwnedAddress::Granted;
        assert_eq!(
            granted.next(AddressNotice::Serving(Duplicate::Kept)),
            OwnedAddress::Serving { duplicate: Duplicate::Kept }
        );
    }
}
