//! `serverswap metrics`: what runs and what was done, as OpenMetrics text; on stdout, or for whoever asks at an address.
//!
//! Counters come from the history, so that they outlive every process here; gauges from the state and `/proc`, as `serverswap status` has
//! them. A process of its own answers: nothing that serves or decides is kept waiting.

mod exposition;
mod server;
mod totals;

use std::io;
use std::path::Path;

use serverswap::protocol::Address;
use serverswap::protocol::message::UnixSockets;
use serverswap::sys::listener::{self, ConnectionTable};

use self::exposition::{AddressGauges, render};
use self::server::Listener;
use self::totals::Totals;
use crate::cli::Metrics;
use crate::status::{AddressReport, collect};
use crate::ui::{Conclusion, Console, Report, ResultFormat, SetupError, StillTrue, Summary, UNABLE};
use crate::{history, runtime_directory};

/// Only this user may ask at a Unix socket.
const UNIX_MODE: u32 = 0o600;

/// Prints them, or answers until it is ended; returns the exit status.
pub fn show(metrics: &Metrics) -> u8 {
    let console = Console::plain(ResultFormat::None);
    let directory = runtime_directory::find(metrics.dir.as_deref());
    let conclusion = match &metrics.listen {
        None => match text(&directory, |report| console.report(&report)) {
            Ok(text) => Conclusion::result(0, text),
            Err(error) => console.setup_failed(&error, StillTrue::NothingAsked),
        },
        Some(address) => serve(address, &directory, &console),
    };
    console.finish(conclusion)
}

/// Returns only if it cannot go on.
fn serve(address: &Address, directory: &Path, console: &Console) -> Conclusion {
    let rights = UnixSockets { mode: Some(UNIX_MODE), gid: None };
    let socket = listener::open_with(address, rights).map_err(io::Error::other);
    let listener = socket.and_then(|socket| match address {
        Address::Unix(_) => Listener::unix(socket),
        Address::Tcp(_) | Address::Udp(_) | Address::Name(_) => Listener::tcp(socket),
    });
    let error = match listener {
        Ok(listener) => {
            console.report(&Report::MetricsServed { address: address.clone() });
            listener.serve(|| text(directory, |_| {}).map_err(|error| error.to_string()))
        }
        Err(error) => error,
    };
    let summary = Summary::Failure {
        error: format!("no metrics are served at {address}: {error}; no server was touched"),
        hint:
            "`serverswap metrics` prints them; another address: `serverswap metrics --listen 127.0.0.1:9464`"
                .to_owned(),
    };
    console.failed(&summary, UNABLE)
}

fn text(directory: &Path, report: impl Fn(Report)) -> Result<String, SetupError> {
    let status = collect(directory, report)?;
    let totals = Totals::of(&history::read(directory).records);
    let mut connections = ConnectionTable::read();
    let addresses: Vec<AddressGauges> =
        status.addresses.iter().map(|address| gauges(address, &mut connections)).collect();
    Ok(render(&directory.to_string_lossy(), &addresses, &totals))
}

fn gauges(report: &AddressReport, table: &mut ConnectionTable) -> AddressGauges {
    let sum = |counts: Vec<Option<u64>>| counts.into_iter().flatten().reduce(|one, other| one + other);
    let open = report.holders.iter().map(|holder| table.open(&[holder.pid], &report.address)).collect();
    let connections = sum(open);
    let left =
        report.draining.iter().map(|one| one.connections.or_else(|| table.open(&[one.pid], &report.address)));
    let draining_connections = sum(left.collect());
    AddressGauges {
        address: report.address.to_string(),
        is_served: report.is_served(),
        age: report.holders.iter().max_by_key(|holder| holder.generation).map(|holder| holder.age),
        connections,
        draining: u64::try_from(report.draining.len()).unwrap_or(u64::MAX),
        draining_connections,
    }
}
