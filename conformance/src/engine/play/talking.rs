//! `driver`: commands and their replies.

use serde_json::{Map, Value};

use crate::contract::{Answer, Reply};
use crate::engine::failure::Failure;
use crate::engine::stage::Stage;
use crate::scenario::{DriverStep, Template};

impl Stage {
    pub(super) fn command(&mut self, step: &DriverStep) -> Result<(), Failure> {
        let mut command = Map::from_iter([("cmd".to_owned(), Value::from(step.cmd.as_str()))]);
        command.extend(self.filled_fields(&step.fields)?);
        if self.driver.is_none() {
            return Ok(());
        }
        if step.cmd == "exit"
            && let Some(driver) = &mut self.driver
        {
            driver.ends = true;
        }
        let seq = self.tell(command)?;
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
                Failure::Client(format!("`{}` was answered with {object}: {mismatch}", step.cmd))
            });
        }
        match reply.answer {
            Answer::Ok => Ok(()),
            Answer::Unsupported { why } => {
                Err(Failure::Client(format!("the driver does not support `{}`: {why}", step.cmd)))
            }
            Answer::Errored { code, message } => {
                let code = code.map(|code| format!(" (`{code}`)")).unwrap_or_default();
                Err(Failure::Client(format!("the library threw at `{}`{code}: {message}", step.cmd)))
            }
        }
    }

    fn filled_fields(&mut self, fields: &Map<String, Value>) -> Result<Map<String, Value>, Failure> {
        let template = Template::new(Value::Object(fields.clone()));
        let template = template.map_err(|error| Failure::Suite(format!("the scenario is wrong: {error}")))?;
        let mut no_number = || 0;
        let filled = template.fill(&mut self.variables, &mut no_number)?;
        let object = filled.as_object().cloned();
        object.ok_or_else(|| Failure::Suite(format!("the scenario is wrong: {filled} is no command")))
    }

    /// Gives the driver a command; the number of its reply.
    pub(in crate::engine) fn tell(&mut self, command: Map<String, Value>) -> Result<u64, Failure> {
        let Stage { driver, fault, trace, .. } = self;
        let Some(driver) = driver else {
            return Err(Failure::Suite("there is no driver".to_owned()));
        };
        Ok(driver.command(command, fault.as_mut(), trace))
    }

    pub(in crate::engine) fn await_reply(
        &mut self,
        word: &str,
        seq: u64,
        within: Option<u64>,
    ) -> Result<Reply, Failure> {
        self.wait(&format!("the driver's reply to `{word}`"), within, &mut |stage| match &mut stage.driver {
            Some(driver) => driver.reply(seq),
            None => Ok(None),
        })
    }
}
