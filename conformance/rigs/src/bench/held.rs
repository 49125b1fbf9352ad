//! A claim beside what others hold: its cost is that of the change, not of the total.

use serverswap_protocol::Address;

use super::claims::{grants, p99};
use super::figure::{Figure, Value, median};
use super::note::Note;
use super::server::raise_file_limit;
use super::{BenchError, command};
use serverswap_conformance::sandbox::{Sandbox, free_address};
use serverswap_conformance::style::{duration, number};

/// How many inherited addresses the other server holds; one server may hold 4,096.
const HELD: [usize; 3] = [1, 500, 4_000];

/// Claims of one run, one after the other.
const SAMPLES: usize = 50;

pub(super) async fn claims() -> Result<Vec<Figure>, BenchError> {
    raise_file_limit();
    let mut figures = Vec::new();
    let mut usual = None;
    for held in HELD {
        let sandbox = Sandbox::new()?;
        let addresses: Vec<Address> = (0..held).map(|_| free_address()).collect();
        let words = command::server(&sandbox, &["--inherit", "--pace", "together"], &addresses)?;
        let mut holder = sandbox.deploy(words).start()?;
        holder.prints(r#""up""#).await?;
        let names: Vec<Address> =
            (0..SAMPLES).map(|number| format!("name-{number}").parse().expect("a plain name")).collect();
        let words = command::server(&sandbox, &["--pace", "one-by-one"], &names)?;
        let mut claimant = sandbox.serverswap(words).start()?;
        claimant.prints(r#""up""#).await?;
        let grants = grants(&Note::all_in(claimant.stdout()));
        sandbox.end();
        let (tail, middle) = (p99(&grants), median(grants));
        let one = *usual.get_or_insert(middle);
        let what =
            format!("{} addresses held by another server: from a claim to its grant", number(held as u64));
        figures.push(Figure::new(what, Value::Time(middle)).beside(format!(
            "median of {SAMPLES}, p99 {}; {:.1} times that with 1",
            duration(tail),
            middle.as_secs_f64() / one.as_secs_f64()
        )));
    }
    Ok(figures)
}
