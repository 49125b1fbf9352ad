//! The whole of serverswap, as a user meets it: real commands, real servers, real connections.
//!
//! Each test is a sandbox of its own (a private runtime directory and free ports), and ends every
//! process that it started. The programs come from the same build: `make test` makes them.

mod addresses;
mod adopted;
mod arbiter;
mod bad_input;
mod bad_versions;
mod blocked_output;
mod broken;
mod clock;
mod container;
mod cut;
mod deleted;
mod deploys;
mod disk;
mod drops;
mod explain;
mod forms;
mod frameworks;
mod held;
mod history;
mod hold;
mod hostile;
mod init;
mod inside;
mod intercept;
mod kills;
mod limits;
mod notified;
mod orphans;
mod output;
mod probation;
mod processes;
mod pty;
mod reload;
mod remains;
mod restart;
mod reused;
mod rust;
mod seed;
mod shop;
mod signals;
mod sockets;
mod stand_ins;
mod state;
mod status;
mod stop;
mod stopped;
mod stored;
mod terminal;
mod traced;
mod typed;
mod users;
mod versions;
mod waiting;
mod workers;
mod wrapped;

/// What a test returns: the first thing that went wrong, in words.
type Outcome = Result<(), Box<dyn std::error::Error>>;
