//! The last lines that a server printed, where they can be had without owning its output.
//!
//! Nothing stands between a server and its output that could be killed. What is a regular file is read again from
//! where the server began. A pipe, a terminal or a journal is its reader's alone: there the lines are already
//! where they are looked for.

use std::fs::File;
use std::io::{Seek, SeekFrom};
use std::os::fd::{AsFd, AsRawFd};
use std::os::unix::fs::{FileExt, MetadataExt};

/// Most lines of one file.
const LINES_MAX: usize = 10;

/// Most bytes of one file that are looked at.
const BYTES_MAX: u64 = 4096;

/// The regular files that a server prints to, from the moment on at which it is started.
#[derive(Debug, Default)]
pub(super) struct TailedFiles {
    /// Not if it is the same file as stderr.
    stdout: Option<OutputFile>,
    stderr: Option<OutputFile>,
    unseen: Unseen,
}

/// The last lines that a server printed; nothing that cannot be had.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct OutputTail {
    /// To stdout.
    pub stdout: Vec<String>,
    /// To stderr, or to the one file that is both. Our own lines may stand between them.
    pub stderr: Vec<String>,
    /// What of that our stderr has not shown.
    pub unseen: Unseen,
}

/// Which part of a server's output does not reach our stderr.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum Unseen {
    /// It is in a log, which was copied.
    #[default]
    Nothing,
    /// Its stdout is ours, a file.
    Stdout,
    /// Both go to the file of `--output`.
    Everything,
}

/// A file that is printed to.
#[derive(Debug)]
pub(super) struct OutputFile {
    file: File,
    from: u64,
}

impl TailedFiles {
    /// From now on.
    pub(super) fn new(stdout: Option<OutputFile>, stderr: Option<OutputFile>, unseen: Unseen) -> TailedFiles {
        let stdout = stdout.filter(|one| !stderr.as_ref().is_some_and(|other| one.is_the_same(other)));
        TailedFiles { stdout, stderr, unseen }
    }

    /// What was printed since.
    pub(super) fn tail(&self) -> OutputTail {
        let lines =
            |output: &Option<OutputFile>| output.as_ref().map(OutputFile::last_lines).unwrap_or_default();
        OutputTail { stdout: lines(&self.stdout), stderr: lines(&self.stderr), unseen: self.unseen }
    }
}

impl OutputTail {
    /// What our stderr has not shown, and what it is called.
    pub fn unseen(&self) -> Option<(&'static str, &[String])> {
        let (what, lines) = match self.unseen {
            Unseen::Nothing => return None,
            Unseen::Stdout => ("stdout", &self.stdout),
            Unseen::Everything => ("output", &self.stderr),
        };
        (!lines.is_empty()).then_some((what, lines))
    }
}

impl OutputFile {
    /// `None` if it is no regular file, or none that we may read.
    pub(super) fn of(stream: impl AsFd) -> Option<OutputFile> {
        let path = format!("/proc/self/fd/{}", stream.as_fd().as_raw_fd());
        // Looked at first: to open a pipe or a device can do something to it.
        std::fs::metadata(&path).ok().filter(|found| found.is_file())?;
        let mut file = File::open(path).ok()?;
        let from = file.seek(SeekFrom::End(0)).ok()?;
        Some(OutputFile { file, from })
    }

    fn is_the_same(&self, other: &OutputFile) -> bool {
        let inode = |output: &OutputFile| output.file.metadata().map(|found| (found.dev(), found.ino())).ok();
        inode(self) == inode(other)
    }

    fn last_lines(&self) -> Vec<String> {
        last_lines(&end_of(&self.file, self.from))
    }
}

/// The last bytes of what a file has from there on; nothing that cannot be had.
pub(crate) fn end_of(file: &File, from: u64) -> Vec<u8> {
    let end = file.metadata().map_or(0, |found| found.len());
    // A file that was emptied meanwhile is read from its beginning.
    let from = if from <= end { from } else { 0 }.max(end.saturating_sub(BYTES_MAX));
    let mut bytes = vec![0; usize::try_from(end - from).unwrap_or_default()];
    match file.read_exact_at(&mut bytes, from) {
        Ok(()) => bytes,
        Err(_) => Vec::new(),
    }
}

fn last_lines(bytes: &[u8]) -> Vec<String> {
    let text = String::from_utf8_lossy(bytes);
    let lines: Vec<&str> = text.lines().collect();
    let last = &lines[lines.len().saturating_sub(LINES_MAX)..];
    last.iter().map(|line| line.replace(char::is_control, "\u{fffd}")).collect()
}

#[cfg(test)]
mod tests {
    use std::io::{self, Write};

    use super::*;

    fn output(file: &File) -> OutputFile {
        OutputFile::of(file).expect("a regular file that we may read")
    }

    #[test]
    fn only_what_was_printed_since_is_shown_and_only_the_end_of_it() {
        let mut file = tempfile::tempfile().expect("a temporary file");
        writeln!(file, "from the server before").expect("writable");
        let output = output(&file);
        assert_eq!(output.last_lines(), [""; 0]);
        for number in 1..=12 {
            writeln!(file, "line {number}").expect("writable");
        }
        let lines = output.last_lines();
        assert_eq!((lines.len(), lines[0].as_str(), lines[9].as_str()), (10, "line 3", "line 12"));
    }

    #[test]
    fn of_a_long_line_there_is_the_end_and_control_characters_reach_no_terminal() {
        let mut file = tempfile::tempfile().expect("a temporary file");
        let output = output(&file);
        write!(file, "{}\x1b[31mred", "x".repeat(10_000)).expect("writable");
        let line = output.last_lines().join("");
        assert!(line.ends_with("\u{fffd}[31mred") && line.len() < 5_000, "{line}");
    }

    #[test]
    fn a_file_that_was_emptied_meanwhile_is_read_from_its_beginning() {
        let mut file = tempfile::tempfile().expect("a temporary file");
        writeln!(file, "a long line from before").expect("writable");
        let output = output(&file);
        file.set_len(0).expect("writable");
        file.rewind().expect("seekable");
        writeln!(file, "new").expect("writable");
        assert_eq!(output.last_lines(), ["new"]);
    }

    #[test]
    fn what_is_no_regular_file_is_left_alone() {
        let (reader, _writer) = io::pipe().expect("a pipe");
        assert!(OutputFile::of(&reader).is_none());
    }

    #[test]
    fn one_file_that_is_both_is_shown_once() {
        let file = tempfile::tempfile().expect("a temporary file");
        assert!(output(&file).is_the_same(&output(&file.try_clone().expect("a duplicate"))));
        assert!(!output(&file).is_the_same(&output(&tempfile::tempfile().expect("another"))));
    }
}
