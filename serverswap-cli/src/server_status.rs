//! What a server says of itself with sd_notify(3), `STATUS=…`, for `serverswap status`: a file in the runtime directory
//! for as long as its supervisor hears it.

use std::fs;
use std::path::{Path, PathBuf};

use serverswap::protocol::Generation;

/// The file of one server; it is removed when this is dropped.
#[derive(Debug)]
pub(crate) struct ServerStatus {
    path: PathBuf,
}

impl ServerStatus {
    /// Of a server that has said nothing yet.
    pub(crate) fn new(directory: &Path, generation: Generation) -> ServerStatus {
        let status = ServerStatus { path: path(directory, generation) };
        status.remove();
        status
    }

    /// What it says now. Where the file cannot be written, `serverswap status` does not show it.
    pub(crate) fn write(&self, words: &str) {
        let _ = fs::write(&self.path, words);
    }

    /// That of an earlier server of the generation, or this one's own.
    fn remove(&self) {
        let _ = fs::remove_file(&self.path);
    }
}

impl Drop for ServerStatus {
    fn drop(&mut self) {
        self.remove();
    }
}

/// What a server says of itself.
pub(crate) fn read(directory: &Path, generation: Generation) -> Option<String> {
    fs::read_to_string(path(directory, generation)).ok().filter(|words| !words.is_empty())
}

fn path(directory: &Path, generation: Generation) -> PathBuf {
    directory.join(format!("{generation}.status"))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn generation(pid: u32) -> Generation {
        Generation { start: 1, pid }
    }

    #[test]
    fn what_a_server_says_can_be_read_until_it_is_not_heard_any_more() {
        let folder = tempfile::tempdir().expect("a temporary folder");
        let status = ServerStatus::new(folder.path(), generation(7));
        assert_eq!(read(folder.path(), generation(7)), None);
        status.write("warming up");
        assert_eq!(read(folder.path(), generation(7)).as_deref(), Some("warming up"));
        assert_eq!(read(folder.path(), generation(8)), None);
        drop(status);
        assert_eq!(read(folder.path(), generation(7)), None);
    }
}
