//! `signal`, `exits`: the driver's process, seen from outside.

use super::ClientRun;
use super::driver::Driver;
use crate::runner::{Exited, Failure, kernel_signal, signal_name};
use crate::scenario::{Exits, Recipient, Signal, SignalName};

impl ClientRun {
    pub(super) fn signal(&mut self, signal: &Signal) -> Result<(), Failure> {
        is_driver(&signal.to)?;
        let Some(driver) = &mut self.subject.driver else { return Ok(()) };
        match signal.name {
            SignalName::Stop => driver.stopped = true,
            SignalName::Cont => driver.stopped = false,
            SignalName::Kill | SignalName::Term | SignalName::Int | SignalName::Hup => driver.ends = true,
        }
        self.trace.remark(None, &format!("{} to the driver", signal_name(signal.name)));
        driver
            .signal(kernel_signal(signal.name))
            .map_err(|error| Failure::Subject(format!("the driver is gone: {error}")))
    }

    pub(super) fn exits(&mut self, exits: &Exits) -> Result<(), Failure> {
        is_driver(&exits.of)?;
        let Some(driver) = &mut self.subject.driver else { return Ok(()) };
        driver.ends = true;
        let expected = match (exits.signal, exits.status) {
            (Some(signal), _) => Exited::Signal(kernel_signal(signal).as_raw()),
            (None, status) => Exited::Status(status.unwrap_or(0)),
        };
        let what = format!("the end of the driver {expected}");
        let exited = self.wait(&what, exits.within_ms, &mut |run| {
            Ok(run.subject.driver.as_ref().and_then(Driver::exited))
        })?;
        if exited == expected {
            return Ok(());
        }
        Err(Failure::Subject(format!("the driver ended {exited} instead of {expected}")))
    }
}

fn is_driver(recipient: &Recipient) -> Result<(), Failure> {
    if recipient.0 == "driver" { Ok(()) } else { Err(Failure::unknown("process", &recipient.0)) }
}
