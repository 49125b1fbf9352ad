//! Every `unsafe` of the commands, behind safe functions. Nothing here decides.
#![allow(unsafe_code)]

pub(crate) mod async_fd;
pub(crate) mod descriptors;
pub(crate) mod file_lock;
pub(crate) mod identity;
pub(crate) mod session;
pub(crate) mod signals;
pub(crate) mod write;
