//! A small server in business: `examples/node/http.js`, version 1, started by `serverswap-deploy`.

use std::error::Error;
use std::time::Duration;

use serverswap_conformance::sandbox::{Exit, Invocation, LIMIT, Sandbox, Started, free_address};
use serverswap_load::{Load, Phase, Plan, Slot, Tally, Target, ask};
use serverswap_protocol::Address;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

/// Good answers that show that a server is well.
pub const ANSWERS: u64 = 300;

/// How fast each client asks: what is tested is the swap, and not how much a server can do.
pub const PACE: Duration = Duration::from_millis(2);

/// A sandbox in which version 1 serves.
pub struct Shop {
    pub sandbox: Sandbox,
    pub address: Address,
    /// The command that started the version that serves.
    pub serving: Started,
}

impl Shop {
    /// The first start.
    pub async fn open() -> Result<Shop, Box<dyn Error>> {
        Shop::open_at(Sandbox::new()?, free_address()).await
    }

    /// The first start, at an address of one's choice.
    pub async fn open_at(sandbox: Sandbox, address: Address) -> Result<Shop, Box<dyn Error>> {
        let mut serving = deploy(&sandbox, &address, 1).start()?;
        serving.prints("version 1 serves").await?;
        Ok(Shop { sandbox, address, serving })
    }

    /// The command that deploys a version; not started yet.
    pub fn deploy(&self, version: u32) -> Invocation {
        deploy(&self.sandbox, &self.address, version)
    }

    /// Deploys a version and waits until the one before and its command have ended.
    pub async fn replace(&mut self, version: u32) -> Result<Exit, Box<dyn Error>> {
        let mut new = self.deploy(version).start()?;
        new.prints(&format!("version {version} serves")).await?;
        let old = self.serving.exit().await?;
        self.serving = new;
        Ok(old)
    }

    /// The pid and the version that answer now.
    pub async fn ask(&self) -> Result<(u32, String), Box<dyn Error>> {
        let answer = ask(&self.target(), LIMIT).await?;
        Ok((answer.pid.ok_or("no pid")?, answer.version.ok_or("no version")?))
    }

    /// Clients of every kind.
    pub async fn load(&self) -> Result<Load, Box<dyn Error>> {
        load_on(self.target()).await
    }

    /// A connection to a version, in the middle of a request.
    pub async fn asking(&self, version: u32) -> Result<TcpStream, Box<dyn Error>> {
        let Target::Tcp(address) = self.target() else { return Err("a shop has a TCP address".into()) };
        loop {
            let mut connection = TcpStream::connect(address).await?;
            connection.write_all(b"GET / HTTP/1.1\r\nHost: shop\r\n\r\n").await?;
            if received(&mut connection).await?.contains(&format!("Version: {version}")) {
                connection.write_all(b"GET / HTTP/1.1\r\nHost: shop\r\n").await?;
                return Ok(connection);
            }
        }
    }

    pub fn target(&self) -> Target {
        Target::try_from(&self.address).expect("a shop is on the loopback")
    }
}

/// Completes the request of a connection in the middle of one; what comes back.
pub async fn answered(mut connection: TcpStream) -> Result<String, Box<dyn Error>> {
    connection.write_all(b"\r\n").await?;
    received(&mut connection).await
}

async fn received(connection: &mut TcpStream) -> Result<String, Box<dyn Error>> {
    let mut received = Vec::new();
    loop {
        if connection.read_buf(&mut received).await? == 0 {
            return Err(format!("closed after {:?}", String::from_utf8_lossy(&received)).into());
        }
        let so_far = String::from_utf8_lossy(&received);
        if so_far.contains("from version") {
            return Ok(so_far.into_owned());
        }
    }
}

/// Clients of every kind, once they have been answered.
pub async fn load_on(target: Target) -> Result<Load, Box<dyn Error>> {
    let mut slots: Vec<Slot> =
        [Slot::NEW, Slot::NEW, Slot::KEPT, Slot::KEPT].map(|slot| slot.paced(PACE)).into();
    slots.extend([Slot::NEW, Slot::KEPT].map(|slot| slot.pausing(Duration::from_millis(10))));
    let load = Load::start(Plan { request_timeout: LIMIT, ..Plan::new(target, slots) })?;
    let load = well_answered(load).await?;
    load.enter(Phase::Swap);
    Ok(load)
}

/// After some more good answers; where they do not come, the error says what came instead.
async fn well_answered(mut load: Load) -> Result<Load, Box<dyn Error>> {
    match load.more_answers(ANSWERS, LIMIT).await {
        Ok(()) => Ok(load),
        Err(error) => {
            let tally = load.stop();
            let (failed, first, by) = (tally.failed_by_kind(), &tally.first_failed, &tally.answerers);
            Err(format!("{error}; failed: {failed:?}, first {first:?}; answered by {by:?}").into())
        }
    }
}

/// Ends a load after some more answers; nothing of it may have failed.
pub async fn nothing_failed(load: Load) -> Result<Tally, Box<dyn Error>> {
    load.enter(Phase::Between);
    let tally = well_answered(load).await?.stop();
    assert_eq!(tally.failed_by_kind(), Default::default(), "first: {:?}", tally.first_failed);
    Ok(tally)
}

fn deploy(sandbox: &Sandbox, address: &Address, version: u32) -> Invocation {
    let command = sandbox.deploy(["node".to_owned(), sandbox.programs().example("node/http.js")]);
    configured(command, address, version)
}

/// With the environment that the examples read.
pub fn configured(command: Invocation, address: &Address, version: u32) -> Invocation {
    command.env("ADDRESS", address.to_string()).env("VERSION", version.to_string())
}
