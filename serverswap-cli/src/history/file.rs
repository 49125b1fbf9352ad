//! The file of a history: `history.jsonl` in a folder, and `history.1.jsonl`, which it was before it had grown too long.
//!
//! Several processes append to it. Whoever does has the file's lock (flock(2)), and writes whole lines: what cannot be written as a
//! whole is taken back. What a process that was killed has left of a line is ended by the next one.

use std::fs::{self, File};
use std::io::{self, Read, Seek, SeekFrom, Write};
use std::os::unix::fs::{MetadataExt, OpenOptionsExt};
use std::path::{Path, PathBuf};

use nix::fcntl::{Flock, FlockArg};

const NAME: &str = "history.jsonl";
const OLDER_NAME: &str = "history.1.jsonl";

/// How often a file may be renamed between opening and locking it.
const ATTEMPTS_MAX: usize = 16;

/// The two files of a folder.
#[derive(Debug, Clone)]
pub(super) struct HistoryFile {
    folder: PathBuf,
    /// With more, it becomes the older one.
    bytes_max: u64,
}

impl HistoryFile {
    pub(super) fn new(folder: &Path, bytes_max: u64) -> HistoryFile {
        HistoryFile { folder: folder.to_owned(), bytes_max }
    }

    pub(super) fn path(&self) -> PathBuf {
        self.folder.join(NAME)
    }

    /// Appends whole lines.
    ///
    /// # Errors
    /// Nothing was appended.
    pub(super) fn append(&self, lines: &[u8]) -> io::Result<()> {
        let mut file = self.locked()?;
        let length = file.metadata()?.len();
        if length > 0 && length + bytes(lines) > self.bytes_max {
            fs::rename(self.path(), self.folder.join(OLDER_NAME))?;
            file = self.locked()?;
        }
        append(&mut file, lines)
    }

    /// Everything, the oldest first; nothing of what is not there or cannot be read.
    pub(super) fn read(&self) -> Vec<u8> {
        let mut text = Vec::new();
        for name in [OLDER_NAME, NAME] {
            if let Ok(file) =
                File::options().read(true).custom_flags(libc::O_NOFOLLOW).open(self.folder.join(name))
            {
                // A file of ours is no longer than this.
                let _ = file.take(self.bytes_max.saturating_mul(2)).read_to_end(&mut text);
            }
            if text.last().is_some_and(|last| *last != b'\n') {
                text.push(b'\n');
            }
        }
        text
    }

    /// Passes on what is in it, and empties it if that succeeds. Nobody appends meanwhile.
    ///
    /// # Errors
    /// As of `pass_on`.
    pub(super) fn empty_into(&self, pass_on: impl FnOnce(&[u8]) -> io::Result<()>) -> io::Result<()> {
        if !self.path().exists() {
            return Ok(());
        }
        let file = self.locked()?;
        let text = self.read();
        if !text.is_empty() {
            pass_on(&text)?;
        }
        let _ = fs::remove_file(self.folder.join(OLDER_NAME));
        fs::remove_file(self.path())?;
        drop(file);
        Ok(())
    }

    fn locked(&self) -> io::Result<Flock<File>> {
        let path = self.path();
        for _ in 0..ATTEMPTS_MAX {
            let mut options = File::options();
            options.read(true).append(true).create(true).mode(0o600);
            let file = options.custom_flags(libc::O_NOFOLLOW | libc::O_CLOEXEC).open(&path)?;
            let file =
                Flock::lock(file, FlockArg::LockExclusive).map_err(|(_, errno)| io::Error::from(errno))?;
            let (ours, named) = (file.metadata()?, fs::symlink_metadata(&path));
            if named.is_ok_and(|named| (named.dev(), named.ino()) == (ours.dev(), ours.ino())) {
                return Ok(file);
            }
        }
        Err(io::Error::other("it is renamed again and again"))
    }
}

