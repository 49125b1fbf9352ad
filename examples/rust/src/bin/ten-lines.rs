//! A server whose swap takes ten lines: a thread a connection, a request a connection.
//!
//! ```sh
//! cargo build -p serverswap-example-rust
//! serverswap target/debug/ten-lines :8080     # again: it is swapped, and no request is lost
//! target/debug/ten-lines :8080                # without a supervisor it just serves
//! ```

use std::error::Error;
use std::io::{BufRead, BufReader, Write};
use std::{env, io, process, thread};

use serverswap::{Client, Drain, Stream};

fn main() -> Result<(), Box<dyn Error>> {
    let address = env::args().nth(1).unwrap_or(":8080".to_owned()).parse()?;
    let listener = Client::from_env()?.listen(&address)?;
    let drain = Drain::new();
    listener.serving()?;
    while let Some(stream) = listener.accept()? {
        let open = drain.open();
        thread::spawn(move || answer(stream).map(|()| drop(open)));
    }
    listener.finish(&drain)?;
    Ok(())
}

/// Reads one request without a body, and answers it.
fn answer(stream: Stream) -> io::Result<()> {
    let mut reader = BufReader::new(stream);
    let mut line = String::new();
    while reader.read_line(&mut line)? > 2 {
        line.clear();
    }
    let body = format!("Hello from process {}\n", process::id());
    let length = body.len();
    let head = format!("HTTP/1.1 200 OK\r\nContent-Length: {length}\r\nConnection: close\r\n\r\n");
    reader.into_inner().write_all((head + &body).as_bytes())
}
