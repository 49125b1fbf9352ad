//! `--probation`: a bad new version never hurts, also when that shows only after it serves.

use rustix::process::Signal;
use serverswap_conformance::sandbox::{Invocation, LIMIT, Started};
use serverswap_load::{Probe, Target};
use tokio::io::AsyncWriteExt;

use crate::Outcome;
use crate::shop::{ANSWERS, Shop, answered, configured, nothing_failed};

/// A server that serves some requests and then does what `ends` says.
const WORSE: &str = r"
const server = require('node:http').createServer((request, response) => {
  response.writeHead(200, { Pid: process.pid, Version: '2' });
  response.end('worse\n');
  left -= 1;
  if (left === 0) setImmediate(ends);
});
serverswap.listen(server, process.env.ADDRESS);
";

/// Exit status of a server that said `fail`.
const SAID_FAIL: i32 = 121;

/// Exit status of a deploy that a newer one has replaced before it was up.
const SUPERSEDED: i32 = 120;

fn deploy(shop: &Shop, ends: &str) -> Invocation {
    let words = ["--probation", "1h", "--json", "node", "-e", &worse(shop, ends)].map(str::to_owned);
    configured(shop.sandbox.deploy(words), &shop.address, 2)
}

fn worse(shop: &Shop, ends: &str) -> String {
    let package = shop.sandbox.programs().example("../bindings/node");
    format!("const serverswap = require('{package}'); let left = 20; const ends = () => {{ {ends} }};{WORSE}")
}

#[tokio::test]
async fn after_probation_the_old_server_is_replaced_and_nothing_is_lost() -> Outcome {
    let mut shop = Shop::open().await?;
    let load = shop.load().await?;
    let file = shop.sandbox.programs().example("node/http.js");
    let words = ["--probation".to_owned(), "300ms".to_owned(), "node".to_owned(), file];
    let mut new = configured(shop.sandbox.deploy(words), &shop.address, 2).start()?;
    assert_eq!(shop.serving.exit().await?.status, 0, "{}", shop.serving.stderr());
    assert!(new.stderr().contains("alongside the old server for 300 ms"), "{}", new.stderr());
    nothing_failed(load).await?;
    assert_eq!(shop.ask().await?.1, "2");
    Ok(())
}

#[tokio::test]
async fn a_server_that_gives_up_on_probation_is_rolled_back_and_loses_nothing() -> Outcome {
    let shop = Shop::open().await?;
    let load = shop.load().await?;
    let mut new = deploy(&shop, "console.log('at a loss'); serverswap.fail('no database');").start()?;
    let exit = new.exit().await?;
    assert_eq!(exit.status, SAID_FAIL, "{}", new.stderr());
    assert!(new.stderr().contains("rolled back: "), "{}", new.stderr());
    assert!(new.stdout().contains(r#""outcome":"rolled_back""#), "{}", new.stdout());
    // With `--json` its stdout is shown on stderr.
    assert!(new.stderr().contains("at a loss\n"), "{}", new.stderr());
    assert!(new.stdout().contains(r#""printed":{"stdout":["at a loss"]"#), "{}", new.stdout());
    nothing_failed(load).await?;
    assert_eq!(shop.ask().await?.1, "1");
    Ok(())
}

#[tokio::test]
async fn a_server_that_crashes_on_probation_leaves_the_old_one_serving_without_a_gap() -> Outcome {
    let mut shop = Shop::open().await?;
    let probe = Probe::start(Target::try_from(&shop.address)?, LIMIT)?;
    let mut load = shop.load().await?;
    let mut new = deploy(&shop, "process.exit(7);").start()?;
    assert_eq!(new.exit().await?.status, 7, "{}", new.stderr());
    assert!(new.stderr().contains("rolled back: "), "{}", new.stderr());
    load.more_answers(ANSWERS, LIMIT).await?;
    load.stop();
    assert_eq!(probe.stop().first, None, "no connection was refused");
    assert_eq!(shop.ask().await?.1, "1");
    shop.replace(3).await?;
    Ok(())
}

#[tokio::test]
async fn a_server_that_crashes_with_its_first_requests_is_rolled_back_without_an_option() -> Outcome {
    let mut shop = Shop::open().await?;
    let mut load = shop.load().await?;
    let program = &shop.sandbox.programs().serverswap;
    let words = ["node", "-e", &worse(&shop, "process.exit(7);")].map(str::to_owned);
    let mut new = configured(shop.sandbox.command(program, words), &shop.address, 2).start()?;
    assert_eq!(new.exit().await?.status, 7, "{}", new.stderr());
    assert!(new.stderr().contains("alongside the old server for 2 s"), "{}", new.stderr());
    assert!(new.stderr().contains("rolled back: "), "{}", new.stderr());
    load.more_answers(ANSWERS, LIMIT).await?;
    load.stop();
    assert_eq!(shop.ask().await?.1, "1");
    shop.replace(3).await?;
    Ok(())
}

/// `examples/node/http.js` on a probation that ends after the test.
async fn on_probation(shop: &Shop) -> Result<Started, Box<dyn std::error::Error>> {
    let file = shop.sandbox.programs().example("node/http.js");
    let words = ["--probation", "1h", "node", &file].map(str::to_owned);
    let mut new = configured(shop.sandbox.deploy(words), &shop.address, 2).start()?;
    new.prints("version 2 serves").await?;
    Ok(new)
}

#[tokio::test]
async fn a_server_on_probation_that_a_newer_one_replaces_answers_what_it_has_accepted() -> Outcome {
    let mut shop = Shop::open().await?;
    let mut second = on_probation(&shop).await?;
    let connection = shop.asking(2).await?;
    shop.replace(3).await?;
    second.says("now served by a newer generation").await?;
    assert!(answered(connection).await?.contains("Version: 2"));
    let exit = second.exit().await?;
    assert_eq!(exit.status, SUPERSEDED, "{}", second.stderr());
    assert!(!second.stderr().contains("TERM"), "{}", second.stderr());
    Ok(())
}

#[tokio::test]
async fn the_first_term_ends_no_drain_of_a_server_that_is_rolled_back() -> Outcome {
    let shop = Shop::open().await?;
    let package = shop.sandbox.programs().example("../bindings/node");
    let script = format!(
        "const serverswap = require('{package}');
         const server = require('node:http').createServer((request, response) => {{
           response.writeHead(200, {{ Version: '2' }});
           response.end('from version 2\\n');
           if (request.headers.fail) serverswap.fail('no database');
         }});
         serverswap.listen(server, process.env.ADDRESS).then(() => console.log('version 2 serves'));"
    );
    let words = ["--probation", "1h", "node", "-e", &script].map(str::to_owned);
    let mut second = configured(shop.sandbox.deploy(words), &shop.address, 2).start()?;
    second.prints("version 2 serves").await?;
    let connection = shop.asking(2).await?;
    let mut last = shop.asking(2).await?;
    last.write_all(b"Fail: now\r\n").await?;
    answered(last).await?;
    second.says("rolling back").await?;
    second.signal(Signal::TERM);
    second.says("received TERM").await?;
    assert!(answered(connection).await?.contains("Version: 2"));
    assert_eq!(second.exit().await?.status, 128 + 15, "{}", second.stderr());
    assert_eq!(shop.ask().await?.1, "1");
    Ok(())
}
