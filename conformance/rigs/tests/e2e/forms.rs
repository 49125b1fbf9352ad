//! The two forms: `serverswap` leaves when the deploy is done, `serverswap-deploy` stays.

use serverswap_conformance::sandbox::{Invocation, LIMIT, Sandbox, free_address};
use serverswap_load::{Target, ask};

use crate::Outcome;
use crate::processes::stat;
use crate::shop::{configured, load_on, nothing_failed};

fn leave(sandbox: &Sandbox, version: u32) -> Invocation {
    // A `.js` file is run with node.
    let command = sandbox.serverswap([sandbox.programs().example("node/http.js")]);
    command.env("VERSION", version.to_string())
}

#[tokio::test]
async fn serverswap_exits_with_0_when_the_server_is_up_and_leaves_it_running() -> Outcome {
    let (sandbox, address) = (Sandbox::new()?, free_address());
    let mut command = configured(leave(&sandbox, 1), &address, 1).start()?;
    let exit = command.exit().await?;
    assert_eq!(exit.status, 0, "{}", command.stderr());
    assert_eq!(ask(&Target::try_from(&address)?, LIMIT).await?.version.as_deref(), Some("1"));
    assert_eq!(sandbox.remaining().len(), 1, "the server alone: {:?}", sandbox.remaining());
    Ok(())
}

#[tokio::test]
async fn a_server_that_was_left_alone_is_replaced_without_losing_a_request() -> Outcome {
    let (sandbox, address) = (Sandbox::new()?, free_address());
    let mut first = configured(leave(&sandbox, 1), &address, 1).start()?;
    first.exit().await?;
    let load = load_on(Target::try_from(&address)?).await?;
    for version in 2..=4 {
        let mut command = configured(leave(&sandbox, version), &address, version).start()?;
        let exit = command.exit().await?;
        assert_eq!(exit.status, 0, "{}", command.stderr());
        assert_eq!(sandbox.remaining().len(), 1, "the old one has exited: {:?}", sandbox.remaining());
    }
    nothing_failed(load).await?;
    Ok(())
}

#[tokio::test]
async fn serverswap_stay_is_serverswap_deploy() -> Outcome {
    let (sandbox, address) = (Sandbox::new()?, free_address());
    let command = |version| {
        let command = sandbox.serverswap(["--stay".to_owned(), sandbox.programs().example("node/http.js")]);
        configured(command, &address, version)
    };
    let mut first = command(1).start()?;
    first.prints("version 1 serves").await?;
    let mut second = command(2).start()?;
    second.prints("version 2 serves").await?;
    assert_eq!(first.exit().await?.status, 0);
    assert_eq!(sandbox.remaining().len(), 2);
    Ok(())
}

#[tokio::test]
async fn the_server_gets_no_input_and_a_session_of_its_own() -> Outcome {
    let (sandbox, address) = (Sandbox::new()?, free_address());
    let mut command = configured(leave(&sandbox, 1), &address, 1).start()?;
    command.exit().await?;
    let pid = ask(&Target::try_from(&address)?, LIMIT).await?.pid.ok_or("no pid")?;
    let stdin = std::fs::read_link(format!("/proc/{pid}/fd/0"))?;
    // After the name: state, parent, process group, session (proc(5)).
    let fields = stat(pid)?;
    assert_eq!((stdin.to_str(), &fields[3]), (Some("/dev/null"), &pid.to_string()));
    Ok(())
}

#[tokio::test]
async fn the_channel_of_a_parent_that_is_a_node_process_does_not_reach_the_server() -> Outcome {
    let (sandbox, address) = (Sandbox::new()?, free_address());
    // Node opens the descriptor of the first one when it starts, and with the last one it is a worker of a cluster.
    let variables = ["NODE_CHANNEL_FD", "NODE_CHANNEL_SERIALIZATION_MODE", "NODE_UNIQUE_ID"];
    let command = configured(leave(&sandbox, 1), &address, 1);
    let mut command = variables.into_iter().fold(command, |command, name| command.env(name, "9")).start()?;
    assert_eq!(command.exit().await?.status, 0, "{}", command.stderr());
    let server = sandbox.remaining().pop().ok_or("no server")?;
    let reached = variables.into_iter().filter(|name| server.variable(name).is_some());
    assert_eq!(reached.collect::<Vec<_>>(), [""; 0]);
    Ok(())
}
