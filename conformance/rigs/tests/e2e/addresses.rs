//! Every kind of address is swapped: Unix sockets, UDP, plain names.

use std::fs;
use std::net::UdpSocket;
use std::os::unix::fs::MetadataExt;
use std::path::Path;

use rustix::process::Signal;
use serverswap_conformance::sandbox::{LIMIT, Sandbox, free_port};
use serverswap_protocol::Address;

use crate::Outcome;
use crate::shop::{Shop, configured, nothing_failed};

#[tokio::test]
async fn a_unix_socket_is_swapped_without_losing_a_request_and_removed_at_the_end() -> Outcome {
    let sandbox = Sandbox::new()?;
    let path = sandbox.path().join("app.sock");
    let mut shop = Shop::open_at(sandbox, format!("unix:{}", path.display()).parse()?).await?;
    let load = shop.load().await?;
    for version in 2..=3 {
        assert_eq!(shop.replace(version).await?.status, 0);
    }
    nothing_failed(load).await?;
    shop.serving.signal(Signal::TERM);
    shop.serving.exit().await?;
    assert!(!Path::new(&path).exists(), "the arbiter removes the socket");
    Ok(())
}

/// Of two commands with one arbiter each socket has what its own server and command say.
#[tokio::test]
async fn a_unix_socket_has_the_umask_of_its_server_or_the_mode_of_its_command() -> Outcome {
    let sandbox = Sandbox::new()?;
    let rights = |name: &str| fs::metadata(sandbox.path().join(name)).map(|file| file.mode() & 0o777);
    let serves = |name: &str, options: &[&str], umask: &str| {
        let address = format!("unix:{}", sandbox.path().join(name).display()).parse()?;
        let server = format!("umask {umask}; exec node {}", sandbox.programs().example("node/http.js"));
        let command = options.iter().copied().chain(["sh", "-c", &server]).map(str::to_owned);
        configured(sandbox.deploy(command), &address, 1).start().map_err(Box::<dyn std::error::Error>::from)
    };
    let mut first = serves("first.sock", &[], "077")?;
    first.prints("version 1 serves").await?;
    let mut second = serves("second.sock", &[], "002")?;
    second.prints("version 1 serves").await?;
    let mut third = serves("third.sock", &["--unix-mode", "640", "--unix-group", "0"], "077")?;
    third.prints("version 1 serves").await?;
    assert_eq!([rights("first.sock")?, rights("second.sock")?, rights("third.sock")?], [0o600, 0o664, 0o640]);
    Ok(())
}

#[tokio::test]
async fn a_dual_stack_port_is_reached_over_both_families() -> Outcome {
    let port = free_port();
    let shop = Shop::open_at(Sandbox::new()?, format!(":{port}").parse()?).await?;
    for host in ["127.0.0.1", "[::1]"] {
        let target = (&format!("{host}:{port}").parse::<Address>()?).try_into()?;
        assert_eq!(serverswap_load::ask(&target, LIMIT).await?.version.as_deref(), Some("1"), "{host}");
    }
    drop(shop);
    Ok(())
}

#[tokio::test]
async fn a_udp_socket_is_swapped() -> Outcome {
    let (sandbox, port) = (Sandbox::new()?, free_port());
    let address: Address = format!("udp:127.0.0.1:{port}").parse()?;
    let deploy = |version| {
        let command = sandbox.deploy(["node".to_owned(), sandbox.programs().fixture("udp.js")]);
        configured(command, &address, version)
    };
    let client = UdpSocket::bind("127.0.0.1:0")?;
    client.set_read_timeout(Some(LIMIT))?;
    let ask = || -> Result<String, std::io::Error> {
        client.send_to(b"who?", ("127.0.0.1", port))?;
        let mut answer = [0; 64];
        let length = client.recv(&mut answer)?;
        Ok(String::from_utf8_lossy(&answer[..length]).into_owned())
    };
    let mut first = deploy(1).start()?;
    first.prints("version 1 serves").await?;
    assert_eq!(ask()?, "version 1");
    let mut second = deploy(2).start()?;
    second.prints("version 2 serves").await?;
    assert_eq!(first.exit().await?.status, 0, "{}", first.stderr());
    assert_eq!(ask()?, "version 2");
    Ok(())
}

#[tokio::test]
async fn a_plain_name_never_has_two_holders() -> Outcome {
    let sandbox = Sandbox::new()?;
    let deploy = |version: u32| {
        let command = sandbox.deploy(["node".to_owned(), sandbox.programs().fixture("mailer.js")]);
        command.env("VERSION", version.to_string())
    };
    let mut commands = Vec::new();
    for version in 1..=4 {
        let mut command = deploy(version).start()?;
        command.prints("holds").await?;
        commands.push(command);
    }
    let last = commands.len() - 1;
    for command in &mut commands[..last] {
        assert_eq!(command.exit().await?.status, 0, "{}", command.stderr());
    }
    // Each prints the time at which it got the name and the time at which it let go of it.
    let mut times = Vec::new();
    for command in &mut commands {
        for line in command.stdout().lines() {
            times.extend(line.rsplit(' ').next().map(str::parse::<u64>));
        }
    }
    let times = times.into_iter().collect::<Result<Vec<u64>, _>>()?;
    assert_eq!(times.len(), 7, "three were replaced");
    assert!(times.is_sorted(), "one lets go before the next one holds: {times:?}");
    Ok(())
}
