//! `serverswap history`: what real commands have written of themselves.

use rustix::process::Signal;
use serde_json::Value;
use serverswap_conformance::sandbox::Sandbox;

use crate::Outcome;
use crate::kills::left_alone;
use crate::processes::{ended, signal};
use crate::shop::{Shop, configured};

/// The entries, and whether the command succeeded.
async fn entries(sandbox: &Sandbox, words: &[&str]) -> Result<Vec<Value>, Box<dyn std::error::Error>> {
    let words = [&["history", "--json"], words].concat();
    let mut command = sandbox.serverswap(words).start()?;
    assert_eq!(command.exit().await?.status, 0, "{}", command.stderr());
    let object: Value = serde_json::from_str(command.stdout())?;
    Ok(object["entries"].as_array().ok_or("it has entries")?.clone())
}

fn happened(entries: &[Value]) -> Vec<&str> {
    entries.iter().filter_map(|entry| entry["happened"].as_str()).collect()
}

#[tokio::test]
async fn a_follower_is_told_what_happens_whichever_process_is_the_arbiter() -> Outcome {
    let mut shop = Shop::open().await?;
    let mut follower = shop.sandbox.serverswap(["events", "--follow"]).start()?;
    follower.prints(r#""what":"following""#).await?;
    shop.serving.signal(Signal::KILL);
    shop.serving.exit().await?;
    shop.serving = shop.deploy(2).start()?;
    shop.serving.prints("version 2 serves").await?;
    follower.prints(r#""what":"following""#).await?;
    shop.replace(3).await?;
    let line: Value = serde_json::from_str(&follower.prints(r#""event":{"what":"replaced""#).await?)?;
    assert_eq!(line["addresses"][0].as_str(), Some(shop.address.to_string().as_str()), "{line}");
    follower.prints(r#""what":"deploy""#).await?;
    // The deploy is not over while the older version drains.
    let _request = shop.asking(3).await?;
    let mut killed = shop.deploy(4).start()?;
    killed.says("is draining").await?;
    killed.signal(Signal::KILL);
    killed.exit().await?;
    follower.prints(r#""outcome":"killed""#).await?;
    follower.signal(Signal::TERM);
    follower.exit().await?;
    Ok(())
}

#[tokio::test]
async fn everything_that_was_done_is_told_once_with_who_did_it_and_how_to_run_it_again() -> Outcome {
    let mut shop = left_alone().await?;
    let file = shop.sandbox.programs().example("node/http.js");
    let deploy = |words: &[&str]| {
        let words = ["--probation", "0"].iter().chain(words).copied();
        configured(shop.sandbox.serverswap(words), &shop.address, 2)
    };
    for (words, status) in [(["node", &file].as_slice(), 0), (["sh", "-c", "exit 3"].as_slice(), 3)] {
        let mut command = deploy(words).start()?;
        assert_eq!(command.exit().await?.status, status, "{}", command.stderr());
    }
    // Nobody sees this one end: the next command finds it gone.
    let (pid, _) = shop.ask().await?;
    signal(pid, Signal::KILL)?;
    ended(pid).await?;
    shop.serving = deploy(&["node", &file]).start()?;
    assert_eq!(shop.serving.exit().await?.status, 0, "{}", shop.serving.stderr());
    let mut stop = shop.sandbox.serverswap(["stop"]).start()?;
    assert_eq!(stop.exit().await?.status, 0, "{}", stop.stderr());

    let all = entries(&shop.sandbox, &[]).await?;
    let expected = ["started", "swapped", "failed", "started", "gone unasked, seen later", "stopped"];
    let mut told = happened(&all);
    told[3..5].sort_unstable_by(|one, other| other.cmp(one));
    assert_eq!(told, expected, "{all:?}");
    assert_eq!((all[2]["status"].as_u64(), all[1]["replaced"].as_array().map(Vec::len)), (Some(3), Some(1)));
    let uid = u64::from(rustix::process::getuid().as_raw());
    for entry in [&all[0], &all[5]] {
        assert_eq!(entry["who"]["uid"].as_u64(), Some(uid), "{entry}");
    }
    let of_address = entries(&shop.sandbox, &[&shop.address.to_string()]).await?;
    assert_eq!(of_address.len(), 5, "{of_address:?}");
    let again = all[0]["again"].as_str().ok_or("it can be run again")?;
    assert!(again.starts_with("cd ") && again.ends_with(&file), "{again}");
    Ok(())
}
