//! Listeners that a service manager keeps, or has opened: `manager.py` is one, as systemd is to a unit.

use std::fs;
use std::path::Path;

use rustix::process::Signal;
use serverswap_conformance::sandbox::{Sandbox, Started, free_address, free_port};
use serverswap_protocol::Address;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

use crate::Outcome;
use crate::shop::configured;

type Result<T> = std::result::Result<T, Box<dyn std::error::Error>>;

/// `manager.py OPTIONS serverswap-deploy WORDS`.
fn managed(sandbox: &Sandbox, options: &[&str], words: &[&str]) -> Result<Started> {
    let programs = sandbox.programs();
    let deploy = programs.serverswap_deploy.display().to_string();
    let manager = programs.fixture("manager.py");
    let fixed = [deploy.as_str(), "--probation", "0"];
    let all = [manager.as_str()].into_iter().chain(options.iter().copied()).chain(fixed);
    let all = all.chain(words.iter().copied()).map(str::to_owned);
    Ok(sandbox.command(Path::new("python3"), all).start()?)
}

/// What a client is answered that has connected and asked already.
async fn answer(mut client: TcpStream) -> Result<String> {
    let mut received = Vec::new();
    while client.read_buf(&mut received).await? > 0 {}
    Ok(String::from_utf8_lossy(&received).into_owned())
}

async fn asks(port: u16) -> Result<TcpStream> {
    let mut client = TcpStream::connect(("127.0.0.1", port)).await?;
    client.write_all(b"GET / HTTP/1.1\r\nHost: shop\r\nConnection: close\r\n\r\n").await?;
    Ok(client)
}

fn port(address: &Address) -> Result<u16> {
    let text = address.to_string();
    Ok(text.rsplit(':').next().unwrap_or_default().parse()?)
}

fn stored(address: &Address) -> String {
    format!("serverswap {}", address.to_string().replace(':', ";"))
}

#[tokio::test]
async fn who_connects_waits_while_everything_is_killed_and_started_again_and_what_is_given_up_is_closed()
-> Outcome {
    let (sandbox, first) = (Sandbox::new()?, free_address());
    let second: Address = format!(":{}", free_port()).parse()?;
    let variables = sandbox.path().join("variables");
    let serve = |address: &Address, version: u32| {
        fs::write(&variables, format!("ADDRESS={address}\nVERSION={version}\n"))
    };
    serve(&first, 1)?;
    let (env_file, http) = (variables.display().to_string(), sandbox.programs().example("node/http.js"));
    let mut manager = managed(&sandbox, &[], &["--env-file", &env_file, "node", &http])?;
    manager.prints(&format!("stored {}", stored(&first))).await?;
    manager.prints("told READY=1").await?;

    // As the kernel does it with a control group that is out of memory.
    manager.signal(Signal::USR1);
    manager.prints("ended -9").await?;
    let client = asks(port(&first)?).await?;
    // A version that fails gives nothing up.
    fs::write(&variables, "NODE_OPTIONS=--none\n")?;
    manager.signal(Signal::USR2);
    manager.prints("ended ").await?;
    serve(&first, 1)?;
    manager.signal(Signal::USR2);
    manager.prints(&format!("passed ['{}']", stored(&first))).await?;
    assert!(answer(client).await?.contains("Hello from version 1"));

    // The next generation is another process, to which a service manager does not listen, and has an address more.
    manager.prints("told READY=1").await?;
    serve(&second, 2)?;
    assert_eq!(sandbox.serverswap(["reload"]).start()?.exit().await?.status, 0, "{}", manager.stderr());
    manager.prints(&format!("stored {}", stored(&second))).await?;
    let second_text = second.to_string();
    let reload = || sandbox.serverswap(["reload", &first.to_string()]).start();
    assert_eq!(sandbox.serverswap(["stop", &second_text]).start()?.exit().await?.status, 0);
    manager.prints(&format!("removed {}", stored(&second))).await?;
    assert_eq!(reload()?.exit().await?.status, 0, "{}", manager.stderr());
    manager.prints(&format!("stored {}", stored(&second))).await?;
    manager.signal(Signal::USR1);
    manager.prints("ended -9").await?;
    let client = asks(port(&second)?).await?;
    manager.signal(Signal::USR2);
    assert!(answer(client).await?.contains("Hello from version 2"));
    manager.prints("told READY=1").await?;
    manager.prints(&format!("removed {}", stored(&first))).await?;
    assert!(TcpStream::connect(("127.0.0.1", port(&first)?)).await.is_err(), "no server has it any more");

    // What is stored is in the way of another address of the same port, and nobody has it.
    let narrow: Address = format!("127.0.0.1:{}", port(&second)?).parse()?;
    serve(&narrow, 3)?;
    manager.signal(Signal::HUP);
    manager.prints(&format!("removed {}", stored(&second))).await?;
    manager.prints(&format!("stored {}", stored(&narrow))).await?;
    assert!(answer(asks(port(&narrow)?).await?).await?.contains("Hello from version 3"));

    manager.signal(Signal::TERM);
    assert_eq!(manager.exit().await?.status, 0);
    assert!(!manager.stdout().contains("not listened to"), "{}", manager.stdout());
    Ok(())
}

#[tokio::test]
async fn what_a_socket_unit_has_opened_is_the_first_listener_of_whoever_serves_there() -> Outcome {
    let (http, port) = ("node/http.js", |address: &Address| address.to_string().replace("127.0.0.1:", ""));
    for way in ["speaks", "speaks to another's arbiter", "--socket", "--intercept"] {
        let (sandbox, address) = (Sandbox::new()?, free_address());
        let variables = sandbox.path().join("variables");
        fs::write(&variables, format!("ADDRESS={address}\n"))?;
        let (text, file) = (address.to_string(), variables.display().to_string());
        let (http, other) = (sandbox.programs().example(http), sandbox.programs().fixture("activated.py"));
        let number = port(&address);
        let server = ["python3", other.as_str(), number.as_str()];
        let words: Vec<&str> = match way {
            "speaks" | "speaks to another's arbiter" => {
                ["--env-file", file.as_str(), "node", http.as_str()].into()
            }
            "--socket" => ["--socket", text.as_str()].into_iter().chain(server).collect(),
            _ => ["--intercept"].into_iter().chain(server).collect(),
        };
        if way.ends_with("arbiter") {
            let elsewhere = sandbox.deploy(["node".to_owned(), http.clone()]);
            configured(elsewhere, &free_address(), 1).start()?.prints("version 1 serves").await?;
        }
        let mut manager = managed(&sandbox, &["--listen", &text], &words)?;
        manager.prints("passed ['shop.socket', 'other']").await?;
        manager.says("has passed `other`, which is not the listener of an address").await?;
        let answer = answer(asks(number.parse()?).await?).await?;
        assert!(answer.starts_with("HTTP/1.") && answer.contains(" 200 "), "{way}: {answer}");
        manager.prints("told READY=1").await?;
        assert!(!manager.stdout().contains("stored"), "{way}: it is the manager's own: {}", manager.stdout());
        // The main process of a unit waits for every server of its control group, which is that of the test here.
        if !way.ends_with("arbiter") {
            manager.signal(Signal::TERM);
            assert_eq!(manager.exit().await?.status, 0, "{way}");
        }
    }
    Ok(())
}
