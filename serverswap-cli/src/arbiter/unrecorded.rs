//! A server of this directory that no state file names: the file was unusable, or the directory
//! was deleted and made anew. It comes back by itself.
//!
//! - *Inherit*: until then its listener is known only by the open that fails. Claims wait for it,
//!   for as long as a known server may take to come back; nothing is taken from its descriptors,
//!   since it may well be the server of another arbiter whose directory was deleted, and would
//!   never be taken down.
//! - *Bind*: a name has nothing that could be looked at. The driver has looked for every process
//!   that was started in this directory; an exclusive claim waits as long, and is refused then,
//!   while one lives that has not come back; that may well be a child of a server, which never
//!   will. An address that somebody is known to hold exclusively can have no other holder.

use serverswap::protocol::message::Code;
use serverswap::protocol::{Address, Generation};
use serverswap::sys::process::Process;

use super::address::state::ListenerState;
use super::{Arbiter, Changed, Turn};

impl Arbiter {
    /// A process has come back, or has ended: the claims that may have waited for it are decided again.
    pub(super) fn forget_unrecorded(&mut self, process: Process, turn: &mut Turn) {
        if self.unrecorded.remove_mut(&process) {
            turn.changes.unrecorded = Changed::State;
            self.nobody_may_return(turn);
            turn.touched.extend(self.index.claimed().cloned());
        }
    }

    /// Other events may have come in between: it may be back by now, with its listener. A generation whose
    /// servers are all here has no other that would come back: it is a child of one, and is not waited for.
    pub(super) fn held_by_absent(
        &mut self,
        address: &Address,
        generation: Generation,
        holder: &str,
        turn: &mut Turn,
    ) {
        let message = format!(
            "`{address}` is held by {holder}, a process of generation {generation} of this directory, which does \
             not serve it with serverswap"
        );
        let (is_here, until) = (self.is_all_here(generation), turn.now);
        let until = if is_here { until } else { until + self.limits.rejoin_wait };
        self.edit(address, turn, |state| {
            if state.listener == ListenerState::Opening {
                state.listener = ListenerState::Awaited { until, message };
            }
        });
        turn.touched.insert(address.clone());
    }

    fn is_all_here(&self, generation: Generation) -> bool {
        let mut servers = self.servers.of_generation(generation).peekable();
        let is_unrecorded = self.unrecorded.values().any(|other| *other == generation);
        servers.peek().is_some()
            && !is_unrecorded
            && servers.all(|server| self.peers.link_of(server).is_some())
    }

    /// It did not come back in time.
    pub(super) fn give_up_unreturned(&mut self, address: &Address, turn: &mut Turn) {
        let now = turn.now;
        // It may have come back with the address that is in the way.
        let overlap = self.overlap(address);
        self.edit(address, turn, |state| {
            if state.listener.awaited_until().is_none_or(|until| until > now) {
                return;
            }
            let ListenerState::Awaited { message, .. } = std::mem::take(&mut state.listener) else {
                return;
            };
            let (code, message) = overlap.unwrap_or((Code::AddressInUse, message));
            for process in state.processes(|participant| participant.claim().is_some()) {
                state.refuse(process, code.clone(), message.clone());
            }
        });
    }
}
