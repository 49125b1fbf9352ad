//! The command line: one file for each command or family of commands.
//!
//! It deliberately decides nothing: a command reads its options, asks the library, shows the
//! answer and turns it into an exit status.

mod cases;
#[cfg(test)]
#[path = "../../../serverswap-cli/tests/documented/mod.rs"]
mod documented;
mod driver;
mod explain;
mod init;
mod list;
mod matrix;
mod output;
mod recording;
mod rehearse;
mod replay;
mod run;
mod select;
mod subject;
mod supervisor;

use std::process::ExitCode;

use clap::{Parser, Subcommand};
use serverswap_conformance::exit::code;
use serverswap_conformance::interrupt::until_interrupted;
use serverswap_conformance::suite::VERSIONS;

/// Proves that a client or a supervisor speaks the serverswap protocol.
#[derive(Debug, Parser)]
#[command(version = VERSIONS, after_help = AFTER)]
struct Arguments {
    #[command(subcommand)]
    command: SuiteCommand,
}

const AFTER: &str = "\
Exit status: 0 conforms (or: all went well), 1 does not, 2 the suite itself failed. That is also
the status for a wrong command line, a wrong conformance.toml and a driver that breaks its
contract; the message says whose fault it is.

A client from nothing: init, smoke, vectors, run. When a case fails: explain, serve.
More: conformance/README.md";

#[derive(Debug, Subcommand)]
enum SuiteCommand {
    /// Write the beginning of a driver, conformance.toml and a job for CI.
    Init(init::Init),
    /// Check the driver alone: does it start, answer, keep its output clean, end?
    Smoke(driver::Try),
    /// Check how the client reads and writes lines (level 0); no socket is needed.
    Vectors(driver::Try),
    /// Run the cases up to a level, and report.
    Run(run::Run),
    /// Show the cases.
    List(list::List),
    /// Show what a case expects, why, and what happened when it was last run.
    Explain(explain::Explain),
    /// Play the suite's side of a case on a socket while your client is in a debugger.
    Serve(driver::Serve),
    /// Check recorded conversations against the schema, the state tables and the guarantees.
    CheckTrace(recording::CheckTrace),
    /// Let the installed serverswap decide again what was recorded, and show where it decides otherwise.
    Replay(replay::Replay),
    /// Run the cases for supervisors against a command that supervises a server.
    Supervisor(supervisor::SupervisorArgs),
    /// Merge reports into a table in a README.
    Matrix(matrix::Matrix),
    /// Swap your own server again and again under load, and report what to fix.
    Rehearse(rehearse::Rehearse),
    /// A server that hands its connection to the suite.
    #[command(hide = true)]
    FakeServer(supervisor::FakeServerArgs),
    /// A server that does not speak the protocol.
    #[command(hide = true)]
    SilentServer,
}

/// Reads the command line, does what it says and gives the exit status.
pub(crate) fn main() -> ExitCode {
    match Arguments::parse().command {
        SuiteCommand::Init(init) => code(init::init(init)),
        SuiteCommand::Smoke(smoke) => code(driver::smoke(smoke)),
        SuiteCommand::Vectors(vectors) => code(driver::vectors(vectors)),
        SuiteCommand::Run(run) => code(run::run(run)),
        SuiteCommand::List(list) => code(list::list(list)),
        SuiteCommand::Explain(explain) => code(explain::explain(explain)),
        SuiteCommand::Serve(serve) => code(driver::serve(serve)),
        SuiteCommand::CheckTrace(recordings) => code(recording::check_trace(recordings)),
        SuiteCommand::Replay(replay) => code(replay::replay(replay)),
        SuiteCommand::Supervisor(run) => code(supervisor::supervisor(run)),
        SuiteCommand::Matrix(matrix) => code(matrix::matrix(matrix)),
        SuiteCommand::Rehearse(rehearse) => until_interrupted(rehearse::rehearse(rehearse)),
        SuiteCommand::FakeServer(server) => code(supervisor::fake_server(&server)),
        SuiteCommand::SilentServer => code(supervisor::silent_server()),
    }
}

#[cfg(test)]
mod tests {
    use clap::{CommandFactory, Parser};

    use super::Arguments;
    use super::documented::command_lines;

    #[test]
    fn the_command_line_contradicts_itself_nowhere() {
        Arguments::command().debug_assert();
    }

    #[test]
    fn every_command_line_of_the_documents_is_understood() {
        let shown = command_lines("serverswap-conformance");
        assert!(shown.len() >= 10, "{shown:?}");
        for (place, words) in shown {
            let words = words.iter().map(|word| word.replace("LANGUAGE", "go"));
            let words: Vec<String> = words.collect();
            // One that ends with its subcommand may be the beginning of one.
            let understood = [&[][..], &["--", "word"][..]].iter().any(|rest| {
                Arguments::try_parse_from(words.iter().map(String::as_str).chain(rest.iter().copied()))
                    .is_ok()
            });
            assert!(understood, "{place}");
        }
    }
}
