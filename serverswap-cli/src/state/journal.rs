//! The writer of the state file: it appends what a turn has changed.
//!
//! Rules:
//! - A turn is one line, written in one go: a reader sees all of it or nothing.
//! - A file of at most [`REWRITTEN_BYTES_MAX`] is written anew with every turn, under another
//!   name, and renamed: an append would cost the same. So is a file whose appended lines would
//!   outgrow its base: what a turn writes is, over many turns, a constant multiple of what it changes.
//! - What is not the file that this process wrote, because somebody deleted it, put another in its
//!   place or added to it, is written anew, too.
//! - Nothing is synced: the file need not outlive the boot.

use std::fs::{self, File, OpenOptions};
use std::io::{self, Write};
use std::os::unix::fs::{MetadataExt, OpenOptionsExt};
use std::path::PathBuf;

use serverswap::sys::points;

use super::format::{Header, StateFile, line};
use super::snapshot::{Snapshot, Update};

/// A file that is at most this long is always written anew: one page.
const REWRITTEN_BYTES_MAX: u64 = 4096;

/// The state file as this process has written it.
#[derive(Debug)]
pub struct Journal {
    path: PathBuf,
    header: Header,
    written: Written,
}

#[derive(Debug)]
enum Written {
    /// Nothing, or it is not known what: the next turn writes the whole file.
    Unknown,
    /// This file, whose name was ours at the last write. It is open if it can be appended to: a file that is written anew
    /// each time would have another descriptor each time, and where they are scarce, leave a free one below the reserved ones.
    File { file: Option<File>, inode: (u64, u64), base: u64, length: u64 },
}

impl Journal {
    /// A journal at `path`, with nothing written.
    pub fn new(path: PathBuf, header: Header) -> Self {
        Journal { path, header, written: Written::Unknown }
    }

    /// Whether the file that a reader finds was written by this process.
    pub fn is_begun(&self) -> bool {
        matches!(self.written, Written::File { .. })
    }

    /// Writes what has changed; `snapshot` is asked for what the whole file is to say afterwards.
    ///
    /// # Errors
    /// What was written before is still what a reader finds.
    pub fn write(&mut self, update: &Update, snapshot: impl FnOnce() -> Snapshot) -> io::Result<()> {
        let line = line(update)?;
        if self.has_room_for(&line) { self.append(&line) } else { self.rewrite(snapshot()) }
    }

    /// Writes the whole file, under another name, and renames it.
    ///
    /// # Errors
    /// As [`Self::write`].
    pub fn rewrite(&mut self, snapshot: Snapshot) -> io::Result<()> {
        points::at("before the state is written");
        let unfinished = self.path.with_extension("json.new");
        let base = line(&StateFile { header: self.header.clone(), snapshot })?;
        let mut file =
            OpenOptions::new().write(true).create(true).truncate(true).mode(0o600).open(&unfinished)?;
        file.write_all(&base)?;
        let found = file.metadata()?;
        points::at("before the state is renamed");
        fs::rename(&unfinished, &self.path)?;
        points::at("after the state is renamed");
        let (inode, length) = ((found.dev(), found.ino()), found.len());
        let file = (length > REWRITTEN_BYTES_MAX).then_some(file);
        self.written = Written::File { file, inode, base: length, length };
        Ok(())
    }

    fn has_room_for(&self, line: &[u8]) -> bool {
        let Written::File { file: Some(_), inode, base, length } = &self.written else {
            return false;
        };
        let is_ours = fs::symlink_metadata(&self.path)
            .is_ok_and(|found| (found.dev(), found.ino()) == *inode && found.len() == *length);
        let appended = length - base + line.len() as u64;
        is_ours && appended <= *base
    }

