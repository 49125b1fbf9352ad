//! The normative sentences of the text: `- [SS-FRAME-3 arbiter] A line **MUST** …`, each with an id,
//! whom it binds (nobody named: every side), a level (its strongest word), the levels of its clauses
//! (one for each key word) and its words.

use std::collections::{BTreeMap, BTreeSet};

use serde_json::{Value, json};

/// The key words, the strongest first, and their levels.
const WORDS: [(&str, &str); 5] = [
    ("**MUST NOT**", "MUST"),
    ("**MUST**", "MUST"),
    ("**SHOULD NOT**", "SHOULD"),
    ("**SHOULD**", "SHOULD"),
    ("**MAY**", "MAY"),
];

const SIDES: [&str; 5] = ["client", "server", "supervisor", "observer", "arbiter"];

struct Requirement {
    id: String,
    /// One of [`SIDES`]; `every side` if none is named.
    binds: String,
    level: &'static str,
    clauses: Vec<&'static str>,
    sentence: String,
}

/// `requirements.json`.
pub(crate) fn document(text: &str) -> Value {
    let list: Vec<Value> = requirements(text)
        .into_iter()
        .map(|requirement| {
            json!({
                "id": requirement.id,
                "binds": requirement.binds,
                "level": requirement.level,
                "clauses": requirement.clauses,
                "sentence": requirement.sentence,
            })
        })
        .collect();
    json!({ "version": 1, "requirements": list })
}

fn requirements(text: &str) -> Vec<Requirement> {
    items(text).into_iter().filter_map(|item| parse(&item)).collect()
}

/// List items with their continuation lines joined, and every other line outside code.
fn items(text: &str) -> Vec<String> {
    let mut items: Vec<String> = Vec::new();
    let mut fenced = false;
    for line in text.lines() {
        if line.starts_with("```") {
            fenced = !fenced;
        } else if fenced {
        } else if line.starts_with("  ") && items.last().is_some_and(|item| item.starts_with("- ")) {
            let last = items.last_mut().expect("looked at above");
            last.push(' ');
            last.push_str(line.trim());
        } else {
            items.push(line.to_owned());
        }
    }
    items
}

fn parse(item: &str) -> Option<Requirement> {
    let (mark, sentence) = item.strip_prefix("- [")?.split_once("] ")?;
    let (id, binds) = mark.split_once(' ').unwrap_or((mark, "every side"));
    let id = id.starts_with("SS-").then(|| id.to_owned())?;
    let clauses = clauses(sentence);
    let mut levels = WORDS.iter().map(|(_, level)| *level);
    let level = levels.find(|level| clauses.contains(level));
    let level = level.unwrap_or_else(|| panic!("{id} has no normative word"));
    Some(Requirement { id, binds: binds.to_owned(), level, clauses, sentence: sentence.replace("**", "") })
}

/// The level of each key word, in the order of the sentence.
fn clauses(sentence: &str) -> Vec<&'static str> {
    let places = |(word, level): &(&str, &'static str)| {
        let level = *level;
        sentence.match_indices(word).map(move |(at, _)| (at, level)).collect::<Vec<_>>()
    };
    let mut found: Vec<_> = WORDS.iter().flat_map(places).collect();
    found.sort_unstable();
    found.into_iter().map(|(_, level)| level).collect()
}

fn readme() -> String {
    std::fs::read_to_string(crate::spec("README.md")).expect("spec/README.md")
}

#[test]
fn ids_are_unique_and_the_numbers_of_a_chapter_have_no_gap() {
    let mut chapters: BTreeMap<String, BTreeSet<usize>> = BTreeMap::new();
    for requirement in requirements(&readme()) {
        let (chapter, number) = requirement.id.rsplit_once('-').expect("SS-CHAPTER-NUMBER");
        let number = number.parse().expect("a number");
        assert!(chapters.entry(chapter.to_owned()).or_default().insert(number), "twice: {}", requirement.id);
    }
    for (chapter, numbers) in &chapters {
        assert_eq!(numbers.last(), Some(&numbers.len()), "{chapter}: {numbers:?}");
    }
    assert!(chapters.len() > 10, "{chapters:?}");
}

#[test]
fn a_sentence_binds_a_side_of_the_protocol() {
    for Requirement { id, binds, .. } in requirements(&readme()) {
        assert!(binds == "every side" || SIDES.contains(&binds.as_str()), "{id} binds `{binds}`");
    }
}

#[test]
fn every_normative_sentence_has_an_id() {
    let boilerplate = |item: &str| item.contains("RFC 2119");
    for item in items(&readme()) {
        let normative = WORDS.iter().any(|(word, _)| item.contains(word));
        assert!(!normative || parse(&item).is_some() || boilerplate(&item), "{item}");
    }
}

#[test]
fn every_id_that_the_text_mentions_is_the_id_of_a_sentence() {
    let text = readme();
    let known: BTreeSet<String> = requirements(&text).into_iter().map(|requirement| requirement.id).collect();
    let chapters = text.split("SS-").skip(1);
    for mention in chapters {
        let end = mention.find(|c: char| !c.is_ascii_alphanumeric() && c != '-').unwrap_or(mention.len());
        let id = format!("SS-{}", &mention[..end]);
        assert!(known.contains(&id), "{id}");
    }
}
