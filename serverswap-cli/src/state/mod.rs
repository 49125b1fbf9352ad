//! What outlives an arbiter: the directory, its lock and the state file.

mod directory;
mod format;
mod journal;
mod lock;
mod snapshot;

pub use directory::{Directory, DirectoryError};
pub use format::{Header, ReadError, StateFile, parse, read};
pub use journal::Journal;
pub use lock::{Lock, LockError};
pub use snapshot::{
    AddressRecord, DrainRecord, GenerationRecord, HolderRecord, Snapshot, SupervisorRecord, UnrecordedRecord,
    Update,
};
