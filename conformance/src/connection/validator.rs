//! Whether what is said on a connection is in the form and the order of the protocol.

use std::collections::BTreeSet;

use serde_json::{Map, Value};
use serverswap_protocol::line::{Line, LineError, LineReader};
use serverswap_protocol::trace::{Checker, Side};

use super::strict_schema;

/// Whether a line of the suite is held against it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Validation {
    /// It has to be right.
    Required,
    /// It is wrong, or from the future, on purpose.
    Waived,
}

/// One connection, validated from the suite's side.
#[derive(Debug)]
pub struct Validator {
    ours: Side,
    /// `None` from the first line on that breaks the order: nothing after it can be validated.
    session: Option<Checker>,
    /// The `id`s of lines of ours that were wrong on purpose: answers to them mean nothing to the tables.
    excused: BTreeSet<u64>,
    /// The beginning of a line of ours that was sent as bytes, and whose end was not.
    unfinished: Vec<u8>,
}

impl Validator {
    /// A new connection on which the suite plays `ours`.
    #[must_use]
    pub fn new(ours: Side) -> Validator {
        Validator {
            ours,
            session: Some(Checker::new(ours)),
            excused: BTreeSet::new(),
            unfinished: Vec::new(),
        }
    }

    /// Validates a line of the other side, without its line feed, with the number of its descriptors.
    ///
    /// # Errors
    /// What is wrong with it; the fault of the program under test.
    pub fn received(&mut self, bytes: &[u8], fds: usize) -> Result<Map<String, Value>, String> {
        self.validate(self.ours.other(), bytes, fds)
    }

    /// Validates a line of `ours` that was recorded, in the same way. One that was waived is taken
    /// into account only as far as it is right.
    ///
    /// # Errors
    /// What is wrong with it.
    pub fn recorded(&mut self, bytes: &[u8], fds: usize, validation: Validation) -> Result<(), String> {
        match validation {
            Validation::Required => self.validate(self.ours, bytes, fds).map(drop),
            Validation::Waived => {
                let order = match serde_json::from_slice(bytes) {
                    Ok(Value::Object(object)) => self.try_observe(&object),
                    Ok(_) | Err(_) => Ok(()),
                };
                self.form(self.ours, bytes, fds)?;
                order
            }
        }
    }

    fn validate(&mut self, by: Side, bytes: &[u8], fds: usize) -> Result<Map<String, Value>, String> {
        let object = match self.form(by, bytes, fds) {
            Ok(object) => object,
            Err(fault) => {
                self.go_on_after(by, serde_json::from_slice(bytes).ok().as_ref());
                return Err(fault);
            }
        };
        let re = object.get("re").and_then(Value::as_u64);
        if by == self.ours || re.is_none_or(|re| !self.excused.contains(&re)) {
            self.observe(by, &object)?;
        }
        Ok(object)
    }

    /// The object of a line that is right by itself.
    fn form(&self, by: Side, bytes: &[u8], fds: usize) -> Result<Map<String, Value>, String> {
        let object = well_formed(bytes, fds).map_err(|error| error.to_string())?;
        strict_schema::fault(by, &object).map_or(Ok(object), Err)
    }

    /// Validates a line of the suite.
    ///
    /// # Errors
    /// What is wrong with it; the fault of the scenario.
    pub fn sent(&mut self, line: &Map<String, Value>, validation: Validation) -> Result<(), String> {
        match validation {
            Validation::Required => {
                if let Some(fault) = strict_schema::fault(self.ours, line) {
                    return Err(fault);
                }
                self.observe(self.ours, line)
            }
            Validation::Waived => {
                // It may be wrong.
                let _ = self.try_observe(line);
                Ok(())
            }
        }
    }

    /// As [`Validator::sent`], for bytes that are wrong on purpose, or may be. A line may come in parts.
    pub fn sent_bytes(&mut self, bytes: &[u8]) {
        self.unfinished.extend_from_slice(bytes);
        while let Some(end) = self.unfinished.iter().position(|byte| *byte == b'\n') {
            let line: Vec<u8> = self.unfinished.drain(..=end).collect();
            if let Ok(Value::Object(object)) = serde_json::from_slice(&line) {
                // It may be wrong.
                let _ = self.try_observe(&object);
            }
        }
    }

    /// The state of the connection in the tables; `None` after a line that broke the order.
    #[must_use]
    pub fn connection(&self) -> Option<&str> {
        self.session.as_ref().map(Checker::connection)
    }

    fn observe(&mut self, by: Side, line: &Map<String, Value>) -> Result<(), String> {
        let Some(session) = &mut self.session else { return Ok(()) };
        match session.observe(by, line) {
            Ok(_) => Ok(()),
            Err(violation) => {
                self.session = None;
                Err(violation.to_string())
            }
        }
    }

    /// Takes a line into account whose form is wrong: what it means may still be plain, and who goes on with it is
    /// right. If it means nothing, nothing after it can be validated.
    fn go_on_after(&mut self, by: Side, line: Option<&Map<String, Value>>) {
        self.session = self.session.take().and_then(|mut session| {
            let taken = session.observe(by, line?);
            taken.ok().map(|_| session)
        });
    }

    /// Takes a line into account if it is right, and excuses it if it is not.
    fn try_observe(&mut self, line: &Map<String, Value>) -> Result<(), String> {
        let Some(session) = &mut self.session else { return Ok(()) };
        let mut tried = session.clone();
        match tried.observe(self.ours, line) {
            Ok(_) => *session = tried,
            Err(violation) => {
                self.excused.extend(line.get("id").and_then(Value::as_u64));
                return Err(violation.to_string());
            }
        }
        Ok(())
    }
}

