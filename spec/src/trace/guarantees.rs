//! Judges of three of the guarantees of chapter 3, held against what an arbiter does: `untouched-until-ready`,
//! `never-two-holders` and `newest-wins`.
//!
//! Pure: it is shown what becomes known of each process, in order, and answers with the guarantees that the
//! arbiter breaks. It deliberately does not know how that became known: from random histories, where everything
//! is known, or from a recording, where only what the arbiter has read is.
//!
//! Rules:
//! - What is not known accuses nobody: an address whose mode is unknown counts as inherited.
//! - A generation that was asked to stop, was late, or whose supervisor is gone may be taken down, and its
//!   address may go to an older one.
//! - A holder that was asked to let go, or is being ended, does not keep an older generation from the address: a newer
//!   one wanted it, and may be gone by then.
//! - Where the state was lost, a server that did not come back in time is not known to serve.
//! - An inherited address may be taken down once a newer generation has served it, or wants or has it exclusively;
//!   a bound one once a newer generation has claimed it. What was true once stays so.

use std::collections::{BTreeMap, BTreeSet};

use crate::message::TakedownReason;
use crate::{Address, Generation, SocketMode};

/// A guarantee that is judged.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Guarantee {
    /// The old server is not touched until the new one has declared that it is ready.
    UntouchedUntilReady,
    /// An exclusive address never has two holders.
    NeverTwoHolders,
    /// The newest generation wins.
    NewestWins,
}

impl Guarantee {
    /// Its name in chapter 3.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Guarantee::UntouchedUntilReady => "untouched-until-ready",
            Guarantee::NeverTwoHolders => "never-two-holders",
            Guarantee::NewestWins => "newest-wins",
        }
    }
}

/// A guarantee that was broken.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("`{}` is broken: {message}", .guarantee.name())]
pub struct Breach {
    /// Which.
    pub guarantee: Guarantee,
    /// How, for people.
    pub message: String,
}

/// What is known of the processes of one directory. `P` names a process.
#[derive(Debug, Clone)]
pub struct Judge<P> {
    programs: BTreeMap<P, Program>,
    /// Generations that may be taken down although nobody replaces them.
    stopped: BTreeSet<Generation>,
    /// Whether the kernel ever refused to show a process's descriptors: then it is ended to free the address.
    descriptors_hidden: bool,
    /// Whether the arbiter's state was ever lost: who had which duplicate was forgotten then.
    state_lost: bool,
}

#[derive(Debug, Clone)]
struct Program {
    generation: Generation,
    holds: BTreeMap<Address, Held>,
    claims: BTreeMap<Address, SocketMode>,
    duplicates: BTreeSet<Address>,
    /// Whether no state names it, and it did not come back in time.
    unknown: bool,
}

#[derive(Debug, Clone, Copy)]
struct Held {
    socket: SocketMode,
    serving: bool,
    /// Whether there was a moment at which it could be taken down.
    replaceable: bool,
    /// Whether it was asked to let go, or is being ended.
    leaving: bool,
}

impl<P> Default for Judge<P> {
    fn default() -> Self {
        Judge {
            programs: BTreeMap::new(),
            stopped: BTreeSet::new(),
            descriptors_hidden: false,
            state_lost: false,
        }
    }
}

impl<P: Ord + Clone + std::fmt::Display> Judge<P> {
    /// A server or supervisor is there.
    pub fn appears(&mut self, who: P, generation: Generation) {
        self.programs.entry(who).or_insert_with(|| Program {
            generation,
            holds: BTreeMap::new(),
            claims: BTreeMap::new(),
            duplicates: BTreeSet::new(),
            unknown: false,
        });
    }

    /// It has exited: the kernel has closed everything that it had.
    pub fn ends(&mut self, who: &P) {
        self.programs.remove(who);
    }

    /// Its connection has ended, and with it what it claims.
    pub fn disconnects(&mut self, who: &P) {
        if let Some(program) = self.programs.get_mut(who) {
            program.claims.clear();
        }
    }

    /// The server claims an address.
    pub fn claims(&mut self, who: &P, address: &Address, socket: SocketMode) {
        let Some(program) = self.programs.get_mut(who) else { return };
        program.claims.insert(address.clone(), socket);
        let generation = program.generation;
        self.is_wanted(generation, address, Want::Claim(socket));
    }

