//! `serverswap status`.

use rustix::process::Signal;
use serde_json::Value;

use crate::Outcome;
use crate::processes::signal;
use crate::shop::Shop;

#[tokio::test]
async fn status_names_the_address_its_server_and_its_supervisor() -> Outcome {
    let shop = Shop::open().await?;
    let (pid, _) = shop.ask().await?;
    let mut status = shop.sandbox.serverswap(["status"]).start()?;
    assert_eq!(status.exit().await?.status, 0, "{}", status.stderr());
    let text = status.stdout().to_owned();
    for word in [shop.address.to_string(), pid.to_string(), shop.serving.pid().to_string()] {
        assert!(text.contains(&word), "`{word}` is not in: {text}");
    }
    Ok(())
}

#[tokio::test]
async fn status_works_when_no_supervisor_lives() -> Outcome {
    let mut shop = Shop::open().await?;
    shop.serving.says("up after").await?;
    let (pid, _) = shop.ask().await?;
    shop.serving.signal(Signal::KILL);
    shop.serving.exit().await?;
    let mut status = shop.sandbox.serverswap(["status", "--json"]).start()?;
    assert_eq!(status.exit().await?.status, 0, "{}", status.stderr());
    let json: Value = serde_json::from_str(status.stdout())?;
    let text = json.to_string();
    assert!(text.contains(&shop.address.to_string()) && text.contains(&pid.to_string()), "{text}");
    Ok(())
}

#[tokio::test]
async fn status_of_one_address_that_nobody_holds_says_so() -> Outcome {
    let shop = Shop::open().await?;
    let mut status = shop.sandbox.serverswap(["status", "nobody"]).start()?;
    let exit = status.exit().await?;
    let text = format!("{}{}", status.stdout().to_owned(), status.stderr());
    assert_ne!(exit.status, 0, "{text}");
    assert!(text.contains("nobody"), "{text}");
    Ok(())
}

#[tokio::test]
async fn the_view_is_drawn_again_when_the_server_or_the_arbiter_changes() -> Outcome {
    let mut shop = Shop::open().await?;
    shop.serving.says("up after").await?;
    let (first, _) = shop.ask().await?;
    let mut view = shop.sandbox.serverswap(["status", "--watch"]).start()?;
    view.prints(&format!("  serving  {first} ")).await?;
    shop.replace(2).await?;
    let (second, _) = shop.ask().await?;
    view.prints(&format!("  serving  {second} ")).await?;
    shop.serving.signal(Signal::KILL);
    shop.serving.exit().await?;
    view.prints("  none  ").await?;
    signal(second, Signal::KILL)?;
    view.prints("nothing is served in ").await?;
    view.signal(Signal::INT);
    assert_eq!(view.exit().await?.status, 0, "{}", view.stderr());
    Ok(())
}

#[tokio::test]
async fn status_says_what_runs_since_when_and_by_whom() -> Outcome {
    let shop = Shop::open().await?;
    let (pid, _) = shop.ask().await?;
    let all = ["status", "--all", "--json", &shop.address.to_string()].map(str::to_owned);
    let mut status = shop.sandbox.serverswap(all).start()?;
    assert_eq!(status.exit().await?.status, 0, "{}", status.stderr());
    let json: Value = serde_json::from_str(status.stdout())?;
    let (holder, generation) = (&json["addresses"][0]["holders"][0], &json["generations"][0]);
    assert_eq!(
        (&holder["pid"], &holder["generation"]),
        (&generation["processes"][0], &generation["generation"])
    );
    assert_eq!(holder["pid"].as_u64(), Some(pid.into()), "{json}");
    assert!(generation["command"].to_string().contains("http.js"), "{json}");
    let cwd = std::fs::read_link(format!("/proc/{pid}/cwd"))?;
    assert_eq!(generation["cwd"].as_str(), cwd.to_str(), "{json}");
    assert!(generation["memoryBytes"].as_u64() > Some(1 << 20), "{json}");
    assert_eq!(generation["connections"][shop.address.to_string()].as_u64(), Some(0), "{json}");
    assert_eq!(generation["who"]["uid"].as_u64(), Some(rustix::process::geteuid().as_raw().into()), "{json}");
    Ok(())
}
