//! What is known about whether a server that does not speak the protocol is ready.
//!
//! Deliberately no decision here: [`stand_in`](crate::stand_in) decides. A connection to the address is never tried: an
//! older server would answer it.

mod listening;
mod notification;
mod option;
pub(crate) mod probe;

pub(crate) use listening::{Evidence, Look, Wrapper, is_in_accept};
pub(crate) use notification::{Notification, Notifications};
pub(crate) use option::ReadyOption;
