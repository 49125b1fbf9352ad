//! What a command that stays tells the service manager (sd_notify(3)).

use std::os::unix::net::UnixDatagram;

use rustix::process::Signal;
use serverswap_conformance::sandbox::{LIMIT, Sandbox, free_address};

use crate::Outcome;
use crate::shop::configured;

/// The next message that has this line; the ones before it are passed over.
fn told(manager: &UnixDatagram, line: &str) -> Result<String, Box<dyn std::error::Error>> {
    let mut buffer = [0; 4_096];
    loop {
        let length = manager.recv(&mut buffer)?;
        let message = String::from_utf8_lossy(&buffer[..length]).into_owned();
        if message.lines().any(|told| told == line) {
            return Ok(message);
        }
    }
}

#[tokio::test]
async fn a_service_manager_is_told_when_it_is_up_reloads_and_stops_and_that_its_loop_runs() -> Outcome {
    let (sandbox, address) = (Sandbox::new()?, free_address());
    let path = sandbox.path().join("notify");
    let manager = UnixDatagram::bind(&path)?;
    manager.set_read_timeout(Some(LIMIT))?;
    let command = sandbox.deploy(["node".to_owned(), sandbox.programs().example("node/http.js")]);
    let command = configured(command, &address, 1).env("NOTIFY_SOCKET", &path).env("WATCHDOG_USEC", "200000");
    let mut command = command.start()?;
    told(&manager, "READY=1")?;
    told(&manager, "WATCHDOG=1")?;
    let mut reload = sandbox.serverswap(["reload"]).start()?;
    let reloading = told(&manager, "RELOADING=1")?;
    assert!(
        reloading.contains("MONOTONIC_USEC=") && reloading.contains("EXTEND_TIMEOUT_USEC="),
        "{reloading}"
    );
    let ready = told(&manager, "READY=1")?;
    assert!(ready.contains("STATUS=done: "), "{ready}");
    assert_eq!(reload.exit().await?.status, 0, "{}", reload.stderr());
    told(&manager, "WATCHDOG=1")?;
    command.signal(Signal::TERM);
    told(&manager, "STOPPING=1")?;
    assert_eq!(command.exit().await?.status, 0, "{}", command.stderr());
    Ok(())
}
