//! Every `unsafe` of the commands, behind safe functions. Nothing here decides.
#![allow(unsafe_code)]

pub(crate) mod async_fd;
pub(crate) mod caller;
pub(crate) mod descriptors;
pub(crate) mod file_lock;
pub(crate) mod identity;
pub(crate) mod io_uring;
pub(crate) mod launch;
pub(crate) mod listen;
pub(crate) mod notifier;
pub(crate) mod notify_socket;
pub(crate) mod passed;
pub(crate) mod registrations;
pub(crate) mod seccomp;
pub(crate) mod session;
pub(crate) mod signals;
pub(crate) mod terminal;
pub(crate) mod write;
