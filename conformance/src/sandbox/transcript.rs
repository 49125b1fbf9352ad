//! What a program writes into a file, followed as it grows.

use std::fs::File;
use std::io::{self, Read, Seek};
use std::path::Path;

/// A growing file.
#[derive(Debug)]
pub(super) struct Transcript {
    file: File,
    text: String,
    /// How much of `text` was searched, line by line.
    searched: usize,
    /// How much of `text` was shown, line by line.
    shown: usize,
}

impl Transcript {
    /// Makes the file; the second value is what the program writes to.
    pub(super) fn create(path: &Path) -> io::Result<(Transcript, File)> {
        let writer = File::options().create_new(true).append(true).open(path)?;
        Ok((Transcript { file: File::open(path)?, text: String::new(), searched: 0, shown: 0 }, writer))
    }

    /// Everything that was written so far.
    pub(super) fn text(&mut self) -> &str {
        self.refresh();
        &self.text
    }

    /// The next whole line that was not searched yet.
    pub(super) fn next_line(&mut self) -> Option<String> {
        self.refresh();
        line_at(&self.text, &mut self.searched)
    }

    /// The next whole line that was not shown yet.
    pub(super) fn next_unshown(&mut self) -> Option<String> {
        self.refresh();
        line_at(&self.text, &mut self.shown)
    }

    fn refresh(&mut self) {
        let mut bytes = Vec::new();
        // An error leaves what was read before it; the file is ours and does not shrink.
        let _ = self.file.read_to_end(&mut bytes);
        let whole = complete_utf8(&bytes);
        if whole < bytes.len() {
            let back = i64::try_from(bytes.len() - whole).unwrap_or_default();
            let _ = self.file.seek_relative(-back);
        }
        self.text.push_str(&String::from_utf8_lossy(&bytes[..whole]));
    }
}

/// The whole line that begins at `at`, which is moved behind it.
fn line_at(text: &str, at: &mut usize) -> Option<String> {
    let rest = &text[*at..];
    let end = rest.find('\n')?;
    *at += end + 1;
    Some(rest[..end].to_owned())
}

/// How many bytes there are before a character that is not whole yet.
fn complete_utf8(bytes: &[u8]) -> usize {
    match std::str::from_utf8(bytes) {
        Err(error) if error.error_len().is_none() => error.valid_up_to(),
        Ok(_) | Err(_) => bytes.len(),
    }
}
