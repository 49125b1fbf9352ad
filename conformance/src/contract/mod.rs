//! The driver contract, version 1: what a driver is told on its standard input and what it
//! writes to its standard output. The types here are the source of
//! `conformance/contract/v1/schema.json`; `conformance/contract/v1/README.md` is the text.
//!
//! It deliberately knows nothing of processes and pipes (`client::driver` does), and nothing
//! of what the client under test makes of a command.
//!
//! Rules:
//! - One line is one JSON object. Everything of a driver's standard output is a [`Reply`] or an
//!   [`Event`]; the first line that is neither breaks the contract.
//! - Unknown keys are ignored on both sides; unknown commands are answered `unsupported`.

mod command;
mod contract_error;
mod event;
mod keys;
mod reply;
mod schema;

use serde_json::Value;

pub use command::{Claim, Command, Numbered, Socket};
pub use contract_error::ContractError;
pub use event::Event;
pub(crate) use keys::{check_event_keys, check_template};
pub use reply::{
    Answer, ConnectReply, ContractClient, DecodeReply, EncodeReply, HelloReply, Reply, ReplyBodyError,
    Support,
};
pub use schema::document;

/// The version of the contract that this suite speaks.
pub const CONTRACT: u32 = 1;

/// The variable that every driver finds set to `1`.
pub const CONFORMANCE_VARIABLE: &str = "SERVERSWAP_CONFORMANCE";

/// How long a driver may go on after the end of its standard input, in milliseconds.
pub const EXIT_MILLIS_MAX: u64 = 2_000;

/// One line of a driver's standard output.
#[derive(Debug, Clone, PartialEq)]
pub enum Said {
    /// The answer to a command.
    Reply(Reply),
    /// An outcome, or something that nobody asked for.
    Event(Event),
}

/// Reads one line of a driver's standard output, without its line feed.
///
/// # Errors
/// The line breaks the contract; the error says how, in words for the driver's author.
pub fn read(line: &[u8]) -> Result<Said, ContractError> {
    let text = std::str::from_utf8(line)
        .map_err(|_| ContractError::NotUtf8 { line: contract_error::shown(line) })?;
    let noise = |why: String| ContractError::Noise { line: contract_error::shown(line), why };
    let value: Value = serde_json::from_str(text).map_err(|error| noise(error.to_string()))?;
    read_value(value).map_err(|why| match why {
        contract_error::Unreadable::Neither => noise("it has neither `seq` nor `event`".to_owned()),
        contract_error::Unreadable::Reply(why) => {
            ContractError::Reply { line: contract_error::shown(line), why }
        }
        contract_error::Unreadable::Event(why) => {
            ContractError::Event { line: contract_error::shown(line), why }
        }
    })
}

fn read_value(value: Value) -> Result<Said, contract_error::Unreadable> {
    if value.get("seq").is_some() {
        return Reply::from_value(value).map(Said::Reply).map_err(contract_error::Unreadable::Reply);
    }
    if value.get("event").is_some() {
        return serde_json::from_value(value)
            .map(Said::Event)
            .map_err(|error| contract_error::Unreadable::Event(error.to_string()));
    }
    Err(contract_error::Unreadable::Neither)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn complaint(line: &[u8]) -> String {
        read(line).expect_err("the contract is broken").to_string()
    }

    #[test]
    fn a_reply_and_an_event_are_told_apart_by_their_keys() {
        assert!(matches!(read(br#"{"seq":1,"ok":true}"#), Ok(Said::Reply(_))));
        assert!(matches!(read(br#"{"event":"lost","code":"internal"}"#), Ok(Said::Event(_))));
    }

    #[test]
    fn what_breaks_the_contract_is_named_and_shown() {
        let cases: [(&[u8], &str); 6] = [
            (b"starting up", "which is no JSON object of the contract"),
            (b"\xff", "which is not UTF-8"),
            (b"{}", "it has neither `seq` nor `event`"),
            (br#"{"seq":1}"#, "exactly one of `ok`, `unsupported` and `errored`"),
            (br#"{"event":"granted"}"#, "missing field"),
            (br#"{"event":"boom"}"#, "unknown variant `boom`"),
        ];
        for (line, expected) in cases {
            let complaint = complaint(line);
            assert!(complaint.contains(expected), "{complaint}");
        }
    }
}
