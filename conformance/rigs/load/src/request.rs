//! What a request is, and which bytes are its answer. Pure.

use super::response::{self, Answer, Malformed};
use super::slot::Connections;
use super::target::Target;

/// The protocol of a load.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum RequestKind {
    /// `GET PATH`, as HTTP/1.1 has it.
    Http {
        /// The path.
        path: String,
    },
    /// One line is sent, and one line answers, as in Redis' and memcached's protocols. Such a server never announces
    /// that it ends a connection.
    Line {
        /// The line, without its end.
        sent: String,
        /// How an answer begins.
        answered: String,
    },
}

impl RequestKind {
    /// A request for this path.
    pub fn http(path: &str) -> RequestKind {
        RequestKind::Http { path: path.to_owned() }
    }

    /// A line, and how the answer to it begins.
    pub fn line(sent: &str, answered: &str) -> RequestKind {
        RequestKind::Line { sent: sent.to_owned(), answered: answered.to_owned() }
    }

    /// The bytes of a request; they never change.
    pub(super) fn bytes(&self, connections: Connections, target: &Target) -> Vec<u8> {
        match self {
            RequestKind::Line { sent, .. } => format!("{sent}\r\n").into_bytes(),
            RequestKind::Http { path } => {
                let host = match target {
                    Target::Tcp(socket) => socket.to_string(),
                    Target::Unix(_) => "localhost".to_owned(),
                };
                let connection = match connections {
                    Connections::New => "close",
                    Connections::Kept => "keep-alive",
                };
                format!("GET {path} HTTP/1.1\r\nHost: {host}\r\nConnection: {connection}\r\n\r\n")
                    .into_bytes()
            }
        }
    }

    /// The whole answer in `bytes`, or `None` while it is not whole. `ended` says that no more bytes come.
    pub(super) fn answer(&self, bytes: &[u8], ended: bool) -> Result<Option<Answer>, Malformed> {
        match self {
            RequestKind::Http { .. } => response::parse(bytes, ended),
            RequestKind::Line { answered, .. } => match bytes.iter().position(|byte| *byte == b'\n') {
                Some(end) if end + 1 == bytes.len() && bytes.starts_with(answered.as_bytes()) => {
                    Ok(Some(Answer { status: 200, pid: None, version: None, last: false }))
                }
                Some(_) => Err(Malformed),
                None => Ok(None),
            },
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_answer_of_one_line_is_whole_at_its_end_and_begins_as_it_must() {
        let kind = RequestKind::line("PING", "+PONG");
        let is_whole = |bytes: &str| kind.answer(bytes.as_bytes(), false).map(|answer| answer.is_some());
        assert_eq!(is_whole("+PONG\r"), Ok(false));
        assert_eq!(is_whole("+PONG\r\n"), Ok(true));
        assert_eq!(is_whole("-LOADING\r\n"), Err(Malformed));
        assert_eq!(is_whole("+PONG\r\n+PONG\r\n"), Err(Malformed));
    }
}
