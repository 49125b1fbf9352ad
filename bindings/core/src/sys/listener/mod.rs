//! The sockets of addresses: made, recognised, and duplicated from another process.
//!
//! Deliberately no passing on and no count of holders here.
//! Rules: a listener is close-on-exec and non-blocking, and whoever holds it leaves it so, for
//! the mode belongs to all of its duplicates. A Unix socket's path is removed only
//! when nobody listens there.

mod connections;
mod duplicate;
mod error;
mod identify;
mod listening;
mod open;
mod owner;
mod sock_diag;
mod socket_table;
mod unix_path;

pub use connections::{ConnectionTable, open_connections, sockets_of};
pub use duplicate::{addresses_of, duplicate, find_in_sockets};
pub use error::{OpenError, SocketOwner, StartedBy};
pub use identify::{address_of, endpoint_of, inet_address_of, inet_name, is_listener_of};
pub use listening::listens;
pub use open::{BACKLOG, is_in_use, listen, open, open_with, try_open};
pub use owner::owner_of;
pub use unix_path::remove_stale;
