//! The client's codec against the vectors of `spec/v1/vectors/`, which are built in.
//!
//! It deliberately asks only for what a server's client needs: lines of the arbiter are decoded,
//! lines of a server are encoded. What is wrong with every line is decoded whoever would send it.

mod expected;
mod file;

use std::collections::BTreeMap;

use base64::Engine;
use base64::prelude::BASE64_STANDARD;
use serde_json::{Value, json};

use self::expected::{check_decoded, check_encoded};
use self::file::{Group, Vector};
use super::driver::Driver;
use super::error::SuiteError;
use super::run::{introduce, report};
use super::settings::{ClientSettings, DriverCommand};
use super::{ClientRun, case};
use crate::contract::{Answer, HelloReply, Support};
use crate::report::{Case, Outcome, Report};
use crate::runner::{CaseResult, Failure};
use crate::scenario::Selection;

/// Runs the vectors against a driver.
///
/// # Errors
/// The driver cannot be started, or does not introduce itself.
pub fn vectors(command: &DriverCommand, settings: &ClientSettings) -> Result<Report, SuiteError> {
    let introduction = introduce(command, settings)?;
    let cases = cases(&Selection::level(0), command, &introduction, settings)?;
    Ok(report(&introduction, 0, cases))
}

/// The ids of the cases of the vectors, each with the names of its checks.
#[must_use]
pub fn known() -> Vec<(String, Vec<String>)> {
    let names = |group| file::vectors(group).into_iter().map(|vector| vector.name).collect();
    Group::ALL.into_iter().map(|group| (group.id().to_owned(), names(group))).collect()
}

/// A case of the vectors, for people.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct VectorGroup {
    /// Its title.
    pub title: &'static str,
    /// For each vector: its name, what the driver is given, and what has to come back.
    pub vectors: Vec<[String; 3]>,
}

impl VectorGroup {
    /// The case of an id.
    #[must_use]
    pub fn find(id: &str) -> Option<VectorGroup> {
        let group = Group::ALL.into_iter().find(|group| group.id() == id)?;
        let shown = |vector: Vector| {
            let line = String::from_utf8_lossy(&vector.bytes).trim_end().to_owned();
            match group {
                Group::Encode => [vector.name, vector.decoded.to_string(), "the same as a line".to_owned()],
                Group::DecodeValid | Group::DecodeInvalid | Group::DecodeFuture => {
                    let back =
                        if vector.decoded.is_null() { vector.outcome } else { vector.decoded.to_string() };
                    [vector.name, line, back]
                }
            }
        };
        Some(VectorGroup {
            title: group.title(),
            vectors: file::vectors(group).into_iter().map(shown).collect(),
        })
    }
}

/// The selected cases of the vectors, one for each group.
pub(super) fn cases(
    selection: &Selection,
    command: &DriverCommand,
    introduction: &HelloReply,
    settings: &ClientSettings,
) -> Result<Vec<Case>, SuiteError> {
    let groups = Group::ALL.into_iter().filter(|group| selection.includes(group.id(), 0));
    groups.map(|group| play(group, command, introduction, settings)).collect()
}

fn play(
    group: Group,
    command: &DriverCommand,
    introduction: &HelloReply,
    settings: &ClientSettings,
) -> Result<Case, SuiteError> {
    let named = |result: CaseResult| result.named(group.id(), group.title(), 0, Vec::new());
    if !introduction.supports.contains(&Support::Codec) {
        let why = "the driver does not declare `codec`".to_owned();
        return Ok(named(CaseResult::none(Outcome::Skipped { why })));
    }
    let (_directory, mut run) = case::bare(settings, group.id())?;
    let driver = Driver::start(command, &BTreeMap::from([("SERVERSWAP_SOCKET".to_owned(), None)]));
    run.subject.driver =
        Some(driver.map_err(|source| SuiteError::Start { command: command.clone(), source })?);
    let played = run.try_vectors(group).and_then(|()| run.leave());
    if let Err(Failure::Subject(message)) = &played {
        run.note("steps", Vec::new(), Err(message.clone()));
    }
    Ok(named(run.finish(played).without_wire()))
}

impl ClientRun {
    fn try_vectors(&mut self, group: Group) -> Result<(), Failure> {
        self.hello()?;
        for vector in file::vectors(group) {
            let result = self.try_vector(group, &vector)?;
            self.note(&vector.name, vector.spec.clone(), result);
        }
        Ok(())
    }

    /// What one vector says about the client.
    fn try_vector(&mut self, group: Group, vector: &Vector) -> Result<Result<(), String>, Failure> {
        let command = match group {
            Group::Encode => json!({"cmd": "encode", "message": vector.decoded}),
            Group::DecodeValid | Group::DecodeInvalid | Group::DecodeFuture => {
                json!({"cmd": "decode", "line": BASE64_STANDARD.encode(&vector.bytes), "fds": vector.descriptors})
            }
        };
        let seq = self.tell(command.as_object().cloned().unwrap_or_default())?;
        let reply = self.await_reply(group.word(), seq, None)?;
        if reply.answer != Answer::Ok {
            let reply = Value::Object(reply.object);
            return Ok(Err(format!("`{}` was answered with {reply}", group.word())));
        }
        Ok(match group {
            Group::Encode => check_encoded(vector, &reply.encode()?.line),
            Group::DecodeValid | Group::DecodeInvalid | Group::DecodeFuture => {
                check_decoded(vector, &reply.decode()?)
            }
        })
    }
}
