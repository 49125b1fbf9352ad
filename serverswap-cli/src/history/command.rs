//! What was typed, so that it can be typed again. Pure.
//!
//! A working directory that was given is recorded as what it was resolved to: `current` points to another release later.

use std::ffi::OsString;
use std::path::Path;

use super::record::Record;
use crate::cli::{CommandLine, for_shell};

/// The words of a command of ours that starts this server. `resolve` says where a directory is.
pub(super) fn typed(
    words: impl Iterator<Item = OsString>,
    server: &CommandLine,
    resolve: impl Fn(&str) -> Option<String>,
) -> Vec<String> {
    let words: Vec<OsString> = words.collect();
    let first = words.len().saturating_sub(server.arguments.len() + 1);
    // The interpreter of a script was not typed.
    let options = if words.get(first) == Some(&server.program) { first } else { first + 1 };
    let mut words: Vec<String> = words.iter().map(|word| word.to_string_lossy().into_owned()).collect();
    for index in 0..options {
        if words[index] == CWD && index + 1 < options {
            words[index + 1] = resolve(&words[index + 1]).unwrap_or_else(|| words[index + 1].clone());
        } else if let Some(found) = words[index].strip_prefix("--cwd=").and_then(&resolve) {
            words[index] = format!("{CWD}={found}");
        }
    }
    words
}

const CWD: &str = "--cwd";
const DIR: &str = "--dir";

/// The command line that runs a version again, for a shell. `usual` is the runtime directory of a command without `--dir`.
pub(super) fn again(start: &Record, usual: &Path) -> Option<String> {
    let (program, rest) = start.typed.split_first()?;
    let mut words = vec![OsString::from(program)];
    let is_named = rest.iter().any(|word| word == DIR || word.starts_with("--dir="));
    if !is_named && usual != Path::new(&start.directory) {
        words.extend([DIR, &start.directory].map(OsString::from));
    }
    words.extend(rest.iter().map(OsString::from));
    let command = for_shell(&words);
    Some(match &start.typed_in {
        Some(cwd) => format!("cd {} && {command}", for_shell(&[cwd.into()])),
        None => command,
    })
}

#[cfg(test)]
mod tests {
    use std::time::SystemTime;

    use super::super::record::What;
    use super::*;

    fn words(text: &str) -> impl Iterator<Item = OsString> {
        text.split(' ').map(OsString::from).collect::<Vec<_>>().into_iter()
    }

    #[test]
    fn a_working_directory_is_recorded_as_the_release_that_it_was() {
        let resolve = |path: &str| (path == "current").then(|| "/srv/7".to_owned());
        let typed = |text, server: &str| {
            let mut server = words(server);
            let program = server.next().expect("a command has a program");
            let server = CommandLine { program, arguments: server.collect() };
            typed(words(text), &server, resolve).join(" ")
        };
        assert_eq!(typed("serverswap --cwd current ./app", "./app"), "serverswap --cwd /srv/7 ./app");
        assert_eq!(typed("serverswap --cwd=current ./app", "./app"), "serverswap --cwd=/srv/7 ./app");
        assert_eq!(typed("serverswap --cwd current app.js", "node app.js"), "serverswap --cwd /srv/7 app.js");
        let of_the_server = "serverswap ./app --cwd current";
        assert_eq!(typed(of_the_server, "./app --cwd current"), of_the_server);
        assert_eq!(typed("serverswap --cwd gone ./app", "./app"), "serverswap --cwd gone ./app");
    }

    fn start(typed: &str, typed_in: Option<&str>) -> Record {
        let new = Record::new(What::Start, Path::new("/run/x"), "boot", SystemTime::UNIX_EPOCH);
        let typed = typed.split(' ').map(str::to_owned).collect();
        Record { typed, typed_in: typed_in.map(str::to_owned), ..new }
    }

    #[test]
    fn it_is_quoted_for_a_shell_and_goes_where_it_was_typed() {
        let typed = start("serverswap node it's.js", Some("/srv/my app"));
        let expected = r"cd '/srv/my app' && serverswap node 'it'\''s.js'";
        assert_eq!(again(&typed, Path::new("/run/x")).as_deref(), Some(expected));
    }

    #[test]
    fn a_runtime_directory_that_is_not_the_usual_one_is_named() {
        let usual = Path::new("/run/user/7/serverswap");
        assert_eq!(
            again(&start("serverswap ./app", None), usual).as_deref(),
            Some("serverswap --dir /run/x ./app")
        );
        let named = start("serverswap --dir=/run/x ./app", None);
        assert_eq!(again(&named, usual).as_deref(), Some("serverswap --dir=/run/x ./app"));
    }

    #[test]
    fn of_a_record_without_a_command_there_is_nothing_to_type() {
        let new = Record { typed: Vec::new(), ..start("x", None) };
        assert_eq!(again(&new, Path::new("/run/x")), None);
    }
}
