//! The command that is rehearsed, as a person types it.

use std::path::{Path, PathBuf};

use serverswap_protocol::message::Form;

use super::RehearseError;
use super::findings::Speaks;
use crate::sandbox::Programs;

/// Options of `serverswap` that are followed by a value.
const VALUED: [&str; 17] = [
    "--socket",
    "--ready",
    "--stop-signal",
    "--probation",
    "--ready-timeout",
    "--drain-timeout",
    "--drain-stream-timeout",
    "--kill-timeout",
    "--restart",
    "--cwd",
    "--env-file",
    "--output",
    "--unix-mode",
    "--unix-group",
    "--dir",
    "--log-format",
    "--trace",
];

/// Those of a server that does not use the library; `--adopt` may have its value behind a `=`.
const OF_OTHERS: [&str; 3] = ["--socket", "--intercept", "--adopt"];

/// A command that starts a server by `serverswap` or `serverswap-deploy`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct SwapCommand {
    /// The words, with the program's path where it is known.
    pub(super) words: Vec<String>,
    /// The words of the server's own command.
    pub(super) server: Vec<String>,
    /// Who speaks for the server.
    pub(super) speaks: Speaks,
    /// What it does when its server is up.
    pub(super) form: Form,
    /// The `serverswap` that says who serves.
    pub(super) status_program: String,
    /// Where it records, which the user may have named.
    pub(super) recording: PathBuf,
}

impl SwapCommand {
    /// Reads the words of a command line.
    ///
    /// # Errors
    /// It does not run `serverswap`, starts nothing, or names a runtime directory of its own.
    pub(super) fn from_words(
        words: &[String],
        programs: &Programs,
        recording: &Path,
    ) -> Result<SwapCommand, RehearseError> {
        let place =
            words.iter().position(|word| ["serverswap", "serverswap-deploy"].contains(&name_of(word)));
        let place = place.ok_or_else(|| RehearseError::NotServerswap { command: words.join(" ") })?;
        let options = options(&words[place + 1..]);
        if options.len() == words.len() - place - 1 {
            return Err(RehearseError::NothingToStart { command: words.join(" ") });
        }
        if options.iter().any(|option| *option == "--dir" || option.starts_with("--dir=")) {
            return Err(RehearseError::OwnDirectory);
        }
        let stays = name_of(&words[place]) == "serverswap-deploy" || options.contains(&"--stay");
        let is_of_others = |option: &&str| OF_OTHERS.contains(&option.split('=').next().unwrap_or(option));
        let speaks = if options.iter().any(is_of_others) { Speaks::Supervisor } else { Speaks::Server };
        let server = words[place + 1 + options.len()..].to_vec();
        let named = options.iter().zip(options.iter().skip(1).chain([&""]));
        let mut named = named.filter_map(|(option, next)| match option.strip_prefix("--trace") {
            Some("") => Some(PathBuf::from(next)),
            Some(rest) => rest.strip_prefix('=').map(PathBuf::from),
            None => None,
        });
        let named = named.next();
        let mut words = words.to_vec();
        words[place] = located(&words[place], programs);
        let status_program = match Path::new(&words[place]).parent() {
            Some(folder) if folder != Path::new("") => folder.join("serverswap").display().to_string(),
            Some(_) | None => "serverswap".to_owned(),
        };
        if named.is_none() {
            let trace = ["--trace".to_owned(), recording.display().to_string()];
            words.splice(place + 1..place + 1, trace);
        }
        let form = if stays { Form::Stay } else { Form::Leave };
        let recording = named.unwrap_or_else(|| recording.to_owned());
        Ok(SwapCommand { words, server, speaks, form, status_program, recording })
    }
}

fn name_of(word: &str) -> &str {
    Path::new(word).file_name().and_then(|name| name.to_str()).unwrap_or(word)
}

/// The options before the server's own command, with their values.
fn options(words: &[String]) -> Vec<&str> {
    let mut count = 0;
    while let Some(word) = words.get(count).filter(|word| word.starts_with('-')) {
        count += if VALUED.contains(&word.as_str()) { 2 } else { 1 };
        if word == "--" {
            break;
        }
    }
    words.iter().take(count).map(String::as_str).collect()
}

