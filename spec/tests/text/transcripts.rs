//! Transcripts: `[CONNECTION] → LINE` is from the client, `←` from the arbiter.

use std::collections::BTreeMap;

use serde_json::{Map, Value};
use serverswap_protocol::trace::{Side, check};

use crate::committed::{DIRECTIONS, Schemas};
use crate::fences::blocks;

type Said = (Side, Map<String, Value>);

/// The conversation on each connection of a block.
fn conversations(block: &str) -> BTreeMap<&str, Vec<Said>> {
    let mut conversations: BTreeMap<&str, Vec<Said>> = BTreeMap::new();
    for line in block.lines() {
        let (from, arrow) = match line.find(['→', '←']) {
            Some(at) if line[at..].starts_with('→') => (Side::Client, at),
            Some(at) => (Side::Arbiter, at),
            None => panic!("no arrow in {line}"),
        };
        let object = serde_json::from_str(&line[arrow + '→'.len_utf8()..]).expect("JSON behind the arrow");
        conversations.entry(line[..arrow].trim()).or_default().push((from, object));
    }
    conversations
}

#[test]
fn every_transcript_may_be_sent_and_conforms_to_both_sides_tables() {
    let [client, arbiter] = DIRECTIONS.map(Schemas::of);
    let transcripts = blocks("ndjson");
    assert!(transcripts.len() >= 6, "{}", transcripts.len());
    for block in &transcripts {
        for (connection, lines) in conversations(block) {
            for (from, line) in &lines {
                let schemas = if *from == Side::Client { &client } else { &arbiter };
                let line = Value::Object(line.clone());
                assert!(schemas.strict.is_valid(&line) && schemas.lenient.is_valid(&line), "{line}");
            }
            for view in [Side::Client, Side::Arbiter] {
                let checker =
                    check(view, lines.iter().map(|(from, line)| (*from, line))).unwrap_or_else(|fault| {
                        panic!("`{connection}` as seen by the {view:?}: {fault}\n{block}")
                    });
                assert_eq!(checker.open_requests(Side::Client), [0u64; 0], "{block}");
                assert_eq!(checker.open_requests(Side::Arbiter), [0u64; 0], "{block}");
            }
        }
    }
}
