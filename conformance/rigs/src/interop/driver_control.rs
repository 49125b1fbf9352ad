//! The conversation of the runner with one driver, over the control socket.

use std::collections::VecDeque;
use std::io;
use std::time::Duration;

use tokio::io::{AsyncBufReadExt, AsyncWriteExt, BufReader};
use tokio::net::unix::{OwnedReadHalf, OwnedWriteHalf};
use tokio::net::{UnixListener, UnixStream};
use tokio::time::timeout;

use super::SwapError;
use serverswap_conformance::contract::{Answer, Command, Event, Numbered, Reply, Said, read};

/// How long a driver may take for one reply or event.
const PATIENCE: Duration = Duration::from_secs(20);

/// One driver at the other end.
pub(super) struct DriverControl {
    who: &'static str,
    reader: BufReader<OwnedReadHalf>,
    writer: OwnedWriteHalf,
    seq: u64,
    events: VecDeque<Event>,
}

impl DriverControl {
    /// Waits for the driver that is `who` in this cell.
    ///
    /// # Errors
    /// No driver connects in time.
    pub(super) async fn accept(listener: &UnixListener, who: &'static str) -> Result<Self, SwapError> {
        let accepted = timeout(PATIENCE, listener.accept()).await;
        let too_late = |_| SwapError::Silent { who, awaited: "it to start".to_owned() };
        let (stream, _): (UnixStream, _) = accepted.map_err(too_late)?.map_err(SwapError::Control)?;
        let (reader, writer) = stream.into_split();
        Ok(DriverControl { who, reader: BufReader::new(reader), writer, seq: 0, events: VecDeque::new() })
    }

    /// Gives a command and returns its reply, which is to be `ok`.
    pub(super) async fn command(&mut self, command: Command) -> Result<Reply, SwapError> {
        self.seq += 1;
        let word = command.word();
        let numbered = Numbered { seq: self.seq, command };
        let mut line = serde_json::to_vec(&numbered).expect("a command is JSON");
        line.push(b'\n');
        match self.writer.write_all(&line).await {
            // Its end is noticed when it is read, after what it may have sent.
            Err(error) if error.kind() != io::ErrorKind::BrokenPipe => return Err(SwapError::Control(error)),
            Ok(()) | Err(_) => {}
        }
        let reply = loop {
            match self.said(&format!("the reply to `{word}`")).await? {
                Said::Reply(reply) if reply.seq == self.seq => break reply,
                Said::Reply(reply) => {
                    let why = format!("a reply with `seq` {} to command {}", reply.seq, self.seq);
                    return Err(SwapError::Contract { who: self.who, why });
                }
                Said::Event(event) => self.events.push_back(event),
            }
        };
        match reply.answer.clone() {
            Answer::Ok => Ok(reply),
            Answer::Unsupported { why } => {
                Err(SwapError::Refused { who: self.who, word, why: format!("unsupported: {why}") })
            }
            Answer::Errored { message, .. } => Err(SwapError::Refused { who: self.who, word, why: message }),
        }
    }

    /// The next event that `wanted` takes; others before it are skipped, except those that report a
    /// failure.
    pub(super) async fn event<T>(
        &mut self,
        awaited: &str,
        wanted: impl Fn(&Event) -> Option<T>,
    ) -> Result<T, SwapError> {
        loop {
            let event = match self.events.pop_front() {
                Some(event) => event,
                None => match self.said(awaited).await? {
                    Said::Event(event) => event,
                    Said::Reply(reply) => {
                        let why = format!("a reply with `seq` {} to no command", reply.seq);
                        return Err(SwapError::Contract { who: self.who, why });
                    }
                },
            };
            if let Some(found) = wanted(&event) {
                return Ok(found);
            }
            if let Event::Refused { code, .. } | Event::Lost { code } = event {
                return Err(SwapError::Lost { who: self.who, code, awaited: awaited.to_owned() });
            }
        }
    }

    /// Ends the driver's standard input: it is to close everything and exit with 0.
    pub(super) async fn end(mut self) -> Result<(), SwapError> {
        self.writer.shutdown().await.map_err(SwapError::Control)
    }

    async fn said(&mut self, awaited: &str) -> Result<Said, SwapError> {
        let mut line = Vec::new();
        let count = timeout(PATIENCE, self.reader.read_until(b'\n', &mut line)).await;
        let ended = || SwapError::Ended { who: self.who, awaited: awaited.to_owned() };
        match count {
            Ok(Ok(0)) => return Err(ended()),
            Ok(Ok(_)) => {}
            // A driver that ended with a command unread.
            Ok(Err(error)) if error.kind() == io::ErrorKind::ConnectionReset => return Err(ended()),
            Ok(Err(error)) => return Err(SwapError::Control(error)),
            Err(_) => return Err(SwapError::Silent { who: self.who, awaited: awaited.to_owned() }),
        }
        let line = line.strip_suffix(b"\n").unwrap_or(&line);
        read(line).map_err(|error| SwapError::Contract { who: self.who, why: error.to_string() })
    }
}
