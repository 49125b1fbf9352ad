//! Which answer each call gets. Pure: calls and what became of them in, answers out.
//!
//! The table; an address has no entry before the generation has asked for it.
//!
//! | address | a bind | a listen of a socket bound there |
//! | --- | --- | --- |
//! | no entry | waits; the supervisor is asked | as without us |
//! | asked for | waits | as without us |
//! | free: the server opens it | as without us | done, and the listener is learnt |
//! | abandoned: was free, and was closed | as with no entry | waits; the supervisor is asked |
//! | held: there is a listener | `SO_REUSEPORT`: the listener is placed. Else, while the generation has it open, as without us; when it was closed, the listener is placed | the listener itself: returns 0, the backlog only grows. Another socket: placed with `SO_REUSEPORT`, else done, and learnt in place of the listener |
//!
//! A datagram socket is never asked to listen: it is learnt as soon as the kernel has bound it.
//!
//! Why a held address is not given out twice: two servers of one generation that want the same port are refused the
//! second time without us, and go to another one.

use std::collections::BTreeMap;

use serverswap::protocol::Address;

/// Which call: the number that the kernel gave it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(super) struct CallId(pub(super) u64);

/// What the socket of a call says about others at its address.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Sharing {
    /// It wants the address for itself.
    Alone,
    /// `SO_REUSEPORT`: it shares with sockets of the same user.
    ReusePort,
}

/// Which socket a listen is about.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Listening {
    /// The one that is held for the address.
    Held,
    /// Another one.
    Other,
}

/// What the supervisor was granted.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Granted {
    /// The address, with a listener.
    WithListener,
    /// The address, and the server is to open it.
    Empty,
    /// Nothing.
    Refused,
}

/// What has happened.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum CoreInput {
    /// A call waits to bind a socket.
    Bind {
        /// Which.
        call: CallId,
        /// Where.
        address: Address,
        /// With whom.
        sharing: Sharing,
    },
    /// A call waits to make a listener of a socket that is bound.
    Listen {
        /// Which.
        call: CallId,
        /// Where.
        address: Address,
        /// With whom.
        sharing: Sharing,
        /// Of which socket.
        socket: Listening,
    },
    /// [`CoreAction::Ask`] is answered.
    Answered {
        /// What was asked for.
        address: Address,
        /// What was granted.
        granted: Granted,
    },
    /// [`CoreAction::LookWhetherOpen`] is answered.
    Looked {
        /// The call that waits for it.
        call: CallId,
        /// Where it wants to bind.
        address: Address,
        /// Whether a process of the generation has the listener open.
        is_open: bool,
    },
    /// [`CoreAction::Listen`] has succeeded, or the kernel has bound a datagram socket: the socket is the address's listener
    /// from now on.
    Learnt {
        /// Where.
        address: Address,
    },
    /// No process of the generation has the socket open that was bound at a free address.
    Abandoned {
        /// Where.
        address: Address,
    },
}

/// What is to be done. Every call gets one of the first four.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum CoreAction {
    /// The kernel does the call, as without us.
    Continue(CallId),
    /// The caller gets the listener in place of its socket, and the call returns 0.
    Place(CallId, Address),
    /// The call fails: the address is in use.
    Refuse(CallId),
    /// listen(2) is done on the socket of the call, which returns what came of it.
    Listen(CallId, Address),
    /// The supervisor is to claim the address.
    Ask(Address),
    /// Whether a process of the generation has the listener of the address open.
    LookWhetherOpen(CallId, Address),
    /// The server has called listen, or has bound a datagram socket: the supervisor is told.
    TellListens(Address),
    /// The supervisor gives up its claim.
    TellAbandoned(Address),
}

/// Of one generation.
#[derive(Debug, Clone, Default)]
pub(super) struct Core {
    addresses: BTreeMap<Address, State>,
}

#[derive(Debug, Clone)]
enum State {
    Asked {
        waiting: Vec<Waiting>,
    },
    Free,
    Abandoned,
    /// There is a listener, of an older generation, and the server has not called listen.
    Given,
    /// There is a listener, and the server has called listen.
    Listens,
}

/// A call that waits for the supervisor's answer.
#[derive(Debug, Clone, Copy)]
enum Waiting {
    Bind(CallId, Sharing),
    Listen(CallId),
}

