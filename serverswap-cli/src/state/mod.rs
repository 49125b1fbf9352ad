//! What outlives an arbiter: the directory, its lock and the state file.

mod directory;
mod file;
mod lock;
mod snapshot;

pub use directory::{Directory, DirectoryError};
pub use file::{Header, ReadError, StateFile, parse, read, write};
pub use lock::{Lock, LockError};
pub use snapshot::{
    AddressRecord, DrainRecord, GenerationRecord, HolderRecord, Snapshot, SupervisorRecord, UnrecordedRecord,
};
