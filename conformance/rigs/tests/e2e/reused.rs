//! Pids of the dead that belong to somebody else by now: an innocent, who is left alone.
//!
//! Whoever looked into the innocent would find a listener of the very address there, but of a network of
//! its own (root can make one): it would be passed on, and nobody could be reached at it.

use std::path::Path;
use std::time::Duration;

use rustix::process::Signal;
use serde_json::Value;
use serverswap_conformance::sandbox::{LIMIT, Sandbox, Started, free_port};
use tokio::time::{Instant, interval};

use crate::Outcome;
use crate::processes::{ended, signal};
use crate::shop::Shop;

/// How often it is looked at; nothing tells when a process is reaped.
const PACE: Duration = Duration::from_millis(10);

/// Whose pids are used again.
struct Dead {
    shop: Shop,
    port: u16,
    server: u32,
    supervisor: u32,
}

/// Version 1 and its supervisor are killed, and the state names both.
async fn dead() -> Result<Dead, Box<dyn std::error::Error>> {
    let port = free_port();
    let mut shop = Shop::open_at(Sandbox::new()?, format!(":{port}").parse()?).await?;
    shop.serving.says("up after").await?;
    let (server, supervisor) = (shop.ask().await?.0, shop.serving.pid());
    shop.serving.signal(Signal::KILL);
    shop.serving.exit().await?;
    signal(server, Signal::KILL)?;
    ended(server).await?;
    reaped(server).await?;
    Ok(Dead { shop, port, server, supervisor })
}

/// Waits until an ended process is reaped, by whoever has inherited it: its pid is free then.
async fn reaped(pid: u32) -> Outcome {
    let (give_up_at, mut pace) = (Instant::now() + LIMIT, interval(PACE));
    while Path::new(&format!("/proc/{pid}")).exists() {
        pace.tick().await;
        if Instant::now() > give_up_at {
            return Err(format!("nobody reaps pid {pid}").into());
        }
    }
    Ok(())
}

/// An innocent, and its pid: `pid`, or 0 for whichever.
async fn innocent(dead: &Dead, pid: u32) -> Result<(Started, u32), Box<dyn std::error::Error>> {
    let sandbox = &dead.shop.sandbox;
    let script = |port: u16| {
        let file = sandbox.programs().fixture("innocent.py");
        ["python3".to_owned(), file, port.to_string(), pid.to_string()].into_iter()
    };
    let own_network = || ["--net".to_owned()].into_iter();
    let mut probe =
        sandbox.command(Path::new("unshare"), own_network().chain(["true".to_owned()])).start()?;
    let mut started = if probe.exit().await?.status == 0 {
        sandbox.command(Path::new("unshare"), own_network().chain(script(dead.port))).start()?
    } else {
        println!("it may have no network of its own here: that nobody looks into it is not shown");
        sandbox.command(Path::new("python3"), script(0).skip(1)).start()?
    };
    let line = started.prints("pid ").await?;
    let pid = line.strip_prefix("minds its own business as pid ").ok_or(line.clone())?.parse()?;
    Ok((started, pid))
}

/// The next deploy works, and the innocents mind their own business.
async fn the_next_deploy_leaves_alone(dead: &Dead, innocents: &mut [(Started, u32)]) -> Outcome {
    let mut new = dead.shop.deploy(2).start()?;
    new.says("up after").await?;
    assert_eq!(dead.shop.ask().await?.1, "2");
    for (innocent, pid) in innocents {
        assert!(!innocent.stdout().contains("got "), "{}", innocent.stdout());
        let lives = dead.shop.sandbox.remaining().iter().any(|process| process.pid == *pid);
        assert!(lives, "{:?}", dead.shop.sandbox.remaining());
    }
    new.signal(Signal::TERM);
    assert_eq!(new.exit().await?.status, 0, "{}", new.stderr());
    Ok(())
}

/// The state says `innocent` where it said `pid`, with the start time of the dead.
fn rename(state: &mut Value, pid: u32, innocent: u32) {
    match state {
        Value::Object(members) => {
            if members.get("pid") == Some(&pid.into()) {
                members.insert("pid".to_owned(), innocent.into());
            }
            members.values_mut().for_each(|value| rename(value, pid, innocent));
        }
        Value::Array(values) => values.iter_mut().for_each(|value| rename(value, pid, innocent)),
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) => {}
    }
}

/// The state names an innocent in place of one of the dead.
async fn with_an_innocent_in_place_of(whom: fn(&Dead) -> u32) -> Outcome {
    let dead = dead().await?;
    let innocent = innocent(&dead, 0).await?;
    let path = dead.shop.sandbox.runtime_dir().join("state.json");
    let mut state: Value = serde_json::from_slice(&std::fs::read(&path)?)?;
    let before = state.clone();
    rename(&mut state, whom(&dead), innocent.1);
    assert_ne!(state, before, "the state names the dead");
    std::fs::write(&path, state.to_string())?;
    the_next_deploy_leaves_alone(&dead, &mut [innocent]).await
}

#[tokio::test]
async fn a_process_with_the_pid_of_a_dead_holder_in_the_state_is_left_alone() -> Outcome {
    with_an_innocent_in_place_of(|dead| dead.server).await
}

#[tokio::test]
async fn a_process_with_the_pid_of_a_dead_supervisor_and_keeper_in_the_state_is_left_alone() -> Outcome {
    with_an_innocent_in_place_of(|dead| dead.supervisor).await
}

#[tokio::test]
async fn processes_to_which_the_kernel_gave_recorded_pids_meanwhile_are_left_alone() -> Outcome {
    let dead = dead().await?;
    let innocents = [innocent(&dead, dead.server).await, innocent(&dead, dead.supervisor).await];
    let mut innocents = match innocents.into_iter().collect::<Result<Vec<_>, _>>() {
        Ok(innocents) => innocents,
        Err(error) if error.to_string().contains("Operation not permitted") => {
            println!("skipped: nobody may choose the pid of a process here ({error})");
            return Ok(());
        }
        Err(error) => return Err(error),
    };
    let pids: Vec<u32> = innocents.iter().map(|(_, pid)| *pid).collect();
    assert_eq!(pids, [dead.server, dead.supervisor]);
    the_next_deploy_leaves_alone(&dead, &mut innocents).await
}
