//! The languages that have a template.

use std::fmt;
use std::str::FromStr;

/// A language that has a template.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Language {
    /// Go.
    Go,
    /// Ruby.
    Ruby,
    /// PHP.
    Php,
    /// Python.
    Python,
    /// Node.
    Node,
    /// Rust.
    Rust,
}

/// No template is for this.
#[derive(Debug, thiserror::Error)]
#[error("there is no template for `{0}`; there are {known}; any other language needs only the contract", known = names())]
pub struct LanguageError(String);

impl Language {
    /// Each of them.
    pub const ALL: [Language; 6] =
        [Language::Go, Language::Ruby, Language::Php, Language::Python, Language::Node, Language::Rust];

    /// As it is written on the command line; also the folder of its template.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Language::Go => "go",
            Language::Ruby => "ruby",
            Language::Php => "php",
            Language::Python => "python",
            Language::Node => "node",
            Language::Rust => "rust",
        }
    }

    /// What makes a program of its template; `None`: the template is one.
    #[must_use]
    pub fn build_step(self) -> Option<&'static str> {
        match self {
            Language::Go => Some("go build"),
            Language::Rust => Some("cargo build"),
            Language::Ruby | Language::Php | Language::Python | Language::Node => None,
        }
    }
}

impl FromStr for Language {
    type Err = LanguageError;

    fn from_str(name: &str) -> Result<Self, LanguageError> {
        Language::ALL
            .into_iter()
            .find(|each| each.name() == name)
            .ok_or_else(|| LanguageError(name.to_owned()))
    }
}

impl fmt::Display for Language {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

fn names() -> String {
    Language::ALL.map(Language::name).join(", ")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_language_is_known_by_its_name() {
        assert_eq!("php".parse::<Language>().expect("known"), Language::Php);
        let unknown = "cobol".parse::<Language>().expect_err("unknown").to_string();
        assert!(unknown.contains("`cobol`; there are go, ruby, php, python, node, rust"), "{unknown}");
    }
}
