//! `serverswap explain`: what it says of servers, and that what serves is not touched.

use std::path::PathBuf;

use rustix::process::Signal;
use serde_json::{Value, json};
use serverswap_conformance::sandbox::{LIMIT, Sandbox, free_address, free_port};
use serverswap_load::{Target, ask};

use crate::Outcome;
use crate::processes::ended;

/// The exit status of `serverswap explain --json WORDS…`, and what it says.
async fn explained(sandbox: &Sandbox, words: &[&str]) -> Result<(i32, Value), Box<dyn std::error::Error>> {
    let command = ["explain", "--json", "--ready-timeout", "1m"].iter().chain(words);
    let mut command = sandbox.serverswap(command.map(|&word| word.to_owned())).start()?;
    let status = command.exit().await?.status;
    let said = command.stdout().to_owned();
    assert!(sandbox.remaining().is_empty(), "{:?}", sandbox.remaining());
    Ok((status, serde_json::from_str(&said).map_err(|_| command.stderr().to_owned())?))
}

#[tokio::test]
async fn a_server_that_takes_passed_sockets_is_told_so_and_the_one_that_serves_is_not_touched() -> Outcome {
    let (serving, sandbox) = (Sandbox::new()?, Sandbox::new()?);
    let (server, port) = (sandbox.programs().fixture("activated.py"), free_port());
    let words = [server, port.to_string()];
    let _server = serving.command(&PathBuf::from("python3"), words.clone()).start()?;
    let target = Target::Tcp(([127, 0, 0, 1], port).into());
    while ask(&target, LIMIT).await.is_err() {
        tokio::task::yield_now().await;
    }
    let (status, said) = explained(&sandbox, &["python3", &words[0], &words[1]]).await?;
    let address = format!("127.0.0.1:{port}");
    assert_eq!(said["options"], json!(["--socket", address, "--stop-signal", "QUIT"]), "{said}");
    assert_eq!((status, &said["addresses"], &said["takesSockets"]), (0, &json!([address]), &json!(true)));
    assert_eq!(ask(&target, LIMIT).await?.status, 200);
    Ok(())
}

#[tokio::test]
async fn a_server_that_takes_none_is_to_be_intercepted() -> Outcome {
    let sandbox = Sandbox::new()?;
    let (server, port) = (sandbox.programs().fixture("plain.js"), free_port().to_string());
    let (status, said) = explained(&sandbox, &["env", "VERSION=1", "node", &server, &port]).await?;
    assert_eq!((status, &said["options"]), (0, &json!(["--intercept"])), "{said}");
    let line = said["commandLine"].as_str().unwrap_or_default();
    assert_eq!(line, format!("serverswap --intercept env VERSION=1 node {server} {port}"));
    Ok(())
}

#[tokio::test]
async fn a_server_with_the_library_needs_no_option() -> Outcome {
    let sandbox = Sandbox::new()?;
    let (server, address) = (sandbox.programs().built("on-tokio"), free_address().to_string());
    let (status, said) = explained(&sandbox, &[&server, &address]).await?;
    assert_eq!(
        (status, &said["started"], &said["options"]),
        (0, &json!("usesPackage"), &json!([])),
        "{said}"
    );
    Ok(())
}

#[tokio::test]
async fn what_does_not_serve_is_said_and_a_look_that_is_interrupted_leaves_nothing_running() -> Outcome {
    let sandbox = Sandbox::new()?;
    let mut command = sandbox.serverswap(["explain", "sh", "-c", "echo no database; exit 7"]).start()?;
    assert_eq!(command.exit().await?.status, 3);
    let said = command.stdout();
    assert!(said.contains("ended with 7 before it served") && said.contains("| no database"), "{said}");

    let mut command = sandbox.serverswap(["explain", "no-such-server"]).start()?;
    assert_eq!(command.exit().await?.status, 127);
    assert!(command.stderr().contains("`no-such-server` was not found"), "{}", command.stderr());

    // Killed as well, with what the server has started.
    for signal in [Signal::TERM, Signal::KILL] {
        let pids = sandbox.path().join("pids");
        let script = "sleep 600 & echo $$ $! >written; mv written pids; wait";
        let words = ["explain", "--ready-timeout", "1m", "sh", "-c", script];
        let mut command = sandbox.serverswap(words).start()?;
        while !pids.exists() {
            tokio::task::yield_now().await;
        }
        command.signal(signal);
        assert_eq!(command.exit().await?.status, 128 + signal.as_raw());
        for pid in std::fs::read_to_string(&pids)?.split_whitespace() {
            ended(pid.parse()?).await?;
        }
        std::fs::remove_file(&pids)?;
    }
    Ok(())
}
