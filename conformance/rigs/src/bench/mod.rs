//! `serverswap-rigs bench`: the figures that serverswap promises, measured from the outside.
//!
//! It measures the programs beside itself (`make bench`: a release build) with servers of its
//! own. What each figure includes stands beside it. It deliberately does not average away what
//! it sees: medians for times, the worst for losses.

mod claims;
mod command;
mod draining;
mod figure;
mod held;
mod hostile;
mod idle;
mod intercepted;
mod languages;
mod loading;
mod note;
mod orphan;
mod server;
mod start;
mod swaps;

use serverswap_conformance::sandbox::{Sandbox, SandboxError};
use serverswap_conformance::style::{BOLD, paint};
use serverswap_load::LoadError;

pub use figure::WithinLimits;
pub use intercepted::binds;
pub use server::{Claims, ServerError, run as run_server};
pub use start::clock;

/// A part of the bench.
#[derive(Debug, Clone, Copy, PartialEq, Eq, clap::ValueEnum)]
pub enum Section {
    /// From a claim to its grant, and from a release to the grant.
    Claims,
    /// A claim beside what others hold.
    Held,
    /// Up to ten thousand claims at once.
    Thousand,
    /// What `serverswap` adds to the start of a server.
    Start,
    /// The swap of a server that is intercepted, beside one with a client.
    Intercepted,
    /// From the start of a supervisor until the servers without one have reconnected.
    Orphans,
    /// What an idle supervisor costs.
    Idle,
    /// What hostile clients cost the arbiter and all other clients.
    Hostile,
    /// What the progress of a draining server makes the arbiter write.
    Draining,
    /// Swaps under full load, over TCP and Unix.
    Swaps,
    /// The drain of the package compared with Node's own `server.close()`.
    Drain,
    /// What it costs to load the packages for Node and Python.
    Loading,
    /// From a claim to its grant, in Node and Python.
    Languages,
}

impl Section {
    /// Every one, in the order of the report.
    pub const ALL: [Section; 13] = [
        Section::Claims,
        Section::Held,
        Section::Thousand,
        Section::Start,
        Section::Intercepted,
        Section::Orphans,
        Section::Idle,
        Section::Hostile,
        Section::Draining,
        Section::Swaps,
        Section::Drain,
        Section::Loading,
        Section::Languages,
    ];

    fn title(self) -> &'static str {
        match self {
            Section::Claims => "Serverswap's own share of a swap",
            Section::Held => "A claim beside what others hold",
            Section::Thousand => "Many inherited claims, all at once",
            Section::Start => "Starting a server",
            Section::Intercepted => "A swap of a server that is intercepted",
            Section::Orphans => "No arbiter alive",
            Section::Idle => "An idle supervisor",
            Section::Hostile => "Hostile clients of the same user",
            Section::Draining => "A draining server that reports its progress",
            Section::Swaps => "20 swaps under full load, new and kept connections, TCP and Unix at once",
            Section::Drain => "A drain under keep-alive clients, 10 swaps each",
            Section::Loading => "Loading the package",
            Section::Languages => "From a claim to its grant, in Node and Python",
        }
    }
}

/// Why a measurement could not be made.
#[derive(Debug, thiserror::Error)]
pub enum BenchError {
    /// A program did not do what it should.
    #[error(transparent)]
    Sandbox(#[from] SandboxError),
    /// A server under load did not answer as it should.
    #[error(transparent)]
    Load(#[from] LoadError),
    /// A program said nothing that could be measured.
    #[error("{0}")]
    NothingMeasured(String),
}

/// Measures and prints these sections.
///
/// # Errors
/// If a measurement cannot be made.
pub async fn run(sections: &[Section]) -> Result<WithinLimits, BenchError> {
    let mut held = WithinLimits::All;
    for section in sections {
        anstream::println!("{}", paint(BOLD, section.title()));
        let sandbox = Sandbox::new()?;
        let figures = match section {
            Section::Claims => claims::shares(&sandbox).await?,
            Section::Held => held::claims().await?,
            Section::Thousand => claims::many().await?,
            Section::Start => start::overhead(&sandbox).await?,
            Section::Intercepted => intercepted::swaps(&sandbox).await?,
            Section::Orphans => orphan::returns(&sandbox).await?,
            Section::Idle => idle::cost(&sandbox).await?,
            Section::Hostile => hostile::resisted().await?,
            Section::Draining => draining::writes(&sandbox).await?,
            Section::Swaps => swaps::full_load(&sandbox).await?,
            Section::Drain => swaps::drains(&sandbox).await?,
            Section::Loading => loading::cost(&sandbox).await?,
            Section::Languages => languages::claims(&sandbox).await?,
        };
        if figure::print(&figures) == WithinLimits::NotAll {
            held = WithinLimits::NotAll;
        }
        anstream::println!();
    }
    Ok(held)
}
