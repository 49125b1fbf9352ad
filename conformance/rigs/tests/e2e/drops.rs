//! Servers that root starts and that are another user from then on, or from the beginning: they come back to the
//! next arbiter, and drain like any other. Strangers come nowhere.

use serverswap_conformance::sandbox::{Invocation, Sandbox, free_address};
use serverswap_protocol::Address;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

use crate::Outcome;
use crate::shop::{Shop, answered, configured, nothing_failed};
use crate::users::{OTHER, can_run, is_root};

/// Whom the servers of `drops` become.
const NOBODY: u32 = 65_534;

/// Prints what the arbiter's other socket says, and that it is over.
const PROBE: &str = "import socket, sys
probe = socket.socket(socket.AF_UNIX)
probe.connect('\\0' + sys.argv[1])
while received := probe.recv(65536):
    print(received.decode(), end='')
print('over')";

fn drops(sandbox: &Sandbox) -> [Vec<String>; 2] {
    let programs = sandbox.programs();
    [
        vec!["node".to_owned(), programs.fixture("drops.js")],
        vec![programs.python().display().to_string(), programs.fixture("drops.py")],
    ]
}

/// A command that runs as another user from the beginning.
fn as_other(sandbox: &Sandbox) -> Vec<String> {
    let user = OTHER.to_string();
    let words = ["setpriv", "--reuid", &user, "--regid", &user, "--clear-groups", "node"].map(str::to_owned);
    words.into_iter().chain([sandbox.programs().example("node/http.js")]).collect()
}

fn leaving(sandbox: &Sandbox, address: &Address, command: &[String], version: u32) -> Invocation {
    configured(sandbox.serverswap(command), address, version)
}

/// What a server answers to one request with this header.
async fn ask(shop: &Shop, header: &str) -> Result<String, Box<dyn std::error::Error>> {
    let Address::Tcp(_) = &shop.address else { return Err("a shop has a TCP address".into()) };
    let mut connection = TcpStream::connect(shop.address.to_string()).await?;
    let request = format!("GET / HTTP/1.1\r\nHost: shop\r\n{header}Connection: close\r\n\r\n");
    connection.write_all(request.as_bytes()).await?;
    let mut answer = String::new();
    connection.read_to_string(&mut answer).await?;
    Ok(answer)
}

/// It serves before it becomes another user, so it is asked until it has.
async fn has_become(user: u32, shop: &Shop) -> Outcome {
    loop {
        let pid = shop.ask().await?.0;
        let status = std::fs::read_to_string(format!("/proc/{pid}/status"))?;
        if status.contains(&format!("Uid:\t{user}\t{user}\t")) {
            return Ok(());
        }
    }
}

/// A request that is half sent when the server is replaced is answered by it, and nothing fails.
async fn is_replaced_without_loss(mut shop: Shop, command: &[String], user: u32) -> Outcome {
    assert_eq!(shop.serving.exit().await?.status, 0, "{}", shop.serving.stderr());
    has_become(user, &shop).await?;
    let connection = shop.asking(1).await?;
    let load = shop.load().await?;
    let mut second = leaving(&shop.sandbox, &shop.address, command, 2).start()?;
    second.says("now served by").await?;
    let answer = answered(connection).await?;
    assert!(answer.contains("Version: 1"), "{answer}");
    assert_eq!(second.exit().await?.status, 0, "{}", second.stderr());
    assert!(!second.stderr().contains("TERM"), "{}", second.stderr());
    nothing_failed(load).await?;
    Ok(())
}

#[tokio::test]
async fn a_server_that_has_become_another_user_since_its_claim_drains_like_any_other() -> Outcome {
    if !is_root() {
        return Ok(());
    }
    for command in drops(&Sandbox::new()?) {
        let (sandbox, address) = (Sandbox::new()?, free_address());
        let serving = leaving(&sandbox, &address, &command, 1).start()?;
        is_replaced_without_loss(Shop { sandbox, address, serving }, &command, NOBODY).await?;
    }
    Ok(())
}

#[tokio::test]
async fn a_server_that_a_wrapper_starts_as_another_user_claims_and_drains_like_any_other() -> Outcome {
    let sandbox = Sandbox::new()?;
    if !is_root() || !can_run(&sandbox).await? {
        return Ok(());
    }
    let (command, address) = (as_other(&sandbox), free_address());
    let serving = leaving(&sandbox, &address, &command, 1).start()?;
    is_replaced_without_loss(Shop { sandbox, address, serving }, &command, OTHER).await
}

#[tokio::test]
async fn a_server_that_has_become_another_user_claims_nothing_more_once_it_came_back() -> Outcome {
    if !is_root() {
        return Ok(());
    }
    let (sandbox, address) = (Sandbox::new()?, free_address());
    let [node, _] = drops(&sandbox);
    let mut serving = leaving(&sandbox, &address, &node, 1).start()?;
    assert_eq!(serving.exit().await?.status, 0, "{}", serving.stderr());
    let shop = Shop { sandbox, address, serving };
    has_become(NOBODY, &shop).await?;
    let mut arbiter = shop.sandbox.deploy(["sleep", "600"]).start()?;
    arbiter.says("started").await?;
    let answer = ask(&shop, "Claim: mailer\r\n").await?;
    assert!(answer.contains("Outcome: not_permitted"), "{answer}");
    let mut second = leaving(&shop.sandbox, &shop.address, &node, 2).start()?;
    assert_eq!(second.exit().await?.status, 0, "{}", second.stderr());
    assert!(!second.stderr().contains("TERM"), "{}", second.stderr());
    Ok(())
}

#[tokio::test]
async fn a_stranger_who_shows_the_generation_receives_not_permitted_and_nothing_else() -> Outcome {
    if !is_root() {
        return Ok(());
    }
    let shop = Shop::open().await?;
    let pid = shop.ask().await?.0;
    let server = shop.sandbox.remaining().into_iter().find(|one| one.pid == pid).ok_or("no server")?;
    let shown = |name| server.variable(name).ok_or("it is not set");
    let user = OTHER.to_string();
    let name = shown("SERVERSWAP_ABSTRACT_SOCKET")?;
    // One that everybody may run, whatever is first in the path of root.
    let python = ["env", "PATH=/usr/bin:/bin", "python3", "-c", PROBE, &name];
    let words = ["--reuid", &user, "--regid", &user, "--clear-groups"].into_iter().chain(python);
    let probe = shop.sandbox.command("setpriv".as_ref(), words.map(str::to_owned));
    let mut probe = probe.env("SERVERSWAP_GENERATION", shown("SERVERSWAP_GENERATION")?).start()?;
    probe.prints("over").await?;
    let lines: Vec<&str> = probe.stdout().lines().collect();
    let error: serde_json::Value = serde_json::from_str(lines[0])?;
    assert_eq!((lines.len(), &error["code"], &error["fatal"]), (2, &"not_permitted".into(), &true.into()));
    Ok(())
}
