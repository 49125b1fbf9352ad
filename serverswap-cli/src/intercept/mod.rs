//! Interception: a server that has never heard of us gets the listener of its predecessor at its own bind(2).
//!
//! A seccomp filter ([`sys::seccomp`](crate::sys::seccomp)) makes bind(2) and listen(2) of a generation wait for an
//! answer. [`core`] decides which: the first generation binds for itself, and at its listen(2) the socket is learnt; the next
//! one has the listener put in the place of its own socket. [`driver`] does it, [`call`] reads what a call wants,
//! [`reader`] is the process that stays when the supervisor has left.
//!
//! Deliberately no protocol and no generation's life here: [`Interception`] says which address it asks for and what
//! listens, and its owner claims.
//!
//! Rules:
//! * I1. A call is answered exactly once, and what we do not understand is done by the kernel as without us.
//! * I2. Nothing is changed for a server that alone has its address: its sockets, options and errors are its own.
//! * I3. No call ever waits for a process that is gone.
//! * I4. The mode of a listener (`O_NONBLOCK`) is never cleared, its backlog never lowered: others share it.

pub(crate) mod call;
mod core;
mod driver;
mod hangups;
pub(crate) mod reader;
mod unix_paths;

#[cfg(test)]
mod tests;

pub(crate) use driver::{Grant, Intercepted, Interception};
