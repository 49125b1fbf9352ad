//! The command line: one file for each rig that has options.
//!
//! It deliberately decides nothing: a command reads its options, runs its rig, shows the answer and turns it into an
//! exit status.

mod containers;
mod faults;
mod interop;
mod load;
mod servers;
mod upgrade;

use std::process::ExitCode;

use clap::{Args, Parser, Subcommand};
use serverswap_conformance::exit::{Ended, Found, code};
use serverswap_conformance::interrupt::until_interrupted;
use serverswap_rigs::bench::{self, Claims, Section, WithinLimits};
use serverswap_rigs::demo::{self, Demo, Verdict};

/// Proves and measures the serverswap of this repository.
#[derive(Debug, Parser)]
#[command(version, after_help = AFTER)]
struct Arguments {
    #[command(subcommand)]
    command: Command,
}

const AFTER: &str = "\
The programs are those beside this one, or in SERVERSWAP_BIN_DIR.
Exit status: 0 all went well, 1 something did not, 2 it could not be tried.";

#[derive(Debug, Subcommand)]
enum Command {
    /// Make five deploys under load, one of them broken on purpose.
    Demo(Demo),
    /// Measure the figures that serverswap promises.
    Bench(Bench),
    /// Kill and stop every process of a handover at every point of it, under load.
    Faults(faults::FaultsArgs),
    /// Swap an address between containers without a network, with `serverswap hold` outside, under load (root).
    Containers(containers::ContainersArgs),
    /// Deploy with another build of serverswap and with this one in turn, under load.
    Upgrade(upgrade::UpgradeArgs),
    /// Swap every driver of this repository for every other one, across languages, under load.
    Interop(interop::InteropArgs),
    /// Swap well-known servers that know nothing of serverswap, and show each by itself, under load.
    Servers(servers::ServersArgs),
    /// Ask a server all the time, until stdin is closed.
    Load(load::LoadArgs),
    /// The server of the bench: claims addresses and writes down when they were granted.
    #[command(hide = true)]
    Server(Claims),
    /// The server of the bench that prints only when it runs.
    #[command(hide = true)]
    Clock,
    /// The server of the bench that binds for itself.
    #[command(hide = true)]
    Binds {
        /// Where.
        address: String,
    },
    /// Becomes a driver of `interop`, whose commands come from a socket.
    #[command(hide = true)]
    Relay(interop::Relay),
}

/// What is measured.
#[derive(Debug, Args)]
struct Bench {
    /// Measure only these sections.
    #[arg(value_enum)]
    sections: Vec<Section>,
}

/// Reads the command line, does what it says and gives the exit status.
pub(crate) fn main() -> ExitCode {
    match Arguments::parse().command {
        Command::Demo(demo) => until_interrupted(give(demo)),
        Command::Bench(bench) => until_interrupted(measure(bench)),
        Command::Faults(faults) => until_interrupted(faults::faults(faults)),
        Command::Containers(arguments) => until_interrupted(containers::containers(arguments)),
        Command::Upgrade(upgrade) => until_interrupted(upgrade::upgrade(upgrade)),
        Command::Interop(interop) => until_interrupted(interop::interop(interop)),
        Command::Servers(servers) => until_interrupted(servers::servers(servers)),
        Command::Load(load) => until_interrupted(load::load(load)),
        Command::Server(claims) => code(bench::run_server(&claims).map(|()| Found::Good).map_err(Into::into)),
        Command::Clock => {
            bench::clock();
            ExitCode::SUCCESS
        }
        Command::Binds { address } => code(bench::binds(&address).map(|()| Found::Good).map_err(Into::into)),
        Command::Relay(relay) => code(interop::relay(&relay)),
    }
}

async fn give(demo: Demo) -> Ended {
    Ok(Found::good_if(demo::run(&demo).await? == Verdict::Good))
}

async fn measure(bench: Bench) -> Ended {
    let sections = if bench.sections.is_empty() { Section::ALL.to_vec() } else { bench.sections };
    Ok(Found::good_if(bench::run(&sections).await? == WithinLimits::All))
}

#[cfg(test)]
mod tests {
    use clap::CommandFactory;

    use super::Arguments;

    #[test]
    fn the_command_line_contradicts_itself_nowhere() {
        Arguments::command().debug_assert();
    }
}
