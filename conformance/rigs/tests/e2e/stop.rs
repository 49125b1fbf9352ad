//! `serverswap stop`: of a server that was left alone, of one with a supervisor, of one that has never heard of us.

use std::io::{Read, Write};
use std::net::TcpStream;

use rustix::process::Signal;
use serde_json::{Value, json};
use serverswap_conformance::sandbox::{Exit, LIMIT, Sandbox, Started, free_address};

use crate::Outcome;
use crate::kills::{left_alone, left_alone_in};
use crate::processes::signal;
use crate::shop::{Shop, answered, configured};
use crate::sockets::Stall;

type Result<T> = std::result::Result<T, Box<dyn std::error::Error>>;

/// `serverswap stop WORDS`, to its end.
async fn stop(sandbox: &Sandbox, words: &[&str]) -> Result<(Exit, Started)> {
    let mut command = sandbox.serverswap([&["stop"], words].concat()).start()?;
    let exit = command.exit().await?;
    Ok((exit, command))
}

#[tokio::test]
async fn a_server_that_was_left_alone_answers_what_it_has_accepted_and_then_nothing_is_left() -> Outcome {
    let shop = left_alone().await?;
    let mut open = Vec::new();
    for _ in 0..20 {
        open.push(shop.asking(1).await?);
    }
    let mut first = shop.sandbox.serverswap(["stop"]).start()?;
    first.says("is draining").await?;
    let mut second = shop.sandbox.serverswap(["stop", "--json"]).start()?;
    second.says("stopping pid").await?;
    for connection in open {
        assert!(answered(connection).await?.contains("from version 1"));
    }
    for command in [&mut first, &mut second] {
        assert_eq!(command.exit().await?.status, 0, "{}", command.stderr());
        assert!(command.stderr().contains(&format!("stopped {}", shop.address)), "{}", command.stderr());
    }
    let object: Value = serde_json::from_str(second.stdout())?;
    assert_eq!(object["stopped"][0]["addresses"], json!([shop.address.to_string()]), "{object}");
    assert_eq!(object.get("cutShort"), None, "{object}");
    assert!(shop.sandbox.remaining().is_empty(), "{:?}", shop.sandbox.remaining());
    std::net::TcpListener::bind(shop.address.to_string())?;
    Ok(())
}

#[tokio::test]
async fn a_deploy_that_is_under_way_is_stopped_with_the_server_that_it_replaces() -> Outcome {
    let shop = left_alone().await?;
    let words = ["--probation", "10m", "node"].map(str::to_owned).into_iter();
    let words = words.chain([shop.sandbox.programs().example("node/http.js")]);
    let mut deploy = configured(shop.sandbox.serverswap(words), &shop.address, 2).start()?;
    deploy.says("alongside the old server").await?;
    let (exit, mut command) = stop(&shop.sandbox, &[]).await?;
    assert_eq!(exit.status, 0, "{}", command.stderr());
    deploy.exit().await?;
    assert!(shop.sandbox.remaining().is_empty(), "{:?}", shop.sandbox.remaining());
    Ok(())
}

#[tokio::test]
async fn a_supervisor_that_stays_ends_with_its_server_and_restarts_nothing() -> Outcome {
    let (sandbox, address) = (Sandbox::new()?, free_address());
    let file = sandbox.programs().example("node/http.js");
    let words = ["--restart", "always", "node"].map(str::to_owned).into_iter().chain([file]);
    let mut resident = configured(sandbox.deploy(words), &address, 1).start()?;
    resident.says("up after").await?;
    let (exit, mut command) = stop(&sandbox, &[&address.to_string()]).await?;
    assert_eq!(exit.status, 0, "{}", command.stderr());
    assert!(command.stderr().contains("and its supervisor"), "{}", command.stderr());
    assert_eq!(resident.exit().await?.status, 0, "{}", resident.stderr());
    assert!(resident.stderr().contains("stopped by TERM"), "{}", resident.stderr());
    assert!(sandbox.remaining().is_empty(), "{:?}", sandbox.remaining());
    Ok(())
}

