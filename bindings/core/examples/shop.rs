//! The server of the fault matrix (`conformance/rigs/src/faults`): small HTTP with keep-alive on tokio, by `inherit`
//! or by `bind`, that says in every answer which process and version it is.
//!
//! usage: shop ADDRESS VERSION inherit|bind

use std::error::Error;
use std::sync::Arc;
use std::{env, io, process};

use serverswap::aio::Client;
use serverswap::protocol::{Address, Endpoint};
use tokio::io::{AsyncBufReadExt, AsyncWriteExt, BufReader};
use tokio::net::{TcpListener, TcpStream};
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
    let client = Client::from_env()?;
    // Said before `serving`: a newer one may come at once, and whoever handles no takedown is killed.
    client.on_takedown(&address)?;
    let listener = match mode.as_str() {
        "inherit" => client.listen(&address).await?.tcp()?,
        "bind" => {
            client.ready_for(&address).await?;
            bound(&address).await?
        }
        _ => return Err("the mode is `inherit` or `bind`".into()),
    };
    client.serving(&address)?;

    let version: Arc<str> = version.into();
    let (then, _) = watch::channel(Then::KeepAlive);
    let mut connections = JoinSet::new();
    let mut takedown = Box::pin(client.takedown(&address));
    let takedown = loop {
        tokio::select! {
            taken = &mut takedown => break taken?,
            accepted = listener.accept() => {
                connections.spawn(serve(accepted?.0, Arc::clone(&version), then.subscribe()));
            }
            Some(_) = connections.join_next() => {}
        }
    };
    drop(listener);
    let deadline = takedown.released()?;
    then.send_replace(Then::Close);
    let drained = async { while connections.join_next().await.is_some() {} };
    // What is still open at the deadline is closed by the end of the process.
    let _ = timeout_at(deadline.into(), drained).await;
    Ok(())
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