    fn append(&mut self, line: &[u8]) -> io::Result<()> {
        let Written::File { file: Some(file), length, .. } = &mut self.written else {
            return Err(io::ErrorKind::NotFound.into());
        };
        points::at("before the state is appended to");
        match file.write_all(line) {
            Ok(()) => {
                *length += line.len() as u64;
                points::at("after the state is appended to");
                Ok(())
            }
            Err(error) => {
                self.cut_off();
                Err(error)
            }
        }
    }

    /// Removes the piece of a line that is written when a disk becomes full in its middle. Where
    /// that fails, nothing more may be appended behind it.
    fn cut_off(&mut self) {
        let Written::File { file: Some(file), length, .. } = &mut self.written else {
            return;
        };
        let is_cut = file.set_len(*length).and_then(|()| io::Seek::seek(file, io::SeekFrom::Start(*length)));
        if is_cut.is_err() {
            self.written = Written::Unknown;
        }
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;
    use std::path::Path;

    use proptest::collection::{btree_map, vec};
    use proptest::prelude::*;
    use serverswap::protocol::{Address, Generation};
    use serverswap::sys::process::Process;

    use super::*;
    use crate::state::format::parse;
    use crate::state::{AddressRecord, GenerationRecord, SupervisorRecord, read};

    fn header() -> Header {
        Header::new("boot".to_owned(), 7, Process { pid: 1, start: 2 })
    }

    fn name(number: u32) -> Address {
        format!("name-{number}").parse().expect("a plain name")
    }

    fn record(owns: bool) -> AddressRecord {
        let generation = Generation { start: 5, pid: 6 };
        let process = Process { pid: 6, start: 4 };
        let supervisor = SupervisorRecord { process, generation, owns, keeps: false };
        AddressRecord { supervisors: vec![supervisor], ..AddressRecord::default() }
    }

    fn many(count: u32) -> Snapshot {
        let addresses = (0..count).map(|number| (name(number), record(true))).collect();
        Snapshot { addresses, ..Snapshot::default() }
    }

    fn update_of(address: Address, record: Option<AddressRecord>) -> Update {
        Update { addresses: [(address, record)].into(), ..Update::default() }
    }

    fn in_folder(test: impl FnOnce(&Path, Journal)) {
        let folder = tempfile::tempdir().expect("a temporary directory");
        let path = folder.path().join("state.json");
        test(&path, Journal::new(path.clone(), header()));
    }

    fn found(path: &Path) -> Snapshot {
        read(path).expect("readable").expect("there").snapshot
    }

    #[test]
    fn a_turn_costs_what_it_changes_and_not_what_there_is() {
        in_folder(|path, mut journal| {
            let mut state = many(4_000);
            journal.rewrite(state.clone()).expect("written");
            let before = fs::metadata(path).expect("there").len();
            let update = update_of(name(7), None);
            update.clone().apply(&mut state);
            journal.write(&update, || panic!("not the whole file")).expect("appended");
            let after = fs::metadata(path).expect("there").len();
            assert!(after - before < 100, "{} bytes were appended", after - before);
            assert_eq!(found(path), state);
        });
    }

    #[test]
    fn the_appended_part_never_outgrows_the_base() {
        in_folder(|path, mut journal| {
            let mut state = many(100);
            journal.rewrite(state.clone()).expect("written");
            let base = fs::metadata(path).expect("there").len();
            let mut rewrites = 0;
            for turn in 0..1_000 {
                let update = update_of(name(turn % 100), Some(record(turn % 2 == 0)));
                update.clone().apply(&mut state);
                let whole = || {
                    rewrites += 1;
                    state.clone()
                };
                journal.write(&update, whole).expect("written");
                assert!(fs::metadata(path).expect("there").len() <= 2 * base + 200);
            }
            assert_eq!(found(path), state);
            assert!(rewrites < 20, "{rewrites} rewrites");
        });
    }

    #[test]
    fn a_small_file_is_written_anew() {
        in_folder(|path, mut journal| {
            let update = update_of(name(1), Some(record(true)));
            for _ in 0..3 {
                journal.write(&update, || many(2)).expect("written");
                assert_eq!(fs::read(path).expect("there").iter().filter(|byte| **byte == b'\n').count(), 1);
            }
            assert_eq!(found(path), many(2));
        });
    }

    #[test]
    fn what_was_deleted_or_replaced_or_added_to_is_written_anew() {
        let spoils: [fn(&Path); 3] = [
            |path| fs::remove_file(path).expect("deleted"),
            |path| {
                fs::remove_file(path).expect("deleted");
                fs::write(path, "another").expect("replaced");
            },
            |path| {
                let mut file = OpenOptions::new().append(true).open(path).expect("opened");
                file.write_all(b"more").expect("added to");
            },
        ];
        for spoil in spoils {
            in_folder(|path, mut journal| {
                let mut state = many(100);
                journal.rewrite(state.clone()).expect("written");
                spoil(path);
                let update = update_of(name(7), None);
                update.clone().apply(&mut state);
                journal.write(&update, || state.clone()).expect("written");
                assert_eq!(found(path), state);
            });
        }
    }

    #[test]
    fn a_write_that_fails_leaves_the_old_file() {
        in_folder(|path, mut journal| {
            journal.rewrite(many(2)).expect("written");
            fs::create_dir(path.with_extension("json.new")).expect("in the way");
            assert!(journal.write(&update_of(name(7), None), || many(3)).is_err());
            assert_eq!(found(path), many(2));
        });
    }

    #[test]
    fn the_piece_of_a_line_that_fitted_is_removed_before_the_next_one() {
        in_folder(|path, mut journal| {
            let mut state = many(100);
            journal.rewrite(state.clone()).expect("written");
            let Written::File { file: Some(file), .. } = &mut journal.written else {
                panic!("a file was written");
            };
            file.write_all(br#"{"addresses":{"na"#).expect("what a full disk takes");
            journal.cut_off();
            let update = update_of(name(7), None);
            update.clone().apply(&mut state);
            journal.write(&update, || panic!("not the whole file")).expect("appended");
            assert_eq!(found(path), state);
        });
    }

    fn updates() -> impl Strategy<Value = Update> {
        let address = (0..20_u32).prop_map(name);
        let records = btree_map(address, proptest::option::of(any::<bool>().prop_map(record)), 0..4);
        let generation = (1..5_u64, 1..3_u32).prop_map(|(start, pid)| Generation { start, pid });
        let generations = btree_map(generation, proptest::option::of(Just(generation_record())), 0..3);
        (records, generations).prop_map(|(addresses, generations)| Update {
            addresses,
            generations,
            ..Update::default()
        })
    }

    fn generation_record() -> GenerationRecord {
        serde_json::from_str(
            r#"{"timeouts":{"drainMs":1,"killMs":2,"probationMs":3},"up":true,"awaitsServerUp":false}"#,
        )
        .expect("a record")
    }

    proptest! {
        /// Wherever the writer is killed, a reader finds the state after some turn, and after the
        /// last one whose line is whole.
        #[test]
        fn a_file_that_is_cut_anywhere_says_what_was_true_after_a_turn(
            turns in vec(updates(), 1..12), cut in any::<prop::sample::Index>()
        ) {
            let mut state = many(100);
            let base = line(&StateFile { header: header(), snapshot: state.clone() }).expect("JSON");
            let (mut text, mut after) = (base.clone(), BTreeMap::from([(base.len(), state.clone())]));
            for update in turns {
                text.extend(line(&update).expect("JSON"));
                update.apply(&mut state);
                after.insert(text.len(), state.clone());
            }
            let cut = base.len() + cut.index(text.len() - base.len() + 1);
            let expected = after.range(..=cut).next_back().expect("the base is whole").1;
            prop_assert_eq!(&parse(&text[..cut]).expect("readable").snapshot, expected);
        }
    }
}
