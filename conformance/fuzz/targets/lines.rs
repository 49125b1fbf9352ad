//! Framing: however the kernel cuts a stream, the same lines come out, each with exactly the
//! descriptors that it names, and nothing is lost or invented.
//!
//! The input is the stream, then two bytes a cut (how long the piece is, how many descriptors
//! come with it), then the number of cuts in the last byte.

#![no_main]

use libfuzzer_sys::fuzz_target;
use serverswap_protocol::limits::FDS_PER_LINE_MAX;
use serverswap_protocol::line::{LineError, LineReader};

const CUTS_MAX: usize = 16;

fuzz_target!(|data: &[u8]| {
    let Some((stream, cuts)) = cut(data) else {
        return;
    };
    let whole = read([(stream, 0)].into_iter());
    let mut rest = stream;
    let mut pieces = Vec::new();
    for pair in cuts.chunks_exact(2) {
        let (piece, after) = rest.split_at(rest.len().min(usize::from(pair[0])));
        pieces.push((piece, 0));
        rest = after;
    }
    pieces.push((rest, 0));
    assert_eq!(read(pieces.iter().copied()), whole, "the same lines for every split");
    let with_descriptors: Vec<(&[u8], usize)> = pieces
        .iter()
        .enumerate()
        .map(|(index, (piece, _))| (*piece, cuts.get(2 * index + 1).map_or(0, |fds| usize::from(*fds))))
        .collect();
    every_descriptor_is_accounted_for(&with_descriptors);
});

fn cut(data: &[u8]) -> Option<(&[u8], &[u8])> {
    let (last, data) = data.split_last()?;
    let bytes = 2 * (usize::from(*last) % CUTS_MAX);
    (bytes <= data.len()).then(|| data.split_at(data.len() - bytes))
}

/// Every line as text, and how it ended.
fn read<'a>(pieces: impl Iterator<Item = (&'a [u8], usize)>) -> (Vec<String>, Option<String>) {
    let mut reader = LineReader::<usize>::default();
    let mut lines = Vec::new();
    for (bytes, fds) in pieces {
        reader.push(bytes, 0..fds);
        loop {
            match reader.next_line() {
                Ok(Some(line)) => {
                    lines.push(serde_json::to_string(&line.object).expect("an object is JSON"));
                }
                Ok(None) => break,
                Err(error) => return (lines, Some(error.to_string())),
            }
        }
    }
    (lines, reader.finish().err().map(|error| error.to_string()))
}

fn every_descriptor_is_accounted_for(pieces: &[(&[u8], usize)]) {
    let mut reader = LineReader::default();
    let (mut pushed, mut taken) = (0, 0);
    for (bytes, fds) in pieces {
        reader.push(bytes, pushed..pushed + fds);
        pushed += fds;
        loop {
            match reader.next_line() {
                Ok(Some(line)) => {
                    let named = line.object.get("fds").and_then(|fds| fds.as_array()).map_or(0, Vec::len);
                    assert_eq!(line.fds.len(), named, "as many as the line names");
                    for (_, number) in line.fds {
                        assert_eq!(number, taken, "in the order of their arrival");
                        taken += 1;
                    }
                }
                Ok(None) => break,
                Err(LineError::LeftOver(left)) => {
                    // Those of the line that is refused with them have not been taken.
                    let of_the_line = pushed - taken - left;
                    assert!(of_the_line <= FDS_PER_LINE_MAX, "{of_the_line} belong to no line");
                    return;
                }
                Err(_) => return,
            }
        }
        assert!(taken <= pushed);
    }
}