fn append(file: &mut File, lines: &[u8]) -> io::Result<()> {
    let length = file.metadata()?.len();
    let mut text = Vec::with_capacity(lines.len() + 1);
    if length > 0 && last_byte(file)? != b'\n' {
        text.push(b'\n');
    }
    text.extend_from_slice(lines);
    file.write_all(&text).inspect_err(|_| {
        // Half a line is unreadable, and does no more harm than that.
        let _ = file.set_len(length);
    })
}

fn last_byte(file: &mut File) -> io::Result<u8> {
    let mut last = [0];
    file.seek(SeekFrom::End(-1))?;
    file.read_exact(&mut last)?;
    Ok(last[0])
}

fn bytes(lines: &[u8]) -> u64 {
    u64::try_from(lines.len()).unwrap_or(u64::MAX)
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::PermissionsExt;

    use super::*;

    fn text(file: &HistoryFile) -> String {
        String::from_utf8(file.read()).expect("tests write text")
    }

    #[test]
    fn lines_are_appended_to_a_file_that_is_the_users_alone() {
        let folder = tempfile::tempdir().expect("a temporary directory");
        let file = HistoryFile::new(folder.path(), 1_000);
        file.append(b"one\n").expect("appended");
        file.append(b"two\n").expect("appended");
        assert_eq!(text(&file), "one\ntwo\n");
        assert_eq!(fs::metadata(file.path()).expect("there").permissions().mode() & 0o777, 0o600);
    }

    #[test]
    fn a_file_that_has_grown_too_long_is_kept_once() {
        let folder = tempfile::tempdir().expect("a temporary directory");
        let file = HistoryFile::new(folder.path(), 8);
        for line in ["one\n", "two\n", "three\n", "four\n"] {
            file.append(line.as_bytes()).expect("appended");
        }
        assert_eq!(text(&file), "three\nfour\n");
    }

    #[test]
    fn a_line_that_was_cut_off_is_ended_before_the_next() {
        let folder = tempfile::tempdir().expect("a temporary directory");
        let file = HistoryFile::new(folder.path(), 1_000);
        fs::write(file.path(), "one\ntw").expect("written");
        file.append(b"three\n").expect("appended");
        assert_eq!(text(&file), "one\ntw\nthree\n");
    }

    #[test]
    fn a_link_that_somebody_has_put_there_is_not_written_through() {
        let folder = tempfile::tempdir().expect("a temporary directory");
        let file = HistoryFile::new(folder.path(), 1_000);
        std::os::unix::fs::symlink("/dev/null", file.path()).expect("linked");
        file.append(b"one\n").expect_err("it is a link");
    }

    #[test]
    fn several_writers_lose_no_line_and_mix_none_while_it_is_renamed() {
        let folder = tempfile::tempdir().expect("a temporary directory");
        let file = HistoryFile::new(folder.path(), 4_000);
        std::thread::scope(|scope| {
            for writer in 0..4 {
                let file = file.clone();
                scope.spawn(move || {
                    for line in 0..60 {
                        file.append(format!("{writer} {line:03} {}\n", "x".repeat(10)).as_bytes())
                            .expect("appended");
                    }
                });
            }
        });
        let text = text(&file);
        assert!(text.lines().all(|line| line.len() == 16), "{text}");
        assert_eq!(text.lines().count(), 240);
    }

    #[test]
    fn what_is_passed_on_is_removed_and_what_is_not_stays() {
        let folder = tempfile::tempdir().expect("a temporary directory");
        let file = HistoryFile::new(folder.path(), 1_000);
        file.empty_into(|_| panic!("there is nothing")).expect("nothing to do");
        file.append(b"one\n").expect("appended");
        file.empty_into(|_| Err(io::Error::other("full"))).expect_err("it is passed on");
        assert_eq!(text(&file), "one\n");
        let mut passed = Vec::new();
        file.empty_into(|text| {
            passed.extend_from_slice(text);
            Ok(())
        })
        .expect("it has room");
        assert_eq!((passed.as_slice(), text(&file).as_str()), (b"one\n".as_slice(), ""));
    }
}
