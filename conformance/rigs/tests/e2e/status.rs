//! `serverswap status`.

use serde_json::Value;

use crate::Outcome;
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
    shop.serving.signal(rustix::process::Signal::KILL);
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
