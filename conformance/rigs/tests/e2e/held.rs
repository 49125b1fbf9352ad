//! Who holds an address is said truly, with what to do.

use std::path::Path;

use rustix::process::Signal;
use serverswap_conformance::sandbox::{Invocation, Sandbox, free_address, free_port};
use serverswap_protocol::Address;

use crate::Outcome;
use crate::processes::signal;
use crate::shop::{Shop, configured};

/// Listens at the address, and knows nothing of serverswap.
const OTHER_PROGRAM: &str =
    "require('net').createServer().listen(process.env.PORT, '127.0.0.1', () => console.log('listens'))";

fn other_program(sandbox: &Sandbox, address: &Address) -> Invocation {
    let port = address.to_string().rsplit(':').next().unwrap_or_default().to_owned();
    sandbox.command(Path::new("node"), ["-e", OTHER_PROGRAM]).env("PORT", port)
}

/// Deploys where somebody else has the address; returns what the command says.
async fn refused(sandbox: &Sandbox, address: &Address) -> Result<String, Box<dyn std::error::Error>> {
    let file = sandbox.programs().example("node/http.js");
    let mut command = configured(sandbox.serverswap(["node", &file]), address, 1).start()?;
    let exit = command.exit().await?;
    assert_ne!(exit.status, 0, "{}", command.stderr());
    Ok(command.stderr().to_owned())
}

#[tokio::test]
async fn a_program_that_was_started_with_the_directory_in_its_environment_is_a_program_like_any_other()
-> Outcome {
    let (sandbox, address) = (Sandbox::new()?, free_address());
    let mut other = other_program(&sandbox, &address)
        .env("SERVERSWAP_DIR", sandbox.runtime_dir().display().to_string())
        .start()?;
    other.prints("listens").await?;
    let text = refused(&sandbox, &address).await?;
    let expected = format!("is held by pid {} (`node`), which serverswap does not manage", other.pid());
    assert!(text.contains(&expected), "{text}");
    Ok(())
}

#[tokio::test]
async fn a_server_of_another_runtime_directory_is_named_with_the_option_for_it() -> Outcome {
    let shop = Shop::open().await?;
    let text = refused(&Sandbox::new()?, &shop.address).await?;
    let expected = format!("`--dir {}` is the option for it", shop.sandbox.runtime_dir().display());
    assert!(
        text.contains("serverswap started in another runtime directory") && text.contains(&expected),
        "{text}"
    );
    Ok(())
}

#[tokio::test]
async fn an_address_that_overlaps_a_served_one_is_refused_by_name_and_the_old_server_serves_on() -> Outcome {
    for (old, new) in [("", "127.0.0.1"), ("127.0.0.1", "0.0.0.0"), ("127.0.0.1", "")] {
        let port = free_port();
        let shop = Shop::open_at(Sandbox::new()?, format!("{old}:{port}").parse()?).await?;
        let text = refused(&shop.sandbox, &format!("{new}:{port}").parse()?).await?;
        let (pid, _) = shop.ask().await?;
        for expected in [
            format!("`{new}:{port}` overlaps `{old}:{port}`, which pid {pid} has in this directory"),
            format!("pid {pid} still serves {old}:{port}"),
            "hint: claim the address as the other server has it".to_owned(),
        ] {
            assert!(text.contains(&expected), "{expected} is not in {text}");
        }
    }
    Ok(())
}

/// Claims `ADDRESS`, to bind it, and says that it serves; listens there once it gets USR2.
const BINDS: &str = "
    const serverswap = require(process.env.PACKAGE);
    serverswap.onTakedown(process.env.ADDRESS, () => process.exit());
    process.on('SIGUSR2', () => require('net').createServer().listen(process.env.PORT));
    serverswap.readyFor(process.env.ADDRESS, () => console.log('granted to', process.pid));
    setInterval(() => {}, 1000);
";

fn binds(sandbox: &Sandbox, address: &Address, ready_timeout: &str) -> Invocation {
    let package = sandbox.programs().repository.join("bindings/node").display().to_string();
    let port = address.to_string().rsplit(':').next().unwrap_or_default().to_owned();
    let command = sandbox.serverswap(["--ready-timeout", ready_timeout, "node", "-e", BINDS]);
    command.env("PACKAGE", package).env("ADDRESS", address.to_string()).env("PORT", port)
}

#[tokio::test]
async fn a_server_that_would_bind_the_port_of_another_program_is_refused_by_name() -> Outcome {
    let (sandbox, address) = (Sandbox::new()?, free_address());
    let mut other = other_program(&sandbox, &address).start()?;
    other.prints("listens").await?;
    let mut command = binds(&sandbox, &address, "60s").start()?;
    assert_ne!(command.exit().await?.status, 0, "{}", command.stderr());
    let text = command.stderr().to_owned();
    let expected =
        format!("`{address}` is held by pid {} (`node`), which serverswap does not manage", other.pid());
    assert!(text.contains(&expected) && !text.contains("granted;"), "{text}");
    Ok(())
}

/// The first one never listens; the second one does when it is told to.
#[tokio::test]
async fn a_bound_address_is_served_when_the_server_listens_there_and_not_when_it_says_so() -> Outcome {
    let (sandbox, address) = (Sandbox::new()?, free_address());
    let mut silent = binds(&sandbox, &address, "5s").start()?;
    silent.says("does not listen there").await?;
    assert_eq!(silent.exit().await?.status, 124, "{}", silent.stderr());
    let mut late = binds(&sandbox, &address, "60s").start()?;
    let pid = late.prints("granted to").await?.rsplit(' ').next().unwrap_or_default().parse()?;
    late.says("does not listen there").await?;
    signal(pid, Signal::USR2)?;
    assert_eq!(late.exit().await?.status, 0, "{}", late.stderr());
    Ok(())
}

#[tokio::test]
async fn words_of_other_tools_get_help() -> Outcome {
    let sandbox = Sandbox::new()?;
    for (word, status, expected) in [
        ("down", 2, "hint: `serverswap stop` stops a server"),
        ("list", 2, "hint: `serverswap status` shows which server serves what"),
        ("restart", 2, "hint: to start a server or to deploy, write its command alone"),
        ("help", 0, "Usage: serverswap [OPTIONS] CMD"),
        ("version", 0, "serverswap "),
    ] {
        let mut command = sandbox.serverswap([word]).start()?;
        assert_eq!(command.exit().await?.status, status, "{word}");
        let text = format!("{}{}", command.stdout().to_owned(), command.stderr());
        assert!(text.contains(expected), "{word}: {text}");
    }
    Ok(())
}