impl Core {
    /// Takes in one thing; what is to be done is appended.
    pub(super) fn handle(&mut self, input: CoreInput, actions: &mut Vec<CoreAction>) {
        match input {
            CoreInput::Bind { call, address, sharing } => self.bind(call, address, sharing, actions),
            CoreInput::Listen { call, address, sharing, socket } => {
                self.listen(call, address, sharing, socket, actions)
            }
            CoreInput::Answered { address, granted } => self.answered(address, granted, actions),
            CoreInput::Looked { call, address, is_open } => actions.push(match is_open {
                true => CoreAction::Continue(call),
                false => CoreAction::Place(call, address),
            }),
            CoreInput::Learnt { address } => {
                self.addresses.insert(address.clone(), State::Listens);
                actions.push(CoreAction::TellListens(address));
            }
            CoreInput::Abandoned { address } => {
                if let Some(state @ State::Free) = self.addresses.get_mut(&address) {
                    *state = State::Abandoned;
                    actions.push(CoreAction::TellAbandoned(address));
                }
            }
        }
    }

    /// Whether the generation was granted the address, and nothing listens there yet.
    pub(super) fn is_free(&self, address: &Address) -> bool {
        matches!(self.addresses.get(address), Some(State::Free))
    }

    fn bind(&mut self, call: CallId, address: Address, sharing: Sharing, actions: &mut Vec<CoreAction>) {
        match self.addresses.get_mut(&address) {
            None | Some(State::Abandoned) => self.ask(address, Waiting::Bind(call, sharing), actions),
            Some(State::Asked { waiting }) => waiting.push(Waiting::Bind(call, sharing)),
            Some(State::Free) => actions.push(CoreAction::Continue(call)),
            Some(State::Given | State::Listens) => actions.push(match sharing {
                Sharing::ReusePort => CoreAction::Place(call, address),
                Sharing::Alone => CoreAction::LookWhetherOpen(call, address),
            }),
        }
    }

    fn listen(
        &mut self,
        call: CallId,
        address: Address,
        sharing: Sharing,
        socket: Listening,
        actions: &mut Vec<CoreAction>,
    ) {
        match self.addresses.get_mut(&address) {
            None | Some(State::Asked { .. }) => actions.push(CoreAction::Continue(call)),
            Some(State::Abandoned) => self.ask(address, Waiting::Listen(call), actions),
            Some(State::Free) => actions.push(CoreAction::Listen(call, address)),
            Some(state @ (State::Given | State::Listens)) => {
                let tells = matches!(state, State::Given);
                match (socket, sharing) {
                    (Listening::Held, Sharing::Alone | Sharing::ReusePort) => {
                        actions.push(CoreAction::Listen(call, address.clone()))
                    }
                    (Listening::Other, Sharing::ReusePort) => {
                        actions.push(CoreAction::Place(call, address.clone()))
                    }
                    (Listening::Other, Sharing::Alone) => {
                        return actions.push(CoreAction::Listen(call, address));
                    }
                }
                if tells {
                    *state = State::Listens;
                    actions.push(CoreAction::TellListens(address));
                }
            }
        }
    }

    fn ask(&mut self, address: Address, first: Waiting, actions: &mut Vec<CoreAction>) {
        self.addresses.insert(address.clone(), State::Asked { waiting: vec![first] });
        actions.push(CoreAction::Ask(address));
    }

    /// The first that waits has what was granted, and to the others it is as if they had come after it.
    fn answered(&mut self, address: Address, granted: Granted, actions: &mut Vec<CoreAction>) {
        let Some(State::Asked { waiting }) = self.addresses.get_mut(&address) else { return };
        let waiting = std::mem::take(waiting);
        match granted {
            Granted::WithListener => drop(self.addresses.insert(address.clone(), State::Given)),
            Granted::Empty => drop(self.addresses.insert(address.clone(), State::Free)),
            Granted::Refused => drop(self.addresses.remove(&address)),
        }
        for (index, waiting) in waiting.into_iter().enumerate() {
            let address = address.clone();
            match (granted, waiting) {
                (Granted::Refused, Waiting::Bind(call, _) | Waiting::Listen(call)) => {
                    actions.push(CoreAction::Refuse(call))
                }
                (Granted::WithListener, Waiting::Bind(call, _)) if index == 0 => {
                    actions.push(CoreAction::Place(call, address))
                }
                (Granted::WithListener, Waiting::Listen(call)) => {
                    actions.push(CoreAction::Place(call, address))
                }
                (Granted::WithListener | Granted::Empty, Waiting::Bind(call, sharing)) => {
                    self.bind(call, address, sharing, actions)
                }
                (Granted::Empty, Waiting::Listen(call)) => actions.push(CoreAction::Listen(call, address)),
            }
        }
    }
}
