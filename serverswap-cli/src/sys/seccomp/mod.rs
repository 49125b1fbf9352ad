//! seccomp(2) with user notification: a filter that makes bind(2) and listen(2) wait for an answer, and the answers.
//!
//! Deliberately no decision here about which call is answered how. Kernel facts: a filter is inherited by fork(2) and
//! exec(2) and never removed; a chain of filters has one notify descriptor at most; calls fail with ENOSYS when nobody
//! has that descriptor any more; a call that was received stays blocked until it is answered.

mod filter;
mod install;
mod notify;

pub(crate) use filter::{Filter, Operation, Selection, operation, wrapped};
pub(crate) use install::{InstallError, Installed, available, install};
#[cfg(test)]
pub(crate) use install::{filtered, received};
pub(crate) use notify::{Notification, answer, continue_call, is_waiting, place, receive};
