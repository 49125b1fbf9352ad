//! The reader: however the kernel cuts the stream, the same lines come out with the same
//! descriptors, and no bytes make it panic, lose a descriptor or invent one.

use std::cell::RefCell;
use std::collections::BTreeSet;
use std::rc::Rc;

use proptest::collection::vec;
use proptest::prelude::*;
use serverswap_protocol::line::{LineError, LineReader, decode, encode};
use serverswap_protocol::message::{FromArbiter, FromClient, Message};

use crate::messages;

/// A descriptor that says when it is closed.
#[derive(Debug)]
struct Tracked {
    number: usize,
    closed: Rc<RefCell<BTreeSet<usize>>>,
}

impl Drop for Tracked {
    fn drop(&mut self) {
        assert!(self.closed.borrow_mut().insert(self.number), "closed once");
    }
}

type Lines = Vec<(String, Vec<(String, usize)>)>;

/// Everything that the reader yields until it wants more.
fn drain(reader: &mut LineReader<usize>, lines: &mut Lines) -> Result<(), LineError> {
    while let Some(line) = reader.next_line()? {
        lines.push((serde_json::to_string(&line.object).expect("JSON"), line.fds));
    }
    Ok(())
}

/// Each message as one piece for each cut, as reads can return it: the descriptors come with the
/// first byte of their line.
fn pieces(messages: &[FromClient], cuts: &[usize]) -> Vec<(Vec<u8>, Vec<usize>)> {
    let mut pieces = Vec::new();
    let mut next = 0;
    for message in messages {
        let bytes = encode(message);
        let fds: Vec<usize> = (next..next + message.fds().len()).collect();
        next += fds.len();
        let mut at: Vec<usize> =
            cuts.iter().map(|cut| 1 + cut % bytes.len()).filter(|at| *at < bytes.len()).collect();
        at.sort_unstable();
        at.dedup();
        let mut start = 0;
        let mut attached = Some(fds);
        for end in at.into_iter().chain([bytes.len()]) {
            pieces.push((bytes[start..end].to_vec(), attached.take().unwrap_or_default()));
            start = end;
        }
    }
    pieces
}

/// Joins neighbouring pieces as the kernel may: never past bytes that came with descriptors.
fn merged(pieces: Vec<(Vec<u8>, Vec<usize>)>, merge: &[bool]) -> Vec<(Vec<u8>, Vec<usize>)> {
    let mut reads: Vec<(Vec<u8>, Vec<usize>)> = Vec::new();
    for (index, (bytes, fds)) in pieces.into_iter().enumerate() {
        let may = merge.get(index % merge.len().max(1)).copied().unwrap_or(false);
        match reads.last_mut().filter(|last| may && last.1.is_empty()) {
            Some(last) => {
                last.0.extend(bytes);
                last.1 = fds;
            }
            None => reads.push((bytes, fds)),
        }
    }
    reads
}

proptest! {
    #[test]
    fn the_lines_and_their_descriptors_are_the_same_for_every_split_and_merge(
        messages in vec(messages::from_client(), 1..6),
        cuts in vec(any::<usize>(), 0..6),
        merge in vec(any::<bool>(), 1..8),
    ) {
        let mut expected = Lines::new();
        let mut whole = LineReader::default();
        for (bytes, fds) in pieces(&messages, &[]) {
            whole.push(&bytes, fds);
            drain(&mut whole, &mut expected).expect("legal lines");
        }
        let mut found = Lines::new();
        let mut reader = LineReader::default();
        for (bytes, fds) in merged(pieces(&messages, &cuts), &merge) {
            reader.push(&bytes, fds);
            drain(&mut reader, &mut found).expect("legal lines, however they are cut");
        }
        prop_assert_eq!(expected.len(), messages.len());
        prop_assert_eq!(found, expected);
        prop_assert!(reader.finish().is_ok());
    }

    #[test]
    fn every_descriptor_is_handed_out_or_closed_exactly_once(
        messages in vec(messages::from_arbiter(), 1..6),
        surplus in 0usize..3,
        torn in any::<proptest::sample::Index>(),
    ) {
        let closed = Rc::new(RefCell::new(BTreeSet::new()));
        let bytes: Vec<u8> = messages.iter().flat_map(encode).collect();
        let bytes = &bytes[..torn.index(bytes.len()) + 1];
        let total = messages.iter().map(|message| message.fds().len()).sum::<usize>() + surplus;
        let mut reader = LineReader::default();
        reader.push(bytes, (0..total).map(|number| Tracked { number, closed: Rc::clone(&closed) }));
        let mut taken = Vec::new();
        while let Ok(Some(line)) = reader.next_line() {
            let named = line.object.get("fds").and_then(|fds| fds.as_array()).map_or(0, Vec::len);
            prop_assert_eq!(line.fds.len(), named);
            taken.extend(line.fds.iter().map(|(_, fd)| fd.number));
            drop(decode::<FromArbiter, _>(line));
        }
        drop(reader);
        prop_assert_eq!(&taken, &(0..taken.len()).collect::<Vec<_>>());
        prop_assert_eq!(closed.borrow().len(), total);
    }

    #[test]
    fn no_bytes_make_the_reader_panic(reads in vec((vec(any::<u8>(), 0..64), 0usize..3), 0..8)) {
        let mut reader = LineReader::default();
        for (bytes, fds) in reads {
            reader.push(&bytes, 0..fds);
            match reader.next_line() {
                Ok(Some(line)) => drop(decode::<FromClient, _>(line)),
                Ok(None) => {}
                Err(error) => {
                    prop_assert!(!error.to_string().is_empty());
                    break;
                }
            }
        }
    }

    #[test]
    fn no_mutation_of_a_line_makes_the_reader_or_the_decoder_panic(
        message in messages::from_client(),
        at in any::<proptest::sample::Index>(),
        byte in any::<u8>(),
    ) {
        let mut bytes = encode(&message);
        let at = at.index(bytes.len());
        bytes[at] = byte;
        let mut reader = LineReader::default();
        reader.push(&bytes, 0..message.fds().len());
        while let Ok(Some(line)) = reader.next_line() {
            drop(decode::<FromClient, _>(line));
        }
    }
}
