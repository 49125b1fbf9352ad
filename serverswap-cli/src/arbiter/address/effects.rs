//! What is to be done about one address, from what was known to what was decided.
//!
//! Pure, like the decision itself. Its order is the order in which things are done: a listener is kept
//! before it is sent, and closed before an exclusive claim is granted.

use std::collections::BTreeSet;

use serverswap::protocol::{Generation, SocketMode};
use serverswap::sys::process::Process;

use super::state::{AddressState, Check, ListenerState, Notified, Participant, Refused, Search, Stage};
use crate::arbiter::{Attached, ConnectionId};

/// One thing to be done.
#[derive(Debug, Clone, PartialEq)]
pub(crate) enum Effect {
    /// The descriptor that came with the events of the turn is the arbiter's duplicate now.
    KeepListener,
    /// Answer a claim with an error.
    Refuse(Refused),
    /// A takedown begins: give the server its deadline, and send `takedown` where it is handled.
    TakeDown(Process),
    /// What a server that has ended by itself had left has been replaced.
    EndRemains(Process),
    CloseListener,
    Grant {
        /// The connection of the claim.
        link: ConnectionId,
        /// The `id` of the claim.
        re: u64,
        attached: Attached,
    },
    /// Tell a claimant what it waits for.
    Wait {
        /// The connection of the claim.
        link: ConnectionId,
        /// The `id` of the claim.
        re: u64,
        waits_for: BTreeSet<Process>,
    },
    AskToClose {
        keeper: Process,
        generation: Generation,
    },
    OpenListener,
    /// Look for the listener among the descriptors of a process.
    Search(Process),
    /// Poll the pidfd of a server whose probation is over.
    Check(Process),
}

/// What the decision asks for.
pub(crate) fn effects(known: &AddressState, decided: &AddressState) -> Vec<Effect> {
    let mut effects = Vec::new();
    if known.listener == ListenerState::Arrived {
        effects.push(Effect::KeepListener);
    }
    effects.extend(decided.refused.iter().cloned().map(Effect::Refuse));
    effects.extend(takedowns(known, decided));
    effects.extend(replaced_remains(known, decided));
    if is_held(known) && !is_held(decided) {
        effects.push(Effect::CloseListener);
    }
    effects.extend(answers(known, decided));
    effects.extend(close_requests(known, decided));
    if decided.listener == ListenerState::Opening && known.listener != ListenerState::Opening {
        effects.push(Effect::OpenListener);
    }
    effects.extend(searches(known, decided));
    effects.extend(checks(known, decided));
    effects
}

fn is_held(state: &AddressState) -> bool {
    match state.listener {
        ListenerState::Arrived | ListenerState::Held => true,
        ListenerState::Absent | ListenerState::Opening | ListenerState::Awaited { .. } => false,
    }
}

/// The processes whose takedown begins with the decision.
pub(crate) fn begun_takedowns<'a>(
    known: &'a AddressState,
    decided: &'a AddressState,
) -> impl Iterator<Item = (Process, &'a Participant)> {
    let was_taking_down =
        |process: &Process| known.participants.get(process).is_some_and(Participant::is_taking_down);
    let participants = decided.participants.iter().map(|(process, participant)| (*process, participant));
    participants
        .filter(move |(process, participant)| participant.is_taking_down() && !was_taking_down(process))
}

fn takedowns<'a>(known: &'a AddressState, decided: &'a AddressState) -> impl Iterator<Item = Effect> + 'a {
    begun_takedowns(known, decided).map(|(process, _)| Effect::TakeDown(process))
}

fn replaced_remains<'a>(
    known: &'a AddressState,
    decided: &'a AddressState,
) -> impl Iterator<Item = Effect> + 'a {
    let released = |process: &Process| {
        let participant = decided.participants.get(process);
        participant.is_some_and(|one| matches!(one.stage, Stage::Released { .. }))
    };
    let left = known.left.keys().filter(move |process| !decided.left.contains_key(process));
    left.filter(move |process| released(process)).map(|process| Effect::EndRemains(*process))
}

fn answers(known: &AddressState, decided: &AddressState) -> Vec<Effect> {
    let mut answers = Vec::new();
    for (process, participant) in &decided.participants {
        let Some(claim) = known.participants.get(process).and_then(Participant::claim) else {
            continue;
        };
        let (link, re) = (claim.link, claim.id);
        match &participant.stage {
            Stage::Granted { socket: SocketMode::Inherit, .. } => {
                answers.push(Effect::Grant { link, re, attached: Attached::Listener });
            }
            Stage::Granted { socket: SocketMode::Bind, .. } | Stage::Providing { .. } => {
                answers.push(Effect::Grant { link, re, attached: Attached::Nothing });
            }
            Stage::Claim(now) if now.waits_for != claim.waits_for => {
                answers.push(Effect::Wait { link, re, waits_for: now.waits_for.clone() });
            }
            Stage::Claim(_)
            | Stage::Probation { .. }
            | Stage::Serving { .. }
            | Stage::TakingDown(_)
            | Stage::Released { .. } => {}
        }
    }
    answers
}

fn close_requests<'a>(
    known: &'a AddressState,
    decided: &'a AddressState,
) -> impl Iterator<Item = Effect> + 'a {
    let was_asked = |process: &Process| {
        known.keepers.get(process).is_some_and(|keeper| keeper.asked_to_close == Notified::Yes)
    };
    let asked = decided
        .keepers
        .iter()
        .filter(move |(process, keeper)| keeper.asked_to_close == Notified::Yes && !was_asked(process));
    asked.map(|(process, keeper)| Effect::AskToClose { keeper: *process, generation: keeper.generation })
}

fn searches<'a>(known: &'a AddressState, decided: &'a AddressState) -> impl Iterator<Item = Effect> + 'a {
    let was_asked = |process: &Process| {
        known.expected.get(process).is_some_and(|expected| expected.search == Search::Asked)
    };
    let asked = decided.expected.iter().filter(|(_, expected)| expected.search == Search::Asked);
    asked.filter(move |(process, _)| !was_asked(process)).map(|(process, _)| Effect::Search(*process))
}

fn checks<'a>(known: &'a AddressState, decided: &'a AddressState) -> impl Iterator<Item = Effect> + 'a {
    let is_asked =
        |participant: &Participant| matches!(participant.stage, Stage::Probation { check: Check::Asked, .. });
    let was_asked = move |process: &Process| known.participants.get(process).is_some_and(is_asked);
    let asked = decided.participants.iter().filter(move |(_, participant)| is_asked(participant));
    asked.filter(move |(process, _)| !was_asked(process)).map(|(process, _)| Effect::Check(*process))
}
