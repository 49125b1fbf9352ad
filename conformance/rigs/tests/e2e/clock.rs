//! A wall clock that jumps, and a machine that was suspended, under everything that is started here (`servers/clock.c`):
//! neither is in a decision.
//!
//! `conformance/tests/wall_clock.rs` has where it may be read at all.

use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use rustix::process::Signal;
use serverswap_conformance::sandbox::{Invocation, Sandbox, free_address};

use crate::Outcome;
use crate::kills::silent;
use crate::processes::{ended, signal};
use crate::shop::{Shop, configured, nothing_failed};

/// More than a year, so that the year is another one on whatever day this runs.
const JUMP: i64 = 400 * 24 * 60 * 60;

/// How long it may drain where that does not matter.
const PLENTY: Duration = Duration::from_secs(30);

/// How long the old server may drain, and does, because of a client that says nothing.
const DRAIN: Duration = Duration::from_secs(2);

/// A clock that everything which is started with it reads.
struct Clock {
    library: PathBuf,
    file: PathBuf,
}

impl Clock {
    async fn right(sandbox: &Sandbox) -> Result<Clock, Box<dyn std::error::Error>> {
        let (library, file) = (sandbox.path().join("clock.so"), sandbox.path().join("ahead"));
        let source = sandbox.programs().fixture("clock.c");
        let words =
            ["-shared", "-fPIC", "-O1", "-o", &library.display().to_string(), &source].map(str::to_owned);
        let mut cc = sandbox.command(Path::new("cc"), words).start()?;
        assert_eq!(cc.exit().await?.status, 0, "{}", cc.stderr());
        Ok(Clock { library, file })
    }

    fn under(&self, command: Invocation) -> Invocation {
        command.env("LD_PRELOAD", &self.library).env("CLOCK_AHEAD", &self.file)
    }

    fn jump_to(&self, seconds_ahead: i64) -> std::io::Result<()> {
        std::fs::write(&self.file, seconds_ahead.to_string())
    }

    fn was_suspended_for(&self, seconds: i64) -> std::io::Result<()> {
        std::fs::write(&self.file, format!("0 {seconds}"))
    }
}

/// A shop under a clock that is right for now.
async fn open(drain: Duration) -> Result<(Shop, Clock), Box<dyn std::error::Error>> {
    let (sandbox, address) = (Sandbox::new()?, free_address());
    let clock = Clock::right(&sandbox).await?;
    let (drain, file) = (format!("{}s", drain.as_secs()), sandbox.programs().example("node/http.js"));
    let words = ["--drain-timeout", &drain, "--kill-timeout", "300ms", "node", &file].map(str::to_owned);
    let mut serving = configured(clock.under(sandbox.deploy(words)), &address, 1).start()?;
    serving.says("up after").await?;
    Ok((Shop { sandbox, address, serving }, clock))
}

/// The year since which the address is served, by the clock.
async fn year(shop: &Shop, clock: &Clock) -> Result<i32, Box<dyn std::error::Error>> {
    let mut status = clock.under(shop.sandbox.serverswap(["status", "--json"])).start()?;
    status.exit().await?;
    let status: serde_json::Value = serde_json::from_str(status.stdout())?;
    let since = status["addresses"][0]["holders"][0]["since"].as_str().ok_or("nobody holds it")?;
    Ok(since[..4].parse()?)
}

#[tokio::test]
async fn the_newest_wins_and_nothing_is_lost_wherever_the_clock_jumps_between_deploys() -> Outcome {
    let (mut shop, clock) = open(PLENTY).await?;
    let load = shop.load().await?;
    let right = year(&shop, &clock).await?;
    for (version, ahead) in [(2, JUMP), (3, -JUMP), (4, JUMP), (5, 0)] {
        clock.jump_to(ahead)?;
        assert_eq!((year(&shop, &clock).await? - right).signum(), i32::try_from(ahead.signum())?);
        let mut new = clock.under(shop.deploy(version)).start()?;
        new.says("up after").await?;
        assert_eq!(shop.serving.exit().await?.status, 0, "{}", shop.serving.stderr());
        assert_eq!(shop.ask().await?.1, version.to_string());
        shop.serving = new;
    }
    nothing_failed(load).await?;
    assert_eq!(shop.sandbox.remaining().len(), 2, "{:?}", shop.sandbox.remaining());
    Ok(())
}

#[tokio::test]
async fn an_arbiter_of_another_year_takes_over_from_one_that_was_killed() -> Outcome {
    let (mut shop, clock) = open(PLENTY).await?;
    let load = shop.load().await?;
    for (version, ahead) in [(2, -JUMP), (3, JUMP)] {
        let (old, _) = shop.ask().await?;
        shop.serving.signal(Signal::KILL);
        shop.serving.exit().await?;
        clock.jump_to(ahead)?;
        let mut new = clock.under(shop.deploy(version)).start()?;
        new.says("up after").await?;
        ended(old).await?;
        shop.serving = new;
    }
    nothing_failed(load).await?;
    assert_eq!(shop.ask().await?.1, "3");
    assert_eq!(shop.sandbox.remaining().len(), 2, "{:?}", shop.sandbox.remaining());
    Ok(())
}

/// It jumps while the old server drains, which is stopped, so that only the arbiter ends it: at its deadline,
/// neither before nor in a year.
async fn a_drain_ends_in_time_when(jumps: impl FnOnce(&Clock) -> std::io::Result<()>) -> Outcome {
    let (mut shop, clock) = open(DRAIN).await?;
    let (old, _) = shop.ask().await?;
    let _silent = silent(&shop).await?;
    signal(old, Signal::STOP)?;
    let began = Instant::now();
    let file = shop.sandbox.programs().example("node/http.js");
    // A probation would be a part of what is measured.
    let words = ["--probation", "0", "node", &file].map(str::to_owned);
    let mut new = configured(clock.under(shop.sandbox.deploy(words)), &shop.address, 2).start()?;
    new.says("is draining").await?;
    jumps(&clock)?;
    let load = shop.load().await?;
    ended(old).await?;
    assert!(began.elapsed() >= DRAIN, "it was ended after {:?}", began.elapsed());
    assert_eq!(shop.serving.exit().await?.status, 0, "{}", shop.serving.stderr());
    nothing_failed(load).await?;
    assert_eq!(shop.ask().await?.1, "2");
    Ok(())
}

#[tokio::test]
async fn a_drain_is_not_cut_short_by_a_clock_that_jumps_ahead() -> Outcome {
    a_drain_ends_in_time_when(|clock| clock.jump_to(JUMP)).await
}

#[tokio::test]
async fn a_drain_has_an_end_when_the_clock_jumps_back() -> Outcome {
    a_drain_ends_in_time_when(|clock| clock.jump_to(-JUMP)).await
}

#[tokio::test]
async fn a_drain_is_not_over_when_the_machine_was_suspended() -> Outcome {
    a_drain_ends_in_time_when(|clock| clock.was_suspended_for(60 * 60)).await
}
