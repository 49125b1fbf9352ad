//! `serverswap-conformance`: everything that measures or proves a serverswap from the outside.

use std::process::ExitCode;

use clap::{Parser, Subcommand};
use serverswap_conformance::bench::{self, Claims, Held, Section};
use serverswap_conformance::demo::{self, Verdict};
use tokio::signal::unix::{Signal, SignalKind, signal};

/// The suite itself failed.
const EXIT_SUITE: u8 = 2;

/// Measures and proves a serverswap from the outside.
#[derive(Debug, Parser)]
#[command(version)]
struct Arguments {
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Five deploys under load, one of them broken on purpose, and a closing table.
    Demo,
    /// The figures that serverswap promises, measured.
    Bench {
        /// Only these parts.
        #[arg(value_enum)]
        sections: Vec<Section>,
    },
    /// The server of the bench: claims addresses and notes down when it got them.
    #[command(hide = true)]
    Server(Claims),
    /// The server of the bench that only says when it runs.
    #[command(hide = true)]
    Clock,
}

fn main() -> ExitCode {
    match Arguments::parse().command {
        Command::Demo => until_interrupted(give_demo()),
        Command::Bench { sections } => until_interrupted(measure(sections)),
        Command::Server(claims) => match bench::run_server(&claims) {
            Ok(()) => ExitCode::SUCCESS,
            Err(error) => suite_failed(&error),
        },
        Command::Clock => {
            bench::clock();
            ExitCode::SUCCESS
        }
    }
}

fn until_interrupted(run: impl Future<Output = ExitCode>) -> ExitCode {
    let runtime = match tokio::runtime::Builder::new_current_thread().enable_all().build() {
        Ok(runtime) => runtime,
        Err(error) => return suite_failed(&error),
    };
    runtime.block_on(async {
        tokio::select! {
            code = run => code,
            code = interrupted() => code,
        }
    })
}

async fn give_demo() -> ExitCode {
    match demo::run().await {
        Ok(Verdict::Good) => ExitCode::SUCCESS,
        Ok(Verdict::Bad) => ExitCode::FAILURE,
        Err(error) => suite_failed(&error),
    }
}

async fn measure(sections: Vec<Section>) -> ExitCode {
    let sections = if sections.is_empty() { Section::ALL.to_vec() } else { sections };
    match bench::run(&sections).await {
        Ok(Held::All) => ExitCode::SUCCESS,
        Ok(Held::NotAll) => ExitCode::FAILURE,
        Err(error) => suite_failed(&error),
    }
}

/// Ends the run in order, so that everything it started is ended too.
async fn interrupted() -> ExitCode {
    let (interrupt, terminate) = (signal(SignalKind::interrupt()), signal(SignalKind::terminate()));
    match (interrupt, terminate) {
        (Ok(mut interrupt), Ok(mut terminate)) => tokio::select! {
            code = received(&mut interrupt, 130) => code,
            code = received(&mut terminate, 143) => code,
        },
        (Err(error), _) | (_, Err(error)) => suite_failed(&error),
    }
}

async fn received(signal: &mut Signal, code: u8) -> ExitCode {
    signal.recv().await;
    anstream::eprintln!("interrupted; everything that was started is ended");
    ExitCode::from(code)
}

fn suite_failed(error: &dyn std::error::Error) -> ExitCode {
    anstream::eprintln!("error: {error}");
    let mut source = error.source();
    while let Some(cause) = source {
        anstream::eprintln!("  because {cause}");
        source = cause.source();
    }
    ExitCode::from(EXIT_SUITE)
}
