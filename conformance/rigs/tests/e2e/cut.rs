//! What the deadlines cut is said with numbers, in the text and in the JSON object, by both commands.

use std::io::{Read, Write};
use std::net::TcpStream;

use serde_json::{Value, json};
use serverswap_conformance::sandbox::{LIMIT, Sandbox, free_address};

use crate::Outcome;
use crate::shop::configured;

/// Two requests are under way, and never end, when a newer version takes over; returns what both commands
/// say was cut short, in JSON and in text.
async fn cut_short(how: &str) -> Result<[(Value, String); 2], Box<dyn std::error::Error>> {
    let (sandbox, address) = (Sandbox::new()?, free_address());
    let deploy = |version, command: Vec<&str>| {
        let file = sandbox.programs().fixture("unfinished.js");
        let kill_timeout = if how == "deaf" { "300ms" } else { "10s" };
        // The library closes them shortly before TERM comes, and a busy machine is to leave it the time.
        let drain_timeout = if how == "listen" { "3s" } else { "300ms" };
        let arguments = ["--json", "--drain-timeout", drain_timeout, "--kill-timeout", kill_timeout];
        let arguments = arguments.into_iter().chain(command).chain(["node", &file]).map(str::to_owned);
        configured(sandbox.serverswap(arguments.collect::<Vec<_>>()), &address, version).env("HOW", how)
    };
    let mut first = deploy(1, vec!["--stay"]).start()?;
    first.says("now served by").await?;
    let mut clients = Vec::new();
    for _ in 0..2 {
        let mut client = TcpStream::connect(address.to_string())?;
        client.set_read_timeout(Some(LIMIT))?;
        client.write_all(b"GET / HTTP/1.1\r\nHost: x\r\n\r\n")?;
        client.read_exact(&mut [0; 1])?;
        clients.push(client);
    }
    let mut second = deploy(2, Vec::new()).start()?;
    let mut said = Vec::new();
    for command in [&mut second, &mut first] {
        let exit = command.exit().await?;
        assert_eq!(exit.status, 0, "{}", command.stderr());
        let object = command.stdout().lines().find(|line| line.starts_with('{')).unwrap_or_default();
        let object: Value = serde_json::from_str(object)?;
        let mut cut = object["cutShort"].clone();
        for one in cut.as_array_mut().into_iter().flatten() {
            one.as_object_mut().and_then(|one| one.remove("pid")).ok_or("no pid")?;
        }
        said.push((cut, command.stderr().to_owned()));
    }
    said.try_into().map_err(|_| "two commands".into())
}

#[tokio::test]
async fn connections_that_the_library_closes_at_its_deadline_are_counted() -> Outcome {
    for (cut, text) in cut_short("listen").await? {
        // On a busy machine TERM comes before the server has exited by itself.
        assert_eq!(cut[0]["cut"], json!(2), "{text}");
        assert!(text.contains("closed 2 connections unfinished"), "{text}");
    }
    Ok(())
}

#[tokio::test]
async fn connections_that_are_open_at_term_are_counted_though_the_server_reports_none() -> Outcome {
    for (cut, text) in cut_short("own").await? {
        assert_eq!(cut, json!([{ "signal": "TERM", "connections": 2 }]), "{text}");
        assert!(text.contains("got TERM with 2 connections open"), "{text}");
    }
    Ok(())
}

#[tokio::test]
async fn a_server_that_has_to_be_killed_is_told_with_what_it_had_open() -> Outcome {
    for (cut, text) in cut_short("deaf").await? {
        assert_eq!(cut, json!([{ "signal": "KILL", "connections": 2 }]), "{text}");
        assert!(text.contains("got KILL with 2 connections open"), "{text}");
    }
    Ok(())
}
