//! The version of the suite: which cases there are and what they demand.
//!
//! It deliberately is not that of the package: a suite of the same version gives the same verdict, whoever built it and
//! whatever else has changed in it. The first number is the version of the protocol that is proven, the second one is
//! raised with each set of cases that is added or mended; `conformance/ERRATA.md` says which were wrong.

use std::borrow::Cow;
use std::fmt;
use std::str::FromStr;

use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};
use serde::Deserialize;

/// As in `1.0`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Deserialize)]
#[serde(try_from = "String")]
pub struct SuiteVersion {
    /// The version of the protocol.
    pub protocol: u32,
    /// Counts the versions of the suite for this protocol, from 0.
    pub edition: u32,
}

/// This suite.
pub const SUITE: SuiteVersion = SuiteVersion { protocol: 1, edition: 1 };

/// What `--version` says behind the name of the program.
pub static VERSIONS: &str =
    concat!(env!("CARGO_PKG_VERSION"), ", suite 1.1 for protocol 1, driver contract 1");

/// No version of a suite.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("a version of the suite is two numbers, as in `{SUITE}`, and not `{0}`")]
pub struct SuiteVersionError(String);

/// A suite that is pinned and that this program is not able to stand for.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum PinError {
    /// It has cases that this one has not.
    #[error(
        "suite {0} is pinned, and this is suite {SUITE}, which lacks what was added since; install a newer one"
    )]
    Newer(SuiteVersion),
    /// It is about another protocol.
    #[error("suite {0} is pinned, which proves protocol {protocol}; this is suite {SUITE}", protocol = .0.protocol)]
    OtherProtocol(SuiteVersion),
}

impl SuiteVersion {
    /// Whether this program can judge as the suite of that version did: by which cases it had, not by how each was mended
    /// since.
    ///
    /// # Errors
    /// It is newer, or about another protocol.
    pub fn pinned(self) -> Result<SuiteVersion, PinError> {
        if self.protocol != SUITE.protocol {
            Err(PinError::OtherProtocol(self))
        } else if self > SUITE {
            Err(PinError::Newer(self))
        } else {
            Ok(self)
        }
    }
}

impl FromStr for SuiteVersion {
    type Err = SuiteVersionError;

    fn from_str(text: &str) -> Result<Self, SuiteVersionError> {
        let number = |text: &str| text.parse::<u32>().ok().filter(|number| number.to_string() == text);
        let numbers = text.split_once('.').and_then(|(one, other)| Some((number(one)?, number(other)?)));
        let (protocol, edition) = numbers.ok_or_else(|| SuiteVersionError(text.to_owned()))?;
        Ok(SuiteVersion { protocol, edition })
    }
}

impl TryFrom<String> for SuiteVersion {
    type Error = SuiteVersionError;

    fn try_from(text: String) -> Result<Self, SuiteVersionError> {
        text.parse()
    }
}

impl fmt::Display for SuiteVersion {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}.{}", self.protocol, self.edition)
    }
}

impl JsonSchema for SuiteVersion {
    fn inline_schema() -> bool {
        true
    }

    fn schema_name() -> Cow<'static, str> {
        "SuiteVersion".into()
    }

    fn json_schema(_: &mut SchemaGenerator) -> Schema {
        json_schema!({"type": "string", "pattern": "^(0|[1-9][0-9]*)\\.(0|[1-9][0-9]*)$"})
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn version(text: &str) -> SuiteVersion {
        text.parse().expect("a version")
    }

    #[test]
    fn a_version_is_two_numbers() {
        assert_eq!(version("1.10").to_string(), "1.10");
        assert!(version("1.10") > version("1.9"));
        for wrong in ["1", "1.x", "1.0.0", "01.0", "", "v1.0"] {
            assert_eq!(wrong.parse::<SuiteVersion>(), Err(SuiteVersionError(wrong.to_owned())));
        }
    }

    #[test]
    fn an_older_suite_of_the_same_protocol_can_be_pinned() {
        assert_eq!(version("1.0").pinned(), Ok(version("1.0")));
        assert_eq!(version("1.999").pinned(), Err(PinError::Newer(version("1.999"))));
        assert_eq!(version("2.0").pinned(), Err(PinError::OtherProtocol(version("2.0"))));
    }

    #[test]
    fn the_program_and_the_errata_name_this_version() {
        assert!(VERSIONS.contains(&format!("suite {SUITE} for protocol {}", SUITE.protocol)), "{VERSIONS}");
        let errata = include_str!("../ERRATA.md");
        assert!(errata.contains(&format!("\n## {SUITE}\n")), "a section for each version");
    }
}
