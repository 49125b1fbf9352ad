//! The shipped cores, checked together: the arbiter and the supervisor of this crate and the
//! client's session, the same transition functions that the product runs, with stateright.
//!
//! **What is real**: every decision. `Arbiter` with its snapshot and recovery, `Supervisor`,
//! `Session`, the message types. **What is modelled** (this directory): the drivers around
//! them, in the words of `src/runtime` (a turn is decide, write, send; a process is gone when
//! its pidfd says so and its connection was read to the end; the lock is tried again for as
//! long as there is no connection), and the kernel: the lock, which is freed in a step of its
//! own after its holder's connections have closed; connections (`wire`); listeners, every
//! descriptor of which is counted in the arbiter, supervisors, servers and queues.
//! The server program claims, serves when granted, releases when taken down, and exits; one that has
//! sent `fail` serves nothing more. What is to be so of probations is reckoned in `probation` from
//! what the servers do and who serves by the state file, not from what the arbiter thinks of them.
//!
//! **Steps**: every delivery of one line or end, everything at once, every move of a program,
//! each in every order. **Faults**, counted by a budget: kill -9 of any process, also of the
//! arbiter between the write of the state and each of the next three actions; a stall, after
//! which any one deadline has passed (ready timeout, drain, rejoin, recovery wait: a holder
//! that does not come back in time); TERM to a supervisor; the end of a connection whose both
//! ends live on, closed by either, what the closing side had sent lost or not (`drops`); a server
//! that sends `fail` at any moment (`fails`).
//!
//! **Time** stands still until nothing else can happen, and then jumps to the next deadline;
//! a stall jumps earlier. A state is known by the text of all its parts (`seal`).
//!
//! **Bounds**: two or three generations of one server each, one or two addresses, one mode a
//! run, none or one probation a command, up to two faults, breadth first. A run prints whether
//! it was complete or cut off: a cut-off one has explored every short story and no long one. The
//! default runs end in seconds; `SERVERSWAP_MODEL=deep` goes further and from more beginnings
//! (`runs`), and with a text behind `deep` only from those that have it in their name.
//!
//! A server that does not speak the protocol is one with its stand-in here until its supervisor ends; from then on
//! nobody speaks for it: it begins to accept if it has the listener, and ends if it was to get one or to open one. It
//! opens its listener by itself, and ends with its stop signal.
//!
//! **Left out**: a process that stands still alone, TERM that is ignored, leftovers of a
//! process group, garbled lines, failing writes, `serverUp`, clients without a takedown handler
//! or without descriptors, a lost state file, a change of mode between generations, pid reuse.
//!
//! **Excused** (guarantee 1): an address that was served by a server which a fault has killed
//! after the arbiter had read its `serving`; an exclusive address whose claimant failed after
//! the takedown, when no supervisor lives any more. How a command explains that its server ended
//! on probation is not asked where it may not have been notified that it was on probation (stalls, drops),
//! nor of a server that was ended for being late.
//!
//! `seeded` breaks a rule for each property and shows that it is noticed. `sentences` are the
//! main paths as single stories.

mod acting;
mod arbiter_process;
mod checking;
mod fault;
mod forbidden;
mod play;
mod probation;
mod properties;
mod runs;
mod seal;
mod seeded;
mod sentences;
mod server;
mod setup;
mod step;
mod supervision;
mod wire;
mod world;
