//! The command lines in the documents are understood.

#[path = "../../../tests/documented/mod.rs"]
mod documented;

use std::ffi::OsString;

use crate::cli::parse::UsageError;
use crate::cli::{Program, parse};
use documented::command_lines;

/// Whether the words are a command line, or the beginning of one: `serverswap --dir`, `serverswap --trace FILE`.
fn is_understood(words: &[String], program: Program) -> bool {
    (0..=2).any(|missing| {
        let words = words.iter().map(OsString::from);
        match parse(words.chain((0..missing).map(|_| "word".into())), program) {
            Ok(_) => true,
            Err(UsageError::Clap(error)) => !error.use_stderr(),
            Err(UsageError::Combination { .. }) => false,
        }
    })
}

#[test]
fn every_command_line_of_the_documents_is_understood() {
    for (program, at_least) in [(Program::Serverswap, 20), (Program::ServerswapDeploy, 15)] {
        let shown = command_lines(program.name());
        assert!(shown.len() >= at_least, "{shown:?}");
        for (place, words) in shown {
            assert!(is_understood(&words, program), "{place}");
        }
    }
}

#[test]
fn what_no_command_line_could_be_is_not_understood() {
    for words in [["serverswap", "--prob"], ["serverswap", "--ready-timeout=soon"], ["serverswap", "restart"]]
    {
        assert!(!is_understood(&words.map(str::to_owned), Program::Serverswap), "{words:?}");
    }
}
