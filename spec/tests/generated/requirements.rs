//! The normative sentences of the text: `- [SS-FRAME-3] A line **MUST** …`, each with an
//! id, a level (its strongest word) and its words.

use std::collections::BTreeMap;

use serde_json::{Value, json};

const WORDS: [(&str, &str); 7] = [
    ("**MUST NOT**", "MUST"),
    ("**MUST**", "MUST"),
    ("**REQUIRED**", "MUST"),
    ("**SHOULD NOT**", "SHOULD"),
    ("**SHOULD**", "SHOULD"),
    ("**MAY**", "MAY"),
    ("**OPTIONAL**", "MAY"),
];

struct Requirement {
    id: String,
    level: &'static str,
    sentence: String,
}

/// `requirements.json`.
pub(crate) fn document(text: &str) -> Value {
    let list: Vec<Value> = requirements(text)
        .into_iter()
        .map(|requirement| {
            json!({ "id": requirement.id, "level": requirement.level, "sentence": requirement.sentence })
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
    let (id, sentence) = item.strip_prefix("- [")?.split_once("] ")?;
    let id = id.starts_with("SS-").then(|| id.to_owned())?;
    let level = WORDS.iter().find(|(word, _)| sentence.contains(word)).map(|(_, level)| *level);
    let level = level.unwrap_or_else(|| panic!("{id} has no normative word"));
    Some(Requirement { id, level, sentence: sentence.replace("**", "") })
}

fn readme() -> String {
    std::fs::read_to_string(crate::spec("README.md")).expect("spec/README.md")
}

#[test]
fn ids_are_unique_and_count_up_within_their_chapter() {
    let mut counts: BTreeMap<String, usize> = BTreeMap::new();
    for requirement in requirements(&readme()) {
        let (chapter, number) = requirement.id.rsplit_once('-').expect("SS-CHAPTER-NUMBER");
        let count = counts.entry(chapter.to_owned()).or_default();
        *count += 1;
        assert_eq!(number, count.to_string(), "{}", requirement.id);
    }
    assert!(counts.len() > 10, "{counts:?}");
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
    let known: Vec<String> = requirements(&text).into_iter().map(|requirement| requirement.id).collect();
    let chapters = text.split("SS-").skip(1);
    for mention in chapters {
        let end = mention.find(|c: char| !c.is_ascii_alphanumeric() && c != '-').unwrap_or(mention.len());
        let id = format!("SS-{}", &mention[..end]);
        assert!(known.contains(&id), "{id}");
    }
}
