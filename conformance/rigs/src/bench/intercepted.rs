//! A swap of a server that is intercepted, beside one of a server that uses a client.

use std::net::TcpListener;
use std::time::Duration;

use serverswap_protocol::Address;

use super::claims::grants;
use super::figure::{Figure, Value, median};
use super::note::{Note, What};
use super::{BenchError, command};
use serverswap_conformance::sandbox::{Exit, Sandbox, free_address};
use serverswap_conformance::style::duration;

/// Swaps of each kind.
const SWAPS: usize = 21;

/// How long bind(2) and listen(2) together may take in the second version.
const BIND_MAX: Duration = Duration::from_millis(5);

pub(super) async fn swaps(sandbox: &Sandbox) -> Result<Vec<Figure>, BenchError> {
    let (own, claimed) = (free_address(), free_address());
    let binds = vec![command::this(), "binds".to_owned(), own.to_string()];
    let binds: Vec<String> = ["--intercept".to_owned()].into_iter().chain(binds).collect();
    let claims = command::server(sandbox, &["--inherit", "--pace", "one-by-one"], &[claimed])?;
    // An arbiter that stays: how long it takes to become one is measured elsewhere.
    let mut arbiter = sandbox.deploy(["sh", "-c", "echo started; exec sleep 600"]).start()?;
    arbiter.prints("started").await?;
    let (mut intercepted, mut with_client) = (Vec::new(), Vec::new());
    // The first one of each replaces nobody. One after the other, so that the noise of the machine is the same for both.
    for _ in 0..=SWAPS {
        intercepted.push(swap(sandbox, &binds).await?);
        with_client.push(swap(sandbox, &claims).await?);
    }
    let took = |swaps: &[Swap]| median(swaps[1..].iter().map(|swap| swap.exit.took).collect());
    let granted = |swaps: &[Swap]| median(swaps[1..].iter().map(|swap| swap.granted).collect());
    let (binds, claims) = (granted(&intercepted), granted(&with_client));
    let (command, with_client) = (took(&intercepted), took(&with_client));
    let ratio = |one: Duration, other: Duration| one.as_secs_f64() / other.as_secs_f64();
    Ok(vec![
        Figure::new("bind(2) and listen(2) of the new version, intercepted", Value::Time(binds))
            .at_most(Value::Time(BIND_MAX))
            .beside(format!(
                "median of {SWAPS}; from a claim of a client to its grant: {}",
                duration(claims)
            )),
        Figure::new("the command of a swap, with a client", Value::Time(with_client)),
        Figure::new("the same of a server that is intercepted", Value::Time(command))
            .beside(format!("{:.1} times as long", ratio(command, with_client))),
    ])
}

struct Swap {
    exit: Exit,
    /// What the server waited for.
    granted: Duration,
}

async fn swap(sandbox: &Sandbox, words: &[String]) -> Result<Swap, BenchError> {
    let mut started = sandbox.serverswap(words.to_vec()).start()?;
    let exit = command::succeeded(&mut started).await?;
    started.prints(r#""granted""#).await?;
    let granted = grants(&Note::all_in(started.stdout())).pop();
    let granted = granted.ok_or_else(|| BenchError::NothingMeasured("it noted no grant".to_owned()))?;
    Ok(Swap { exit, granted })
}

/// The server of this measurement, which binds as any server does.
///
/// # Errors
/// As of bind(2) and accept(2).
pub fn binds(address: &str) -> std::io::Result<()> {
    let text: Address = address.parse().map_err(std::io::Error::other)?;
    let claims = Note::now(What::Claims(text.clone()));
    let listener = TcpListener::bind(address)?;
    let granted = Note::now(What::Granted(text));
    claims.print();
    granted.print();
    loop {
        listener.accept()?;
    }
}