/// The object of a line, by the rules for every line.
fn well_formed(bytes: &[u8], fds: usize) -> Result<Map<String, Value>, LineError> {
    let mut reader = LineReader::default();
    reader.push(bytes, 0..fds);
    reader.push(b"\n", []);
    let Some(Line { object, .. }) = reader.next_line()? else { return Err(LineError::Unfinished) };
    reader.next_line()?;
    Ok(object)
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    const GREETING: &str = r#"{"type":"greeting","versions":[1],"arbiter":{"name":"s","version":"1","pid":7},"capabilities":{},"limits":{"lineBytes":65536,"fdsPerLine":128}}"#;
    const HELLO: &[u8] = br#"{"type":"hello","id":1,"version":1,"client":{"name":"c","version":"1"},"role":"server","generation":"7-9"}"#;
    const WELCOME: &str = r#"{"type":"welcome","re":1,"version":1,"generation":"7-9","capabilities":{}}"#;

    fn object(text: &str) -> Map<String, Value> {
        serde_json::from_str(text).expect("an object")
    }

    /// A connection that is negotiated.
    fn negotiated() -> Validator {
        let mut validator = Validator::new(Side::Arbiter);
        validator.sent(&object(GREETING), Validation::Required).expect("legal");
        validator.received(HELLO, 0).expect("legal");
        validator.sent(&object(WELCOME), Validation::Required).expect("legal");
        validator
    }

    fn complaint(validator: &mut Validator, line: &[u8], fds: usize) -> String {
        validator.received(line, fds).expect_err("illegal")
    }

    #[test]
    fn legal_lines_are_accepted() {
        let mut validator = negotiated();
        assert_eq!(validator.connection(), Some("open"));
        validator
            .received(br#"{"type":"readyFor","id":2,"address":":80","socket":"bind"}"#, 0)
            .expect("legal");
    }

    #[test]
    fn a_line_is_validated_by_the_rules_for_lines_the_schema_and_the_tables() {
        let cases: [(&[u8], usize, &str); 6] = [
            (b"{\"type\":\"serverUp\",\"type\":\"serverUp\"}", 0, "duplicate key"),
            (b"{\"type\":\"serverUp\"}", 1, "1 descriptors arrived that no line names"),
            (b"{\"type\":\"hello\",\"id\":2,\"fds\":[\"a\"]}", 0, "names 1 descriptors and 0 arrived"),
            (b"{\"type\":\"serverUp\",\"colour\":1}", 0, "'colour'"),
            (b"{\"type\":\"readyFor\",\"id\":2,\"address\":80,\"socket\":\"bind\"}", 0, "at `/address`"),
            (b"{\"type\":\"pong\",\"re\":9}", 0, "which was never asked"),
        ];
        for (line, fds, expected) in cases {
            let complaint = complaint(&mut negotiated(), line, fds);
            assert!(complaint.contains(expected), "{complaint}");
        }
    }

    #[test]
    fn what_follows_a_line_of_a_wrong_form_is_not_the_suites_fault() {
        let hello = |key: &str| String::from_utf8_lossy(HELLO).replacen('{', &format!("{{{key},"), 1);
        let cases = [
            (hello(r#""colour":1"#), 0, Some("open")),
            (hello(r#""role":"server""#), 0, Some("open")),
            (hello(r#""more":null"#), 0, Some("open")),
            (hello(r#""colour":1"#), 1, Some("open")),
            ("hello".to_owned(), 0, None),
        ];
        for (line, fds, expected) in cases {
            let mut validator = Validator::new(Side::Arbiter);
            validator.sent(&object(GREETING), Validation::Required).expect("legal");
            complaint(&mut validator, line.as_bytes(), fds);
            validator.sent(&object(WELCOME), Validation::Required).expect("the fault was the client's");
            assert_eq!(validator.connection(), expected, "{line}");
        }
    }

    #[test]
    fn a_client_may_not_send_before_the_greeting() {
        let mut validator = Validator::new(Side::Arbiter);
        assert!(complaint(&mut validator, HELLO, 0).contains("client broke the protocol"));
    }

    #[test]
    fn a_line_of_ours_that_is_illegal_is_the_suites_fault_unless_it_is_so_on_purpose() {
        let granted = object(r#"{"type":"granted","re":7,"address":":80"}"#);
        assert!(negotiated().sent(&granted, Validation::Required).is_err());
        assert!(negotiated().sent(&granted, Validation::Waived).is_ok());
    }

    #[test]
    fn an_answer_to_a_line_that_was_wrong_on_purpose_is_not_held_against_the_client() {
        let mut validator = negotiated();
        let takedown = json!({"type": "takedown", "id": 4, "address": ":80"});
        validator.sent(takedown.as_object().expect("an object"), Validation::Waived).expect("on purpose");
        let error =
            br#"{"type":"error","re":4,"code":"invalid_message","message":"no drainMs","fatal":false}"#;
        validator.received(error, 0).expect("it answers");
    }

    #[test]
    fn bytes_that_come_in_parts_are_one_line() {
        let mut validator = negotiated();
        validator.sent_bytes(b"{\"type\":\"pi");
        validator.sent_bytes(b"ng\",\"id\":5}\n");
        validator.received(br#"{"type":"pong","re":5}"#, 0).expect("it was asked");
    }
}
