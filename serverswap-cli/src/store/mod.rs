//! The listeners that a service manager keeps for this process, as a table: what it has passed, what it is asked to
//! keep, and what is given up.
//!
//! A service manager that keeps a listener (`FDSTORE=1`, sd_notify(3)) passes it to the next main process of the unit:
//! nobody is refused while there is none. It is the same socket that the servers have, so an address that is in the
//! store and is served by nobody makes its clients wait for ever, and cannot be opened anew: what is given up here is
//! given up there, before anybody else is told that it is free.
//!
//! - What is passed is the first listener of its address. Nothing is given up before the generation that was started
//!   with it is up: until then it may claim it.
//! - An address is given up when no supervisor of this process's generations keeps it and no server has it; what has an
//!   owner, by the state of the directory, is not.
//! - A process that ends by itself has given nothing up: the next one is to have it.
//! - The listener of a `.socket` unit is the service manager's own: it is never given up.
//! - So it is when the process is asked to stop: whether it is started again, the service manager knows.
//!
//! Pure: no descriptor is in here.

mod name;
mod passed;
mod table;

pub(crate) use name::{is_ours, of_address};
pub(crate) use passed::{PassedDescriptor, is_for_this_process, of_resident, of_service_manager, passed_on};
pub(crate) use table::{Origin, StoreTable};
