//! `signal`, `exits`: the driver's process, seen from outside.

use crate::engine::driver::told;
use crate::engine::failure::Failure;
use crate::engine::fault::Exited;
use crate::engine::stage::Stage;
use crate::scenario::{Exits, Recipient, Signal, SignalName};

impl Stage {
    pub(super) fn signal(&mut self, signal: &Signal) -> Result<(), Failure> {
        is_driver(&signal.to)?;
        let Some(driver) = &mut self.driver else { return Ok(()) };
        match signal.name {
            SignalName::Stop => driver.stopped = true,
            SignalName::Cont => driver.stopped = false,
            SignalName::Kill | SignalName::Term | SignalName::Int | SignalName::Hup => driver.ends = true,
        }
        self.trace.remark(None, &format!("SIG{} to the driver", word(signal.name)));
        driver
            .signal(kernel(signal.name))
            .map_err(|error| Failure::Client(format!("the driver is gone: {error}")))
    }

    pub(super) fn exits(&mut self, exits: &Exits) -> Result<(), Failure> {
        is_driver(&exits.of)?;
        let Some(driver) = &mut self.driver else { return Ok(()) };
        driver.ends = true;
        let expected = match (exits.signal, exits.status) {
            (Some(signal), _) => Exited::Signal(kernel(signal).as_raw()),
            (None, status) => Exited::Status(status.unwrap_or(0)),
        };
        let what = format!("the end of the driver {}", told(expected));
        let exited = self.wait(&what, exits.within_ms, &mut |stage| {
            Ok(stage.driver.as_ref().and_then(crate::engine::driver::Driver::exited))
        })?;
        if exited == expected {
            return Ok(());
        }
        Err(Failure::Client(format!("the driver ended {} instead of {}", told(exited), told(expected))))
    }
}

fn is_driver(recipient: &Recipient) -> Result<(), Failure> {
    if recipient.0 == "driver" {
        return Ok(());
    }
    Err(Failure::Suite(format!("the scenario is wrong: no process is named `{}`", recipient.0)))
}

fn kernel(name: SignalName) -> rustix::process::Signal {
    use rustix::process::Signal;
    match name {
        SignalName::Stop => Signal::STOP,
        SignalName::Cont => Signal::CONT,
        SignalName::Kill => Signal::KILL,
        SignalName::Term => Signal::TERM,
        SignalName::Int => Signal::INT,
        SignalName::Hup => Signal::HUP,
    }
}

fn word(name: SignalName) -> &'static str {
    match name {
        SignalName::Stop => "STOP",
        SignalName::Cont => "CONT",
        SignalName::Kill => "KILL",
        SignalName::Term => "TERM",
        SignalName::Int => "INT",
        SignalName::Hup => "HUP",
    }
}
