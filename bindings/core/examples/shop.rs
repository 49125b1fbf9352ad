//! The server of the fault matrix (`conformance/rigs/src/faults`): small HTTP with keep-alive on tokio, by `inherit`
//! or by `bind`, that says in every answer which process and version it is. A `plain` one knows nothing of serverswap,
//! and drains at TERM.
//!
//! usage: shop ADDRESS VERSION inherit|bind|plain

use std::error::Error;
use std::pin::pin;
use std::sync::Arc;
use std::{env, io, process};

use serverswap::aio::Client;
use serverswap::protocol::{Address, Endpoint};
use tokio::io::{AsyncBufReadExt, AsyncWriteExt, BufReader};
use tokio::net::{TcpListener, TcpStream};
use tokio::signal::unix::{SignalKind, signal};
use tokio::sync::watch;
use tokio::task::JoinSet;
use tokio::time::timeout_at;

/// Whether a connection is kept after the next answer.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Then {
    KeepAlive,
    Close,
}

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), Box<dyn Error>> {
    let [address, version, mode] =
        <[String; 3]>::try_from(env::args().skip(1).collect::<Vec<_>>()).map_err(|_| "three arguments")?;
    let address: Address = address.parse()?;
    match mode.as_str() {
        "inherit" | "bind" => speaking(&address, version.into(), &mode).await,
        "plain" => plain(&address, version.into()).await,
        _ => Err("the mode is `inherit`, `bind` or `plain`".into()),
    }
}

/// One that uses the library.
async fn speaking(address: &Address, version: Arc<str>, mode: &str) -> Result<(), Box<dyn Error>> {
    let client = Client::from_env()?;
    // Said before `serving`: a newer one may come at once, and whoever handles no takedown is killed.
    client.on_takedown(address)?;
    let listener = if mode == "inherit" {
        client.listen(address).await?.tcp()?
    } else {
        client.ready_for(address).await?;
        bound(address).await?
    };
    client.serving(address)?;
    let (takedown, connections) = serve_until(&listener, version, client.takedown(address)).await?;
    drop(listener);
    // What is still open at the deadline is closed by the end of the process.
    let _ = timeout_at(takedown?.released()?.into(), connections.drained()).await;
    Ok(())
}

/// One that knows nothing of serverswap.
async fn plain(address: &Address, version: Arc<str>) -> Result<(), Box<dyn Error>> {
    let mut term = signal(SignalKind::terminate())?;
    let listener = bound(address).await?;
    let (_, connections) = serve_until(&listener, version, term.recv()).await?;
    drop(listener);
    connections.drained().await;
    Ok(())
}

/// Connections that were accepted.
struct Connections {
    then: watch::Sender<Then>,
    tasks: JoinSet<io::Result<()>>,
}

impl Connections {
    /// Each gets one more answer, if it asks.
    async fn drained(mut self) {
        self.then.send_replace(Then::Close);
        while self.tasks.join_next().await.is_some() {}
    }
}

/// Accepts until this is over.
async fn serve_until<T>(
    listener: &TcpListener,
    version: Arc<str>,
    over: impl Future<Output = T>,
) -> io::Result<(T, Connections)> {
    let (then, tasks) = (watch::Sender::new(Then::KeepAlive), JoinSet::new());
    let mut connections = Connections { then, tasks };
    let mut over = pin!(over);
    loop {
        tokio::select! {
            over = &mut over => return Ok((over, connections)),
            accepted = listener.accept() => {
                let then = connections.then.subscribe();
                connections.tasks.spawn(serve(accepted?.0, Arc::clone(&version), then));
            }
            Some(_) = connections.tasks.join_next() => {}
        }
    }
}

async fn bound(address: &Address) -> Result<TcpListener, Box<dyn Error>> {
    match address {
        Address::Tcp(Endpoint::Ip(address)) => Ok(TcpListener::bind(address).await?),
        Address::Tcp(_) | Address::Udp(_) | Address::Unix(_) | Address::Name(_) => {
            Err("ADDRESS is an IP address and a port".into())
        }
    }
}

/// Answers requests without a body until the peer or a takedown ends it.
async fn serve(stream: TcpStream, version: Arc<str>, then: watch::Receiver<Then>) -> io::Result<()> {
    let mut stream = BufReader::new(stream);
    while read_head(&mut stream).await? {
        let then = *then.borrow();
        let connection = match then {
            Then::KeepAlive => "keep-alive",
            Then::Close => "close",
        };
        let pid = process::id();
        let answer = format!(
            "HTTP/1.1 200 OK\r\nPid: {pid}\r\nVersion: {version}\r\nContent-Length: 0\r\nConnection: {connection}\r\n\r\n"
        );
        stream.write_all(answer.as_bytes()).await?;
        if then == Then::Close {
            break;
        }
    }
    Ok(())
}

/// Reads up to the empty line; whether there was a request.
async fn read_head(stream: &mut BufReader<TcpStream>) -> io::Result<bool> {
    let mut line = String::new();
    loop {
        line.clear();
        match stream.read_line(&mut line).await? {
            0 => return Ok(false),
            2 => return Ok(true),
            _ => {}
        }
    }
}
