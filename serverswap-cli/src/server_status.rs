//! What a server says of itself with sd_notify(3), `STATUS=…`, for `serverswap status`: a file in the runtime directory
//! for as long as its supervisor hears it.

use std::fs;
use std::path::{Path, PathBuf};

/// The file of one server; it is removed when this is dropped.
#[derive(Debug)]
pub(crate) struct ServerStatus {
    path: PathBuf,
}

impl ServerStatus {
    /// Of a server that has said nothing yet.
    pub(crate) fn new(directory: &Path, server: u32) -> ServerStatus {
        let status = ServerStatus { path: path(directory, server) };
        status.remove();
        status
    }

    /// What it says now. Where the file cannot be written, `serverswap status` does not show it.
    pub(crate) fn write(&self, words: &str) {
        let _ = fs::write(&self.path, words);
    }

    /// That of a server that had the same pid and whose supervisor was killed, or this one's own.
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
pub(crate) fn read(directory: &Path, server: u32) -> Option<String> {
    fs::read_to_string(path(directory, server)).ok().filter(|words| !words.is_empty())
}

fn path(directory: &Path, server: u32) -> PathBuf {
    directory.join(format!("{server}.status"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_a_server_says_can_be_read_until_it_is_not_heard_any_more() {
        let folder = tempfile::tempdir().expect("a temporary folder");
        let status = ServerStatus::new(folder.path(), 7);
        assert_eq!(read(folder.path(), 7), None);
        status.write("warming up");
        assert_eq!(read(folder.path(), 7).as_deref(), Some("warming up"));
        assert_eq!(read(folder.path(), 8), None);
        drop(status);
        assert_eq!(read(folder.path(), 7), None);
    }
}
