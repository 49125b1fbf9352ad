//! The program of 2013 runs as it is.
//!
//! Only its port is put in place of 8080, which may be taken on the machine of the tests.

use serverswap_conformance::sandbox::{LIMIT, Sandbox, free_port};
use serverswap_load::{Target, ask};

use crate::Outcome;

/// The example in the sandbox's folder, with a free port and the package's path.
fn seed(sandbox: &Sandbox) -> Result<(String, Target), Box<dyn std::error::Error>> {
    let port = free_port();
    let text = std::fs::read_to_string(sandbox.programs().example("node/server.js"))?;
    let package = sandbox.programs().repository.join("bindings/node").display().to_string();
    let text = text.replace("8080", &port.to_string()).replace("../../bindings/node", &package);
    std::fs::write(sandbox.path().join("server.js"), text)?;
    Ok(("server.js".to_owned(), Target::Tcp(([127, 0, 0, 1], port).into())))
}

#[tokio::test]
async fn serverswap_server_js_starts_it_and_leaves_and_the_next_one_replaces_it() -> Outcome {
    let sandbox = Sandbox::new()?;
    let (file, target) = seed(&sandbox)?;
    let mut first = sandbox.serverswap([&file]).start()?;
    assert_eq!(first.exit().await?.status, 0, "{}", first.stderr());
    assert_eq!(ask(&target, LIMIT).await?.status, 200);
    let mut second = sandbox.serverswap(["node", &file, "a", "b", "c"]).start()?;
    assert_eq!(second.exit().await?.status, 0, "{}", second.stderr());
    first.prints("Took down port").await?;
    assert_eq!(ask(&target, LIMIT).await?.status, 200);
    let remaining = sandbox.remaining();
    assert_eq!(remaining.len(), 1, "the old one has exited: {remaining:?}");
    assert!(remaining[0].command.ends_with("server.js a b c"), "{remaining:?}");
    Ok(())
}

#[tokio::test]
async fn serverswap_deploy_node_server_js_stays_until_it_is_replaced() -> Outcome {
    let sandbox = Sandbox::new()?;
    let (file, target) = seed(&sandbox)?;
    let mut first = sandbox.deploy(["node", &file]).start()?;
    first.prints("Listening on port").await?;
    let mut second = sandbox.deploy(["node", &file]).start()?;
    second.prints("Listening on port").await?;
    assert_eq!(first.exit().await?.status, 0, "{}", first.stderr());
    assert_eq!(ask(&target, LIMIT).await?.status, 200);
    Ok(())
}
