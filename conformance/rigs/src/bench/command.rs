//! The bench's own server, as a command behind `serverswap`.

use serverswap_protocol::Address;

use super::BenchError;
use serverswap_conformance::sandbox::{Exit, Sandbox, Started};

/// This program as a server that claims these addresses, `options` first.
pub(super) fn server(
    sandbox: &Sandbox,
    options: &[&str],
    addresses: &[Address],
) -> Result<Vec<String>, BenchError> {
    let list = sandbox.path().join("addresses");
    let text: String = addresses.iter().map(|address| format!("{address}\n")).collect();
    std::fs::write(&list, text)
        .map_err(|error| BenchError::NothingMeasured(format!("{}: {error}", list.display())))?;
    let options = options.iter().map(|word| (*word).to_owned());
    let words = [this(), "server".to_owned()].into_iter().chain(options);
    Ok(words.chain([list.display().to_string()]).collect())
}

/// The path of this program.
pub(super) fn this() -> String {
    std::env::current_exe().unwrap_or_default().display().to_string()
}

/// Waits for a command that must end with 0.
pub(super) async fn succeeded(command: &mut Started) -> Result<Exit, BenchError> {
    let exit = command.exit().await?;
    if exit.status == 0 {
        return Ok(exit);
    }
    let said = command.stderr();
    Err(BenchError::NothingMeasured(format!("a deploy ended with {}:\n{said}", exit.status)))
}