    /// Its claim has ended, or was withdrawn.
    pub fn claim_ends(&mut self, who: &P, address: &Address) {
        if let Some(program) = self.programs.get_mut(who) {
            program.claims.remove(address);
        }
    }

    /// The server holds an address, as its `hello` or the arbiter's state says. A mode that is not said is the
    /// one that was known.
    pub fn holds(&mut self, who: &P, address: &Address, socket: Option<SocketMode>, serving: bool) {
        let Some(program) = self.programs.get(who) else { return };
        let known = program.holds.get(address).copied();
        let socket = socket.or(known.map(|held| held.socket)).unwrap_or(SocketMode::Inherit);
        let replaceable = known.is_some_and(|held| held.replaceable);
        let replaceable = replaceable || self.may_be_replaced(program.generation, address, socket);
        let leaving = known.is_some_and(|held| held.leaving);
        let generation = program.generation;
        if let Some(program) = self.programs.get_mut(who) {
            program.holds.insert(address.clone(), Held { socket, serving, replaceable, leaving });
        }
        self.is_had(generation, address, socket, serving);
    }

    /// The server's `hello` lists these addresses and no others.
    pub fn holds_only(&mut self, who: &P, addresses: &BTreeSet<Address>) {
        if let Some(program) = self.programs.get_mut(who) {
            program.holds.retain(|address, _| addresses.contains(address));
            program.duplicates.retain(|address| addresses.contains(address));
        }
    }

    /// The server's accept loop runs. A newer generation that says so of an address which it lists in its
    /// `hello` is believed before the arbiter has answered.
    pub fn serves(&mut self, who: &P, address: &Address) {
        let Some(program) = self.programs.get_mut(who) else { return };
        let Some(held) = program.holds.get_mut(address) else { return };
        held.serving = true;
        let (generation, socket) = (program.generation, held.socket);
        self.is_had(generation, address, socket, true);
    }

    /// A server of the generation has or serves the address, whether or not the arbiter knows yet.
    pub fn is_had(&mut self, generation: Generation, address: &Address, socket: SocketMode, serving: bool) {
        if serving || socket == SocketMode::Bind {
            self.is_wanted(generation, address, Want::Has);
        }
    }

    /// The server lets an address go, or withdraws its claim.
    pub fn releases(&mut self, who: &P, address: &Address) {
        if let Some(program) = self.programs.get_mut(who) {
            program.holds.remove(address);
        }
    }

    /// The server is being ended, with everything that it holds.
    pub fn is_ended(&mut self, who: &P) {
        let held = self.programs.get_mut(who).into_iter().flat_map(|program| program.holds.values_mut());
        held.for_each(|held| held.leaving = true);
    }

    /// The supervisor has a duplicate of the listener.
    pub fn keeps(&mut self, who: &P, address: &Address) {
        if let Some(program) = self.programs.get_mut(who) {
            program.duplicates.insert(address.clone());
        }
    }

    /// The supervisor has closed it.
    pub fn closes(&mut self, who: &P, address: &Address) {
        if let Some(program) = self.programs.get_mut(who) {
            program.duplicates.remove(address);
        }
    }

    /// The generation may be taken down although nobody replaces it.
    pub fn may_stop(&mut self, generation: Generation) {
        self.stopped.insert(generation);
    }

    /// The kernel has refused to show which descriptors a process has.
    pub fn descriptors_are_hidden(&mut self) {
        self.descriptors_hidden = true;
    }

    /// The arbiter's state was lost.
    pub fn state_is_lost(&mut self) {
        self.state_lost = true;
    }

    /// No state names the server, and it did not come back in time.
    pub fn does_not_return(&mut self, who: &P) {
        if let Some(program) = self.programs.get_mut(who) {
            program.unknown = true;
        }
    }

    /// The server is back.
    pub fn returns(&mut self, who: &P) {
        if let Some(program) = self.programs.get_mut(who) {
            program.unknown = false;
        }
    }

