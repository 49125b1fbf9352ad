//! From claim to grant, from release to grant, and a thousand claims at once.
//!
//! Two generations of the bench's own server claim the same addresses. Times are taken in the
//! servers: so a grant includes both ways over the socket and the wake-ups at both ends.

use std::collections::BTreeMap;
use std::time::Duration;

use serverswap_protocol::Address;

use super::figure::{Figure, Value, median};
use super::note::{Note, What, times};
use super::server::raise_file_limit;
use super::{BenchError, command};
use serverswap_conformance::sandbox::{Exit, Sandbox, free_address};
use serverswap_conformance::style::{duration, number};

/// Claims of one run, one after the other.
const SAMPLES: usize = 200;

/// How long a claim or a release may take to its grant, in the median.
const GRANT_MAX: Duration = Duration::from_millis(1);

/// How long the swap of a thousand claims may take.
const THOUSAND_MAX: Duration = Duration::from_secs(1);

/// What two generations noted.
struct NotedSwap {
    old: Vec<Note>,
    new: Vec<Note>,
    /// How the second command ended.
    exit: Exit,
}

/// The two shares: of an inherited and of an exclusive address.
pub(super) async fn shares(sandbox: &Sandbox) -> Result<Vec<Figure>, BenchError> {
    let addresses: Vec<Address> = (0..SAMPLES).map(|_| free_address()).collect();
    let inherited = swap(sandbox, &addresses, &["--inherit", "--pace", "one-by-one"]).await?;
    let claimed = times(&inherited.new, claimed);
    let grants = differences(&claimed, &times(&inherited.new, granted))?;
    let names: Vec<Address> =
        (0..SAMPLES).map(|number| format!("name-{number}").parse().expect("a plain name")).collect();
    let bound = swap(sandbox, &names, &["--pace", "one-by-one"]).await?;
    let regrants = differences(&times(&bound.old, released), &times(&bound.new, granted))?;
    Ok(vec![
        share("inherit: from the claim to the grant", grants),
        share("bind: from the release to the grant", regrants),
    ])
}

fn share(what: &str, samples: Vec<Duration>) -> Figure {
    let tail = p99(&samples);
    let middle = median(samples);
    // The 2013 tool waited for a timer of 200 ms.
    let ratio = 0.2 / middle.as_secs_f64();
    Figure::new(what, Value::Time(middle)).at_most(Value::Time(GRANT_MAX)).beside(format!(
        "median of {SAMPLES}, p99 {}; {ratio:.0} times shorter than the 200 ms of 2013",
        duration(tail)
    ))
}

/// The swap of 10, 100, 1,000 and 10,000 inherited claims.
pub(super) async fn many() -> Result<Vec<Figure>, BenchError> {
    raise_file_limit();
    let mut figures = Vec::new();
    for count in [10, 100, 1_000, 10_000_usize] {
        let sandbox = Sandbox::new()?;
        let addresses: Vec<Address> = (0..count).map(|_| free_address()).collect();
        let swap = swap(&sandbox, &addresses, &["--inherit", "--pace", "together"]).await?;
        let total = span(&swap.old, &swap.new, count)?;
        let each = total / u32::try_from(count).expect("it is small");
        let figure = thousands(count, total);
        let figure = if count <= 1_000 { figure.at_most(Value::Time(THOUSAND_MAX)) } else { figure };
        figures.push(figure.beside(format!(
            "{} each; the whole command took {}",
            duration(each),
            duration(swap.exit.took)
        )));
    }
    Ok(figures)
}

/// From the first claim to the last release.
fn span(old: &[Note], new: &[Note], count: usize) -> Result<Duration, BenchError> {
    let released = times(old, released);
    match (times(new, claimed).into_values().min(), released.values().max()) {
        (Some(begin), Some(end)) if released.len() == count => {
            Ok(Duration::from_nanos(end.saturating_sub(begin)))
        }
        (Some(_) | None, Some(_) | None) => {
            Err(BenchError::NothingMeasured(format!("of {count} claims {} were swapped", released.len())))
        }
    }
}

fn thousands(count: usize, total: Duration) -> Figure {
    let what = format!("{} claims: from the first claim to the last release", number(count as u64));
    Figure::new(what, Value::Time(total))
}

async fn swap(sandbox: &Sandbox, addresses: &[Address], arguments: &[&str]) -> Result<NotedSwap, BenchError> {
    let words = command::server(sandbox, arguments, addresses)?;
    let mut old = sandbox.serverswap(words.clone()).start()?;
    old.exit().await?;
    old.prints(r#""up""#).await?;
    let mut new = sandbox.serverswap(words).start()?;
    let exit = new.exit().await?;
    new.prints(r#""up""#).await?;
    if exit.status != 0 {
        return Err(BenchError::NothingMeasured(format!(
            "the swap ended with {}:\n{}",
            exit.status,
            new.stderr()
        )));
    }
    let old_said = old.stdout().to_owned();
    let swap = NotedSwap { old: Note::all_in(&old_said), new: Note::all_in(new.stdout()), exit };
    sandbox.end();
    Ok(swap)
}

fn differences(
    begins: &BTreeMap<Address, u64>,
    ends: &BTreeMap<Address, u64>,
) -> Result<Vec<Duration>, BenchError> {
    let pairs = ends.iter().filter_map(|(address, end)| Some((begins.get(address)?, end)));
    let differences: Vec<Duration> =
        pairs.map(|(begin, end)| Duration::from_nanos(end.saturating_sub(*begin))).collect();
    if differences.len() == SAMPLES {
        Ok(differences)
    } else {
        Err(BenchError::NothingMeasured(format!(
            "only {} of {SAMPLES} claims were swapped",
            differences.len()
        )))
    }
}

/// From each claim to its grant, as one server noted them.
pub(super) fn grants(notes: &[Note]) -> Vec<Duration> {
    let (begins, ends) = (times(notes, claimed), times(notes, granted));
    let pairs = ends.iter().filter_map(|(address, end)| Some((begins.get(address)?, end)));
    pairs.map(|(begin, end)| Duration::from_nanos(end.saturating_sub(*begin))).collect()
}

/// The 99th percentile.
pub(super) fn p99(samples: &[Duration]) -> Duration {
    let mut sorted = samples.to_vec();
    sorted.sort();
    sorted[sorted.len() * 99 / 100]
}

fn claimed(what: &What) -> Option<&Address> {
    if let What::Claims(address) = what { Some(address) } else { None }
}

fn granted(what: &What) -> Option<&Address> {
    if let What::Granted(address) = what { Some(address) } else { None }
}

fn released(what: &What) -> Option<&Address> {
    if let What::Releases(address) = what { Some(address) } else { None }
}