/// A bare name is the program beside this one, if it is there, and otherwise found by `PATH`.
fn located(word: &str, programs: &Programs) -> String {
    let beside = match word {
        "serverswap" => &programs.serverswap,
        "serverswap-deploy" => &programs.serverswap_deploy,
        _ => return word.to_owned(),
    };
    if beside.is_file() { beside.display().to_string() } else { word.to_owned() }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;

    fn form(line: &str) -> Result<Form, String> {
        let words: Vec<String> = line.split(' ').map(str::to_owned).collect();
        let command = SwapCommand::from_words(&words, &Programs::find(), Path::new("recording"));
        command.map(|command| command.form).map_err(|error| error.to_string())
    }

    #[test]
    fn the_form_is_read_from_the_program_and_the_options_before_the_server() {
        assert_eq!(form("serverswap node server.js"), Ok(Form::Leave));
        assert_eq!(form("serverswap --stay node server.js"), Ok(Form::Stay));
        assert_eq!(form("serverswap --ready-timeout 5s --stay -- ./app"), Ok(Form::Stay));
        assert_eq!(form("serverswap --probation 5s --output null --stay ./app"), Ok(Form::Stay));
        assert_eq!(form("serverswap ./app --stay"), Ok(Form::Leave));
        assert_eq!(form("/usr/bin/serverswap-deploy node server.js"), Ok(Form::Stay));
        assert_eq!(form("npx serverswap-deploy node server.js"), Ok(Form::Stay));
    }

    #[test]
    fn a_server_that_does_not_use_the_library_is_known_by_the_options() {
        let speaks = |line: &str| {
            let words: Vec<String> = line.split(' ').map(str::to_owned).collect();
            SwapCommand::from_words(&words, &Programs::find(), Path::new("recording"))
                .map(|command| command.speaks)
        };
        for line in [
            "--intercept ./app",
            "--stop-signal QUIT --socket :80 ./app",
            "--env-file x --intercept ./app",
            "--adopt=:80 ./app",
        ] {
            assert!(matches!(speaks(&format!("serverswap {line}")), Ok(Speaks::Supervisor)), "{line}");
        }
        assert!(matches!(speaks("serverswap ./app --intercept"), Ok(Speaks::Server)));
    }

    #[test]
    fn every_option_that_the_help_shows_with_a_value_has_one_here() {
        let help = include_str!("../../../serverswap-cli/tests/snapshots/serverswap.long-help.txt");
        let shown = help.lines().filter_map(|line| {
            let (option, value) = line.trim_start().split_once(' ')?;
            (option.starts_with("--") && value.starts_with('<')).then_some(option)
        });
        assert_eq!(shown.collect::<BTreeSet<_>>(), BTreeSet::from(VALUED));
    }

    #[test]
    fn a_recording_is_where_the_command_has_it() {
        let recording = |line: &str| {
            let words: Vec<String> = line.split(' ').map(str::to_owned).collect();
            let command = SwapCommand::from_words(&words, &Programs::find(), Path::new("ours"));
            command.map(|command| (command.recording, command.words.contains(&"ours".to_owned())))
        };
        let is = |line: &str, path: &str, is_ours| match recording(line) {
            Ok(found) => assert_eq!(found, (PathBuf::from(path), is_ours), "{line}"),
            Err(error) => panic!("{line}: {error}"),
        };
        is("serverswap ./app --trace no", "ours", true);
        is("serverswap --trace mine ./app", "mine", false);
        is("serverswap --stay --trace=mine ./app", "mine", false);
    }

    #[test]
    fn a_command_without_serverswap_is_refused_with_what_to_write() {
        let error = form("node server.js").expect_err("nobody would swap it");
        assert!(error.contains("rehearse -- serverswap node server.js"), "{error}");
    }

    #[test]
    fn a_command_that_starts_nothing_or_brings_a_directory_is_refused() {
        assert!(form("serverswap --stay").expect_err("no server").contains("starts no server"));
        assert!(form("serverswap --dir /d ./app").expect_err("private").contains("directory of its own"));
    }
}
