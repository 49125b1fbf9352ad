//! What outlives an arbiter: the directory, its lock and the state file.

mod directory;
mod format;
mod journal;
mod lock;
mod reservation;
mod snapshot;

pub use directory::{Directory, DirectoryError};
#[cfg(feature = "cores")]
pub use format::parse;
pub use format::{Header, StateFile, read};
pub use journal::Journal;
pub use lock::{Lock, LockError};
pub use reservation::Candidate;
pub use snapshot::{
    AddressRecord, DrainRecord, GenerationRecord, HolderRecord, LeftRecord, Snapshot, StandInRecord,
    SupervisorRecord, UnrecordedRecord, Update,
};
