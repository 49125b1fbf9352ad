//! `driver`: commands and their replies.

use serde_json::{Map, Value};

use super::ClientRun;
use crate::contract::{Answer, Reply};
use crate::runner::Failure;
use crate::scenario::{DriverStep, Recipient, Signal, SignalName, Template};

impl ClientRun {
    pub(super) fn command(&mut self, step: &DriverStep) -> Result<(), Failure> {
        let mut command = Map::from_iter([("cmd".to_owned(), Value::from(step.cmd.as_str()))]);
        command.extend(self.filled_fields(&step.fields)?);
        if self.subject.driver.is_none() {
            return step.sends.as_ref().map_or(Ok(()), |send| self.send(send));
        }
        if step.cmd == "exit"
            && let Some(driver) = &mut self.subject.driver
        {
            driver.ends = true;
        }
        let seq = match &step.sends {
            None => self.tell(command)?,
            Some(send) => {
                self.signal(&Signal { to: Recipient::default(), name: SignalName::Stop })?;
                let seq = self.tell(command)?;
                self.send(send)?;
                self.signal(&Signal { to: Recipient::default(), name: SignalName::Cont })?;
                seq
            }
        };
        let reply = self.await_reply(&step.cmd, seq, step.within_ms)?;
        if step.cmd == "connect" && reply.answer == Answer::Ok {
            reply.connect()?;
        }
        self.check_reply(step, reply)
    }

    fn check_reply(&mut self, step: &DriverStep, reply: Reply) -> Result<(), Failure> {
        if let Some(pattern) = &step.reply {
            let object = Value::Object(reply.object);
            let checked = pattern.check(Some(&object), &mut self.variables);
            return checked.map_err(|mismatch| {
                Failure::Subject(format!("`{}` was answered with {object}: {mismatch}", step.cmd))
            });
        }
        match reply.answer {
            Answer::Ok => Ok(()),
            Answer::Unsupported { why } => {
                Err(Failure::Subject(format!("the driver does not support `{}`: {why}", step.cmd)))
            }
            Answer::Errored { code, message } => {
                let code = code.map(|code| format!(" (`{code}`)")).unwrap_or_default();
                Err(Failure::Subject(format!("the library threw at `{}`{code}: {message}", step.cmd)))
            }
        }
    }

    fn filled_fields(&mut self, fields: &Map<String, Value>) -> Result<Map<String, Value>, Failure> {
        let template = Template::new(Value::Object(fields.clone()));
        let template = template.map_err(|error| Failure::scenario(&format!("{error}")))?;
        let mut no_number = || 0;
        let filled = template.fill(&mut self.variables, &mut no_number)?;
        let object = filled.as_object().cloned();
        object.ok_or_else(|| Failure::scenario(&format!("{filled} is no command")))
    }

    /// Gives the driver a command; the number of its reply.
    pub(super) fn tell(&mut self, command: Map<String, Value>) -> Result<u64, Failure> {
        let ClientRun { subject, fault, trace, .. } = self;
        let Some(driver) = &mut subject.driver else {
            return Err(Failure::Suite("there is no driver".to_owned()));
        };
        Ok(driver.command(command, fault.as_mut(), trace))
    }

    pub(super) fn await_reply(
        &mut self,
        word: &str,
        seq: u64,
        within: Option<u64>,
    ) -> Result<Reply, Failure> {
        self.wait(
            &format!("the driver's reply to `{word}`"),
            within,
            &mut |run| match &mut run.subject.driver {
                Some(driver) => driver.reply(seq),
                None => Ok(None),
            },
        )
    }
}