    /// The arbiter grants an address to a server that has claimed it so.
    ///
    /// # Errors
    /// What the arbiter breaks with that. The server has the address all the same.
    pub fn granted(&mut self, who: &P, address: &Address, socket: SocketMode) -> Result<(), Breach> {
        let Some(program) = self.programs.get(who) else { return Ok(()) };
        let generation = program.generation;
        let mut others = self.programs.iter().filter(|(other, _)| *other != who);
        let judged = others.try_for_each(|(other, program)| {
            self.judge_grant(who, generation, address, socket, other, program)
        });
        self.claim_ends(who, address);
        self.holds(who, address, Some(socket), false);
        judged
    }

    fn judge_grant(
        &self,
        who: &P,
        generation: Generation,
        address: &Address,
        socket: SocketMode,
        other: &P,
        program: &Program,
    ) -> Result<(), Breach> {
        let breach = |guarantee, message| Err(Breach { guarantee, message });
        let is_bind = socket == SocketMode::Bind;
        let held = program.holds.get(address);
        if held.is_some_and(|held| is_bind || held.socket == SocketMode::Bind) {
            let message = format!("`{address}` is granted to {who} while {other} holds it");
            return breach(Guarantee::NeverTwoHolders, message);
        }
        let is_excused = self.descriptors_hidden || self.state_lost;
        if is_bind && program.duplicates.contains(address) && !is_excused {
            let message =
                format!("`{address}` is granted to {who} while {other} keeps a duplicate of its listener");
            return breach(Guarantee::NeverTwoHolders, message);
        }
        let serves = held.is_some_and(|held| held.serving && !held.leaving);
        let serves = serves && !program.unknown && !self.stopped.contains(&program.generation);
        if serves && program.generation > generation {
            let newer = program.generation;
            let message = format!(
                "`{address}` is granted to generation {generation} while the newer {newer} serves it"
            );
            return breach(Guarantee::NewestWins, message);
        }
        Ok(())
    }

    /// The arbiter sends a takedown.
    ///
    /// # Errors
    /// What the arbiter breaks with that.
    pub fn taken_down(&mut self, who: &P, address: &Address, reason: &TakedownReason) -> Result<(), Breach> {
        let Some(program) = self.programs.get_mut(who) else { return Ok(()) };
        let Some(held) = program.holds.get_mut(address) else { return Ok(()) };
        held.leaving = true;
        let is_excused = self.descriptors_hidden || *reason == TakedownReason::Stopping;
        if held.replaceable || is_excused {
            return Ok(());
        }
        let generation = program.generation;
        let what = match held.socket {
            SocketMode::Inherit => "has served it or wants it exclusively",
            SocketMode::Bind => "has claimed it",
        };
        let message = format!(
            "{who} of generation {generation} is to release `{address}`, and no newer generation {what}"
        );
        Err(Breach { guarantee: Guarantee::UntouchedUntilReady, message })
    }

    /// Marks the older holders that may be taken down from now on.
    fn is_wanted(&mut self, by: Generation, address: &Address, want: Want) {
        for program in self.programs.values_mut().filter(|program| program.generation < by) {
            if let Some(held) = program.holds.get_mut(address) {
                held.replaceable |= want.replaces(held.socket);
            }
        }
    }

    fn may_be_replaced(&self, generation: Generation, address: &Address, socket: SocketMode) -> bool {
        let newer = self.programs.values().filter(|program| program.generation > generation);
        let wants = |program: &Program| {
            let has = program.holds.get(address);
            let has = has.filter(|held| held.serving || held.socket == SocketMode::Bind).map(|_| Want::Has);
            let claims = program.claims.get(address).map(|socket| Want::Claim(*socket));
            has.into_iter().chain(claims).any(|want| want.replaces(socket))
        };
        newer.into_iter().any(wants)
    }
}

/// What a newer generation says of an address.
#[derive(Debug, Clone, Copy)]
enum Want {
    Claim(SocketMode),
    /// It serves it, or has it exclusively.
    Has,
}

impl Want {
    /// Whether a holder that took the address so may be taken down for it.
    fn replaces(self, held: SocketMode) -> bool {
        match (self, held) {
            (Want::Has, SocketMode::Bind | SocketMode::Inherit)
            | (Want::Claim(SocketMode::Bind | SocketMode::Inherit), SocketMode::Bind)
            | (Want::Claim(SocketMode::Bind), SocketMode::Inherit) => true,
            (Want::Claim(SocketMode::Inherit), SocketMode::Inherit) => false,
        }
    }
}
