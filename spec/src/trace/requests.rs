//! Requests and their terminal replies: `id` rises for each sender, and every request is
//! answered once, by a reply of its own kind or by `error`.

use std::collections::BTreeMap;

use serde_json::{Map, Value};

use super::{Side, Table, Violation};
use crate::Address;
use crate::message::{Code, LISTENER};

/// The requests of both sides, and which of them are still open.
#[derive(Debug, Clone, Default, PartialEq, Eq, Hash)]
pub(super) struct Requests {
    asked: BTreeMap<(Side, u64), Request>,
}

/// One message with an `id`.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub(super) struct Request {
    kind: String,
    /// The address that it is about.
    pub(super) address: Option<String>,
    /// Whether the reply carries a listener.
    listener: ListenerInReply,
    stage: Stage,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
enum ListenerInReply {
    Never,
    Always,
    /// If there is one: else the server brings it.
    Perhaps,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
enum Stage {
    Open,
    Answered,
}

impl Requests {
    /// Records a line's `id` and `re`.
    pub(super) fn observe(&mut self, by: Side, line: &Map<String, Value>) -> Result<(), Violation> {
        self.ask(by, line)?;
        self.answer(by, line)
    }

    /// The request of the other side that a line of `by` is about.
    pub(super) fn about(&self, by: Side, line: &Map<String, Value>) -> Option<(u64, &Request)> {
        let re = number(line, "re")?;
        self.asked.get(&(by.other(), re)).map(|request| (re, request))
    }

    /// The `id`s of `side` that still wait for their terminal reply.
    pub(super) fn open(&self, side: Side) -> Vec<u64> {
        let open = self.asked.iter().filter(|((by, _), request)| *by == side && request.stage == Stage::Open);
        open.map(|((_, id), _)| *id).collect()
    }

    fn ask(&mut self, by: Side, line: &Map<String, Value>) -> Result<(), Violation> {
        let Some(id) = number(line, "id") else {
            return Ok(());
        };
        let newest = self.asked.range((by, 0)..=(by, u64::MAX)).next_back().map(|((_, id), _)| *id);
        if newest.is_some_and(|newest| id <= newest) {
            return Err(violation(
                by,
                &Code::IdReused,
                format!("`id` {id} is not greater than the one before"),
            ));
        }
        let request = Request {
            kind: text(line, "type").unwrap_or_default().to_owned(),
            address: address(line),
            listener: ListenerInReply::of(line),
            stage: Stage::Open,
        };
        self.asked.insert((by, id), request);
        Ok(())
    }

    fn answer(&mut self, by: Side, line: &Map<String, Value>) -> Result<(), Violation> {
        let Some(re) = number(line, "re") else {
            return Ok(());
        };
        let kind = text(line, "type").unwrap_or_default();
        let wrong = |message: String| Err(violation(by, &Code::OutOfOrder, message));
        let Some(request) = self.asked.get_mut(&(by.other(), re)) else {
            return wrong(format!("`{kind}` answers {re}, which was never asked"));
        };
        if kind == "progress" {
            let drains = request.kind == "takedown";
            return match request.stage {
                Stage::Open => Ok(()),
                Stage::Answered if drains => Ok(()),
                Stage::Answered => wrong(format!("`progress` about {re}, which was answered")),
            };
        }
        let table = Table::v1();
        let is_reply = kind == "error" || table.replies.values().any(|reply| reply == kind);
        if !is_reply {
            return Ok(());
        }
        if request.stage == Stage::Answered {
            return wrong(format!("`{kind}` answers {re} a second time"));
        }
        let expected = table.replies.get(&request.kind);
        if kind != "error" && expected.is_some_and(|expected| expected != kind) {
            return wrong(format!("`{kind}` answers `{}` {re}", request.kind));
        }
        if kind != "error" && address(line) != request.address {
            return wrong(format!("`{kind}` answers {re} for another address"));
        }
        request.stage = Stage::Answered;
        if kind == "granted" { request.check_listener(by, line) } else { Ok(()) }
    }
}

impl ListenerInReply {
    fn of(request: &Map<String, Value>) -> ListenerInReply {
        let inherits = text(request, "socket") == Some("inherit");
        let provides = request.get("provide").and_then(Value::as_bool).unwrap_or_default();
        match (inherits, provides) {
            (true, true) => ListenerInReply::Perhaps,
            (true, false) => ListenerInReply::Always,
            (false, _) => ListenerInReply::Never,
        }
    }
}

impl Request {
    fn check_listener(&self, by: Side, line: &Map<String, Value>) -> Result<(), Violation> {
        let attached = line.get("fds").is_some_and(|fds| fds == &Value::from(vec![LISTENER]));
        let nothing = line.get("fds").is_none_or(|fds| fds.as_array().is_some_and(Vec::is_empty));
        let is_right = match self.listener {
            ListenerInReply::Never => nothing,
            ListenerInReply::Always => attached,
            ListenerInReply::Perhaps => nothing || attached,
        };
        if is_right {
            return Ok(());
        }
        let message = "`granted` carries `listener` exactly when the address is inherited".to_owned();
        Err(violation(by, &Code::DescriptorMismatch, message))
    }
}

/// A violation with a code of version 1.
pub(super) fn violation(by: Side, code: &Code, message: String) -> Violation {
    Violation { by, code: code.to_string(), message }
}

pub(super) fn number(line: &Map<String, Value>, key: &str) -> Option<u64> {
    line.get(key)?.as_u64()
}

/// The canonical text of the address that a line, or an entry of it, is about.
pub(super) fn address(object: &Map<String, Value>) -> Option<String> {
    text(object, "address").map(canonical)
}

/// The canonical text of an address, or the text itself if it is none.
pub(super) fn canonical(text: &str) -> String {
    text.parse::<Address>().map_or_else(|_| text.to_owned(), |address| address.to_string())
}

pub(super) fn text<'a>(line: &'a Map<String, Value>, key: &str) -> Option<&'a str> {
    line.get(key)?.as_str()
}
