//! The sentences of the specification, as this program was built with them.

use std::sync::LazyLock;

use serde::Deserialize;

use super::Role;

/// One requirement of `spec/README.md`.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
pub struct Requirement {
    /// As in `SS-CLAIM-2`.
    pub id: String,
    /// The side that it binds: `client`, `server`, `supervisor`, `observer`, `arbiter` or `every side`.
    pub binds: String,
    /// `MUST`, `SHOULD` or `MAY`: the strongest of its clauses.
    pub level: String,
    /// The level of each clause, in the order of the sentence.
    pub clauses: Vec<String>,
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

    /// The one of a citation, such as `SS-CLAIM-2` or, for its second clause, `SS-CLAIM-2/2`.
    #[must_use]
    pub fn find(citation: &str) -> Option<&'static Requirement> {
        let id = citation.split_once('/').map_or(citation, |(id, _)| id);
        ALL.iter().find(|requirement| requirement.id == id)
    }

    /// The citations of its clauses: its id, or that with the number of each.
    pub fn citations(&self) -> impl Iterator<Item = String> {
        (1..=self.clauses.len()).map(|number| match self.clauses.len() {
            1 => self.id.clone(),
            _ => format!("{}/{number}", self.id),
        })
    }

    /// Whether cases of this role are about a side that it binds: those of the role `client` are about
    /// servers, those of the role `supervisor` about the arbiter and the supervisor in one command.
    #[must_use]
    pub fn binds(&self, role: Role) -> bool {
        match self.binds.as_str() {
            "every side" => true,
            "client" | "server" => role == Role::Client,
            _ => role == Role::Supervisor,
        }
    }
}

/// Whether a case or check of this role can say that it proves what is cited.
///
/// # Errors
/// In words: there is no such sentence, a clause of it is to be named, or it binds only other sides. What
/// another side *may* do can be cited: it has to be taken.
pub fn check_citation(citation: &str, role: Role) -> Result<(), String> {
    let Some(requirement) = Requirement::find(citation) else {
        return Err(format!("`{citation}` is no requirement of spec/README.md"));
    };
    let Some(clause) = requirement.citations().position(|known| known == citation) else {
        let known: Vec<String> = requirement.citations().collect();
        return Err(format!("`{citation}` is no clause: cite {}", known.join(" or ")));
    };
    if requirement.binds(role) || requirement.clauses[clause] == "MAY" {
        return Ok(());
    }
    Err(format!("`{citation}` binds another side: {}", requirement.binds))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_requirement_is_found_by_its_id_and_by_a_clause() {
        let found = Requirement::find("SS-NEG-3").expect("it is in the text");
        assert!(found.sentence.starts_with("A client MUST NOT send anything before"), "{}", found.sentence);
        assert_eq!(Requirement::find("SS-NEG-3/1"), Some(found));
        assert_eq!(Requirement::find("SS-NEG-0"), None);
    }

    #[test]
    fn a_citation_names_a_clause_of_a_sentence_that_binds_the_side() {
        let cases = [
            ("SS-NEG-3", Role::Client, Ok(())),
            ("SS-ERR-1/2", Role::Supervisor, Ok(())),
            ("SS-ERR-1", Role::Client, Err("`SS-ERR-1` is no clause: cite SS-ERR-1/1 or SS-ERR-1/2")),
            ("SS-NEG-3/1", Role::Client, Err("`SS-NEG-3/1` is no clause: cite SS-NEG-3")),
            ("SS-NEG-3", Role::Supervisor, Err("`SS-NEG-3` binds another side: client")),
            ("SS-TAKE-9", Role::Supervisor, Ok(())),
            ("SS-NEG-0", Role::Client, Err("`SS-NEG-0` is no requirement of spec/README.md")),
        ];
        for (citation, role, expected) in cases {
            assert_eq!(check_citation(citation, role), expected.map_err(str::to_owned));
        }
    }
}