#[tokio::test]
async fn of_several_servers_one_is_named_and_a_server_with_a_stand_in_is_one_of_them() -> Outcome {
    let stall = Stall::new()?;
    let mut leaves = stall.swap(&["--probation", "0"], "fd {fd}", 1).start()?;
    assert_eq!(leaves.exit().await?.status, 0, "{}", leaves.stderr());
    let shop = left_alone_in(stall.sandbox).await?;
    let (socket, other) = (stall.address.to_string(), shop.address.to_string());
    let (exit, mut command) = stop(&shop.sandbox, &["--json"]).await?;
    assert_eq!(exit.status, 2, "{}", command.stderr());
    assert!([&socket, &other].iter().all(|one| command.stderr().contains(*one)), "{}", command.stderr());
    assert!(command.stderr().contains("hint: say which"), "{}", command.stderr());
    assert!(command.stdout().contains(r#""reason":"several""#), "{}", command.stdout());
    for (words, left) in [([&socket], 1), ([&other], 0)] {
        let (exit, mut command) = stop(&shop.sandbox, &words.map(String::as_str)).await?;
        assert_eq!(exit.status, 0, "{}", command.stderr());
        assert_eq!(shop.sandbox.remaining().len(), left, "{:?}", shop.sandbox.remaining());
    }
    let (exit, mut command) = stop(&shop.sandbox, &["--all"]).await?;
    assert_eq!(exit.status, 3, "{}", command.stderr());
    assert!(command.stderr().contains("nothing runs in"), "{}", command.stderr());
    Ok(())
}

#[tokio::test]
async fn what_a_shorter_deadline_or_a_second_request_cuts_is_said_with_numbers() -> Outcome {
    for hasten in [false, true] {
        let (sandbox, address) = (Sandbox::new()?, free_address());
        let file = sandbox.programs().fixture("unfinished.js");
        let mut leaves = configured(sandbox.serverswap(["node".to_owned(), file]), &address, 1);
        leaves = leaves.env("HOW", "own");
        let mut leaves = leaves.start()?;
        assert_eq!(leaves.exit().await?.status, 0, "{}", leaves.stderr());
        let mut client = TcpStream::connect(address.to_string())?;
        client.set_read_timeout(Some(LIMIT))?;
        client.write_all(b"GET / HTTP/1.1\r\nHost: x\r\n\r\n")?;
        client.read_exact(&mut [0; 1])?;
        let words: &[&str] = if hasten { &["stop"] } else { &["stop", "--drain-timeout", "300ms"] };
        let mut command = sandbox.serverswap(words.iter().copied()).start()?;
        command.says("is draining").await?;
        if hasten {
            command.signal(Signal::INT);
        }
        assert_eq!(command.exit().await?.status, 0, "{}", command.stderr());
        assert!(command.stderr().contains("got TERM with "), "{}", command.stderr());
        assert!(sandbox.remaining().is_empty(), "{:?}", sandbox.remaining());
    }
    Ok(())
}

#[tokio::test]
async fn a_server_that_was_left_alone_and_does_nothing_is_killed_at_the_deadlines() -> Outcome {
    let shop = left_alone().await?;
    signal(shop.ask().await?.0, Signal::STOP)?;
    let deadlines = ["--drain-timeout", "300ms", "--kill-timeout", "300ms"];
    let (exit, mut command) = stop(&shop.sandbox, &deadlines).await?;
    assert_eq!(exit.status, 0, "{}", command.stderr());
    assert!(shop.sandbox.remaining().is_empty(), "{:?}", shop.sandbox.remaining());
    Ok(())
}

#[tokio::test]
async fn an_address_of_another_program_and_a_stopped_arbiter_are_named_and_nothing_is_touched() -> Outcome {
    let shop = Shop::open().await?;
    let foreign = std::net::TcpListener::bind(("127.0.0.1", 0))?;
    let address = foreign.local_addr()?.to_string();
    let (exit, mut command) = stop(&shop.sandbox, &[&address]).await?;
    assert_eq!(exit.status, 3, "{}", command.stderr());
    assert!(command.stderr().contains(&format!("pid {}", std::process::id())), "{}", command.stderr());
    shop.serving.signal(Signal::STOP);
    let (exit, mut command) = stop(&shop.sandbox, &[]).await?;
    assert_eq!(exit.status, 125, "{}", command.stderr());
    assert!(command.stderr().contains("kill -CONT"), "{}", command.stderr());
    shop.serving.signal(Signal::CONT);
    assert_eq!(shop.ask().await?.1, "1");
    Ok(())
}
