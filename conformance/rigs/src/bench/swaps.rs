//! Swaps under load: what is lost, and how long nobody answers.

use std::time::Duration;

use serverswap_protocol::Address;

use super::BenchError;
use super::figure::{Figure, Value};
use serverswap_conformance::sandbox::{LIMIT, Sandbox, Started, free_address};
use serverswap_conformance::style::duration;
use serverswap_load::{Failure, Load, LoadError, Phase, Plan, Slot, Tally, Target};

const SWAPS: u32 = 20;
const DRAIN_SWAPS: u32 = 10;

/// Good answers between two swaps.
const ANSWERS_BETWEEN: u64 = 1_000;

/// A server under load, and what is needed to deploy it again.
struct Deployed {
    file: String,
    addresses: Vec<(&'static str, Address)>,
    serving: Started,
    loads: Vec<Load>,
}

/// 20 swaps of a server with a TCP and a Unix address, each under its own full load.
pub(super) async fn full_load(sandbox: &Sandbox) -> Result<Vec<Figure>, BenchError> {
    let unix = format!("unix:{}", sandbox.path().join("app.sock").display());
    let unix: Address = unix.parse().expect("a temporary path is short");
    let addresses = vec![("ADDRESS", free_address()), ("ADMIN_ADDRESS", unix)];
    let file = sandbox.programs().example("node/staggered.js");
    let slots = [[Slot::NEW; 4], [Slot::KEPT; 4]].concat();
    let tallies = Deployed::first(sandbox, file, addresses, &slots).await?.swap(sandbox, SWAPS).await?;
    let figures = ["TCP", "Unix"].into_iter().zip(&tallies).flat_map(|(name, tally)| {
        let requests = serverswap_conformance::style::number(tally.ok() + tally.failed());
        let ratio =
            tally.p99_ratio().map_or(String::new(), |ratio| format!("; p99 {ratio:.2} times that between"));
        [
            Figure::new(format!("{name}: failed requests"), Value::Count(tally.failed()))
                .at_most(Value::Count(0))
                .beside(format!("of {requests}{}", kinds(tally))),
            Figure::new(
                format!("{name}: longest time without an answer"),
                Value::Time(tally.swap.longest_gap),
            )
            .beside(format!("between swaps {}{ratio}", duration(tally.between.longest_gap))),
        ]
    });
    Ok(figures.collect())
}

/// The same clients on our drain and on Node's own `server.close()`.
pub(super) async fn drains(sandbox: &Sandbox) -> Result<Vec<Figure>, BenchError> {
    let ours = keep_alive(sandbox, sandbox.programs().example("node/http.js")).await?;
    let nodes = keep_alive(sandbox, sandbox.programs().fixture("close.js")).await?;
    let figure = |name: &str, tally: &Tally| {
        Figure::new(format!("{name}: failed requests"), Value::Count(tally.failed())).beside(format!(
            "of {}{}",
            serverswap_conformance::style::number(tally.ok() + tally.failed()),
            kinds(tally)
        ))
    };
    Ok(vec![figure("serverswap.listen()", &ours).at_most(Value::Count(0)), figure("server.close()", &nodes)])
}

async fn keep_alive(sandbox: &Sandbox, file: String) -> Result<Tally, BenchError> {
    // Clients that are idle for about as long as they are busy meet the close of an idle
    // connection most often.
    let slots: Vec<Slot> =
        (0..16).map(|number| Slot::KEPT.pausing(Duration::from_micros(250 * number))).collect();
    let addresses = vec![("ADDRESS", free_address())];
    let mut tallies =
        Deployed::first(sandbox, file, addresses, &slots).await?.swap(sandbox, DRAIN_SWAPS).await?;
    Ok(tallies.remove(0))
}

impl Deployed {
    async fn first(
        sandbox: &Sandbox,
        file: String,
        addresses: Vec<(&'static str, Address)>,
        slots: &[Slot],
    ) -> Result<Deployed, BenchError> {
        let mut serving = deploy(sandbox, &file, &addresses, 0)?;
        for (_, address) in &addresses {
            serving.prints(&format!("version 0 serves {address}")).await?;
        }
        let load = |(_, address): &(&str, Address)| {
            let target = Target::try_from(address).expect("a free address is on the loopback");
            Load::start(Plan::new(target, slots.to_vec()))
        };
        let loads = addresses.iter().map(load).collect::<Result<Vec<Load>, LoadError>>()?;
        Ok(Deployed { file, addresses, serving, loads })
    }

    async fn swap(mut self, sandbox: &Sandbox, swaps: u32) -> Result<Vec<Tally>, BenchError> {
        for number in 1..=swaps {
            for load in &mut self.loads {
                load.more_answers(ANSWERS_BETWEEN, LIMIT).await?;
                load.enter(Phase::Swap);
            }
            let new = deploy(sandbox, &self.file, &self.addresses, number)?;
            for load in &mut self.loads {
                load.answered_by(&number.to_string(), LIMIT).await?;
            }
            self.serving.exit().await?;
            self.serving = new;
            for load in &self.loads {
                load.enter(Phase::Between);
            }
        }
        let tallies = self.loads.into_iter().map(Load::stop).collect();
        sandbox.end();
        Ok(tallies)
    }
}

fn deploy(
    sandbox: &Sandbox,
    file: &str,
    addresses: &[(&'static str, Address)],
    number: u32,
) -> Result<Started, BenchError> {
    let command = sandbox.deploy(["node", file]).env("VERSION", number.to_string());
    let command =
        addresses.iter().fold(command, |command, (name, address)| command.env(name, address.to_string()));
    Ok(command.start()?)
}

fn kinds(tally: &Tally) -> String {
    let kinds = tally.failed_by_kind();
    let text = |(failure, count): (&Failure, &u64)| format!("; {count} {failure}");
    kinds.iter().map(text).collect()
}
