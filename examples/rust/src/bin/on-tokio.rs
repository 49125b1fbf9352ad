//! A server on tokio with keep-alive connections.
//!
//! ```sh
//! cargo build -p serverswap-example-rust
//! serverswap target/debug/on-tokio :8080      # again: it is swapped, and no request is lost
//! ```
//!
//! After its takedown it answers one more request on every connection that is open, idle
//! ones and those that have not said anything yet included, with `Connection: close`. To
//! close an idle one at once would lose the request that is on its way.

use std::error::Error;
use std::{env, io, process};

use serverswap::Drain;
use serverswap::aio::Client;
use tokio::io::{AsyncBufReadExt, AsyncWriteExt, BufReader};
use tokio::net::TcpStream;
use tokio::sync::watch;

/// Whether a connection is kept after the next answer.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Then {
    KeepAlive,
    Close,
}

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), Box<dyn Error>> {
    let address = env::args().nth(1).unwrap_or(":8080".to_owned()).parse()?;
    let client = Client::from_env()?;
    let listener = client.listen(&address).await?;
    // Before `serving`: a newer one may come at once, and a server that handles no takedown is killed.
    client.on_takedown(&address)?;
    listener.serving()?;
    let listener = listener.tcp()?;

    let (then, _) = watch::channel(Then::KeepAlive);
    let drain = Drain::new();
    let mut takedown = Box::pin(client.takedown(&address));
    let takedown = loop {
        tokio::select! {
            taken = &mut takedown => break taken?,
            accepted = listener.accept() => {
                let (open, connection) = (drain.open(), serve(accepted?.0, then.subscribe()));
                tokio::spawn(async move { connection.await.map(|()| drop(open)) });
            }
        }
    };
    drop(listener);
    then.send_replace(Then::Close);
    // What is still open when it returns is closed by the end of the process.
    client.finish(takedown, &drain).await?;
    Ok(())
}

/// Answers requests without a body until the peer or a takedown ends it.
async fn serve(stream: TcpStream, then: watch::Receiver<Then>) -> io::Result<()> {
    let mut stream = BufReader::new(stream);
    while read_head(&mut stream).await? {
        let then = *then.borrow();
        let connection = match then {
            Then::KeepAlive => "keep-alive",
            Then::Close => "close",
        };
        let body = format!("Hello from process {}\n", process::id());
        let length = body.len();
        let head = format!("HTTP/1.1 200 OK\r\nContent-Length: {length}\r\nConnection: {connection}\r\n\r\n");
        stream.write_all((head + &body).as_bytes()).await?;
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
