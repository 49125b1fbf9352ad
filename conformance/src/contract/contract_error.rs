//! How a broken contract is told to the author of the driver.

/// Most characters of a line that an error shows.
const SHOWN_CHARS_MAX: usize = 200;

/// A line of standard output that the contract does not know. The driver's fault.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum ContractError {
    /// Bytes that are no text.
    #[error("the driver wrote `{line}` to its standard output, which is not UTF-8")]
    NotUtf8 {
        /// What was written.
        line: String,
    },
    /// Something that is neither a reply nor an event.
    #[error(
        "the driver wrote `{line}` to its standard output, which is no JSON object of the contract ({why}); \
         standard output is for replies and events only, logs belong to standard error"
    )]
    Noise {
        /// What was written.
        line: String,
        /// Why it is none.
        why: String,
    },
    /// A reply that is not in the form of the contract.
    #[error("the driver's reply `{line}` breaks the contract: {why}")]
    Reply {
        /// What was written.
        line: String,
        /// What is wrong with it.
        why: String,
    },
    /// An event that is not in the form of the contract.
    #[error("the driver's event `{line}` breaks the contract: {why}")]
    Event {
        /// What was written.
        line: String,
        /// What is wrong with it.
        why: String,
    },
}

/// Which part of the contract a JSON value breaks.
pub(super) enum Unreadable {
    Neither,
    Reply(String),
    Event(String),
}

/// A line as an error shows it: short, and without control characters.
pub(super) fn shown(line: &[u8]) -> String {
    let text = String::from_utf8_lossy(line);
    let mut shown: String = text.chars().take(SHOWN_CHARS_MAX).flat_map(char::escape_debug).collect();
    if text.chars().nth(SHOWN_CHARS_MAX).is_some() {
        shown.push('…');
    }
    shown.replace("\\\"", "\"")
}
