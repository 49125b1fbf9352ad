//! The sentences of the specification, as this program was built with them.

use std::sync::LazyLock;

use serde::Deserialize;

/// One requirement of `spec/README.md`.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
pub struct Requirement {
    /// As in `SS-CLAIM-2`.
    pub id: String,
    /// `MUST`, `SHOULD` or `MAY`.
    pub level: String,
    /// The words of the text.
    pub sentence: String,
}

#[derive(Deserialize)]
struct Document {
    requirements: Vec<Requirement>,
}

static ALL: LazyLock<Vec<Requirement>> = LazyLock::new(|| {
    let text = include_str!("../../../spec/v1/requirements.json");
    let document: Document = serde_json::from_str(text).expect("a test of the spec keeps its list in form");
    document.requirements
});

impl Requirement {
    /// Every one, in the order of the text.
    #[must_use]
    pub fn all() -> &'static [Requirement] {
        &ALL
    }

    /// The one with this id.
    #[must_use]
    pub fn find(id: &str) -> Option<&'static Requirement> {
        ALL.iter().find(|requirement| requirement.id == id)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_requirement_is_found_by_its_id() {
        let found = Requirement::find("SS-NEG-3").expect("it is in the text");
        assert!(found.sentence.starts_with("A client MUST NOT send anything before"), "{}", found.sentence);
        assert_eq!(Requirement::find("SS-NEG-0"), None);
    }
}
