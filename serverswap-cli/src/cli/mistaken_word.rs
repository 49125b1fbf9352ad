//! Words that other tools have as commands and serverswap has not, such as `restart`: what to write instead.
//!
//! A program of that name goes first: only a word that could not be started is a mistake.

use std::ffi::OsStr;
use std::os::unix::fs::PermissionsExt;
use std::path::Path;

/// What somebody wanted who wrote one of these words.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Wanted {
    Help,
    Version,
    /// Something that is done in another way.
    Advice(&'static str),
}

const DEPLOY: &str = "to start a server or to deploy, write its command alone: `serverswap node server.js`";
const EXPLAIN: &str = "`serverswap explain CMD` looks at a server, and says with which options it is swapped";
const STATUS: &str = "`serverswap status` shows which server serves what";
const STOP: &str = "`serverswap stop` stops a server when it has answered what is open; `serverswap stop --all` every server";
const LOGS: &str = "`serverswap logs` shows what a server prints, `serverswap logs -f` as it comes";

/// What was wanted, if the word can be no program that is there.
pub(super) fn wanted(word: &OsStr) -> Option<Wanted> {
    let wanted = by_word(word.to_str()?)?;
    let path = std::env::var_os("PATH").unwrap_or_default();
    let mut folders = std::env::split_paths(&path);
    (!folders.any(|folder| is_program(&folder.join(word)))).then_some(wanted)
}

fn by_word(word: &str) -> Option<Wanted> {
    Some(match word {
        "help" => Wanted::Help,
        "version" => Wanted::Version,
        "start" | "run" | "up" | "deploy" | "restart" | "swap" => Wanted::Advice(DEPLOY),
        "list" | "ls" | "ps" | "show" | "info" => Wanted::Advice(STATUS),
        "check" | "inspect" | "doctor" | "probe" => Wanted::Advice(EXPLAIN),
        "stop" | "kill" | "down" | "quit" | "delete" => Wanted::Advice(STOP),
        "log" | "tail" => Wanted::Advice(LOGS),
        _ => return None,
    })
}

fn is_program(path: &Path) -> bool {
    path.metadata().is_ok_and(|file| file.is_file() && file.permissions().mode() & 0o111 != 0)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_word_that_is_a_program_is_started() {
        assert_eq!(wanted(OsStr::new("ls")), None);
        assert_eq!(wanted(OsStr::new("stop")), Some(Wanted::Advice(STOP)));
    }

    #[test]
    fn every_other_word_is_a_program() {
        assert_eq!(wanted(OsStr::new("./stop")), None);
        assert_eq!(wanted(OsStr::new("node")), None);
    }
}
