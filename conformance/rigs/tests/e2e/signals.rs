//! Signals to the supervisor and to its server.

use std::os::unix::net::UnixListener;
use std::path::Path;

use rustix::process::Signal;
use serverswap_conformance::sandbox::{LIMIT, Sandbox, free_address};
use serverswap_load::ask;

use crate::Outcome;
use crate::shop::{Shop, configured};

#[tokio::test]
async fn term_to_the_supervisor_takes_the_server_down_in_order() -> Outcome {
    let mut shop = Shop::open().await?;
    shop.serving.says("up after").await?;
    shop.serving.signal(Signal::TERM);
    let exit = shop.serving.exit().await?;
    assert_eq!(exit.status, 0, "{}", shop.serving.stderr());
    assert!(shop.sandbox.remaining().is_empty(), "{:?}", shop.sandbox.remaining());
    Ok(())
}

#[tokio::test]
async fn a_second_term_ends_a_server_that_drains_for_too_long() -> Outcome {
    let (sandbox, address) = (Sandbox::new()?, free_address());
    let command = sandbox.deploy(["node".to_owned(), sandbox.programs().fixture("never-done.js")]);
    let mut command = configured(command, &address, 1).start()?;
    command.says("up after").await?;
    command.signal(Signal::TERM);
    command.prints("version 1 was told to let go").await?;
    command.signal(Signal::TERM);
    assert_eq!(command.exit().await?.status, 0, "{}", command.stderr());
    assert!(sandbox.remaining().is_empty());
    Ok(())
}

#[tokio::test]
async fn a_server_without_a_takedown_handler_is_ended_when_its_address_is_taken() -> Outcome {
    let (sandbox, address) = (Sandbox::new()?, free_address());
    let deploy = |version| {
        let command = sandbox.deploy(["node".to_owned(), sandbox.programs().fixture("no-handler.js")]);
        configured(command, &address, version)
    };
    let mut first = deploy(1).start()?;
    first.prints("version 1 serves").await?;
    let mut second = deploy(2).start()?;
    second.prints("version 2 serves").await?;
    assert_eq!(first.exit().await?.status, 0, "{}", first.stderr());
    let target = (&address).try_into()?;
    assert_eq!(ask(&target, LIMIT).await?.version.as_deref(), Some("2"));
    Ok(())
}

#[tokio::test]
async fn term_to_a_leaving_serverswap_before_the_server_is_up_ends_the_new_server_only() -> Outcome {
    let shop = Shop::open().await?;
    let mut deploy = shop.sandbox.serverswap(["sh", "-c", "echo begun; sleep 600"]).start()?;
    deploy.prints("begun").await?;
    deploy.signal(Signal::TERM);
    assert_eq!(deploy.exit().await?.status, 128 + 15, "{}", deploy.stderr());
    assert_eq!(shop.ask().await?.1, "1");
    assert_eq!(shop.sandbox.remaining().len(), 2, "{:?}", shop.sandbox.remaining());
    Ok(())
}

/// The start of a command line in which INT is ignored, as in a script's `COMMAND &`.
const INT_IGNORED: &str = "trap '' INT; exec";

#[tokio::test]
async fn an_int_that_was_ignored_at_the_start_stays_ignored() -> Outcome {
    let (sandbox, address) = (Sandbox::new()?, free_address());
    let deploy = sandbox.programs().serverswap_deploy.display().to_string();
    let file = sandbox.programs().example("node/http.js");
    let server = format!("grep SigIgn /proc/self/status; exec node {file}");
    let script = format!("{INT_IGNORED} {deploy} sh -c '{server}'");
    let mut command = configured(sandbox.command(Path::new("sh"), ["-c", &script]), &address, 1).start()?;
    let mask = command.prints("SigIgn").await?;
    let mask = u64::from_str_radix(mask.trim_start_matches("SigIgn:").trim(), 16)?;
    assert_eq!(mask & 0b10, 0b10, "the server ignores INT too: {mask:x}");
    command.says("up after").await?;
    command.signal(Signal::INT);
    // Of two signals that wait, the lower number is read first: INT.
    command.signal(Signal::TERM);
    assert_eq!(command.exit().await?.status, 0, "{}", command.stderr());
    let stderr = command.stderr();
    assert!(stderr.contains("received TERM: ") && !stderr.contains("INT"), "{stderr}");
    Ok(())
}

/// An arbiter that accepts and says nothing: the directory's lock and its socket.
fn silent_arbiter(sandbox: &Sandbox) -> Result<(std::fs::File, UnixListener), Box<dyn std::error::Error>> {
    use std::os::unix::fs::DirBuilderExt;
    std::fs::DirBuilder::new().mode(0o700).create(sandbox.runtime_dir())?;
    let lock = std::fs::File::create(sandbox.runtime_dir().join("lock"))?;
    rustix::fs::flock(&lock, rustix::fs::FlockOperation::LockExclusive)?;
    Ok((lock, UnixListener::bind(sandbox.runtime_dir().join("serverswap.sock"))?))
}

#[tokio::test]
async fn a_signal_before_the_arbiter_has_answered_ends_the_command_at_once() -> Outcome {
    for (signal, name, number) in [(Signal::INT, "INT", 2), (Signal::TERM, "TERM", 15)] {
        let sandbox = Sandbox::new()?;
        let (_lock, listener) = silent_arbiter(&sandbox)?;
        let mut command = sandbox.deploy(["sleep", "600"]).start()?;
        let _connection = tokio::task::spawn_blocking(move || listener.accept()).await??;
        command.signal(Signal::HUP);
        command.signal(signal);
        let exit = command.exit().await?;
        let stderr = command.stderr();
        assert_eq!(exit.status, 128 + number, "{stderr}");
        let error = format!("error: received {name} before `sleep 600` was started; ");
        assert!(stderr.contains(&error) && !stderr.contains("did not answer"), "{stderr}");
        assert!(sandbox.remaining().is_empty(), "{:?}", sandbox.remaining());
    }
    Ok(())
}
