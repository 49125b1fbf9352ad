//! `descriptors` and `limit`: the open descriptors of the driver's process, seen from outside.

use std::os::fd::AsFd;
use std::time::{Duration, Instant};

use super::ClientRun;
use crate::connection::ready;
use crate::runner::Failure;
use crate::scenario::{Descriptors, OpenFiles, Sockets};

/// How long to wait before a number is looked at again: descriptors are closed without a sign.
const PAUSE: Duration = Duration::from_millis(5);

impl ClientRun {
    pub(super) fn descriptors_step(&mut self, step: &Descriptors) -> Result<(), Failure> {
        if self.subject.driver.is_none() {
            return Ok(());
        }
        if !step.at_once {
            self.sync()?;
        }
        match (&step.of, step.sockets) {
            (Some(of), _) => self.descriptors_of(of, step),
            (None, Some(Sockets::CloseOnExec)) => self.every_socket_is_close_on_exec(),
            (None, None) => self.count_descriptors(step),
        }
    }

    fn count_descriptors(&mut self, step: &Descriptors) -> Result<(), Failure> {
        if let Some(name) = &step.remember {
            let count = self.descriptor_count()?;
            self.subject.counts.insert(name.clone(), count);
        }
        let Some(name) = &step.equal else { return Ok(()) };
        let unknown = || Failure::scenario(&format!("nothing was remembered as `{name}`"));
        let before = *self.subject.counts.get(name).ok_or_else(unknown)?;
        let expected = before.checked_add_signed(step.plus).unwrap_or_default();
        let count = self.count_until(ClientRun::descriptor_count, |count| count == expected)?;
        if count == expected {
            return Ok(());
        }
        Err(Failure::Subject(format!(
            "the driver's process has {count} descriptors open instead of {expected}"
        )))
    }

    fn descriptor_count(&mut self) -> Result<u64, Failure> {
        let Some(driver) = &self.subject.driver else { return Ok(0) };
        let count =
            driver.descriptor_count().map_err(Failure::io("cannot count the driver's descriptors"))?;
        Ok(self.fault.descriptor_count(count))
    }

    fn descriptors_of(&mut self, of: &str, step: &Descriptors) -> Result<(), Failure> {
        if step.non_blocking {
            return self.is_non_blocking(of);
        }
        if step.close_on_exec {
            let open = self.numbers_of(of)?;
            return self.are_close_on_exec(&open);
        }
        let fits = |count: u64| match (step.count, step.at_least) {
            (Some(expected), _) => count == expected,
            (None, at_least) => count >= at_least.unwrap_or(0),
        };
        let count = |run: &mut ClientRun| {
            let count = run.numbers_of(of)?.len() as u64;
            Ok(run.fault.descriptor_count(count))
        };
        let count = if step.at_once { count(self)? } else { self.count_until(count, fits)? };
        if fits(count) {
            return Ok(());
        }
        let expected = match (step.count, step.at_least) {
            (Some(expected), _) => expected.to_string(),
            (None, at_least) => format!("at least {}", at_least.unwrap_or(0)),
        };
        let found = format!("the driver's process has {count} descriptors of `{of}` open");
        Err(Failure::Subject(format!("{found} instead of {expected}")))
    }

    /// Counts until the number is right or time is up: a runtime may close in its next turn.
    fn count_until(
        &mut self,
        mut count: impl FnMut(&mut ClientRun) -> Result<u64, Failure>,
        fits: impl Fn(u64) -> bool,
    ) -> Result<u64, Failure> {
        let deadline = self.budget.deadline(None);
        loop {
            let counted = count(self)?;
            let late = deadline.is_some_and(|deadline| Instant::now() >= deadline);
            if fits(counted) || late {
                return Ok(counted);
            }
            ready(&[], Some(Instant::now() + PAUSE)).map_err(Failure::io("cannot wait"))?;
        }
    }

    /// The numbers under which the driver's process has a file open that the case knows.
    fn numbers_of(&self, of: &str) -> Result<Vec<i32>, Failure> {
        let Some(driver) = &self.subject.driver else { return Ok(Vec::new()) };
        let ours = self.fixtures.descriptor(of)?;
        driver.numbers_of(ours).map_err(Failure::io("cannot look at the driver's descriptors"))
    }

    fn every_socket_is_close_on_exec(&mut self) -> Result<(), Failure> {
        let Some(driver) = &self.subject.driver else { return Ok(()) };
        let sockets = driver.sockets().map_err(Failure::io("cannot look at the driver's descriptors"))?;
        self.are_close_on_exec(&sockets)
    }

    fn are_close_on_exec(&mut self, numbers: &[i32]) -> Result<(), Failure> {
        let Some(driver) = &self.subject.driver else { return Ok(()) };
        for number in numbers {
            let so = driver
                .is_close_on_exec(*number)
                .map_err(Failure::io("cannot look at the driver's descriptors"))?;
            if !self.fault.descriptors_are(so) {
                return Err(Failure::Subject(format!(
                    "descriptor {number} of the driver's process is not close-on-exec"
                )));
            }
        }
        Ok(())
    }

    fn is_non_blocking(&mut self, of: &str) -> Result<(), Failure> {
        let flags = rustix::fs::fcntl_getfl(self.fixtures.descriptor(of)?.as_fd());
        let flags = flags.map_err(|error| Failure::io("cannot look at a descriptor")(error.into()))?;
        if self.fault.descriptors_are(flags.contains(rustix::fs::OFlags::NONBLOCK)) {
            return Ok(());
        }
        Err(Failure::Subject(format!(
            "`{of}` blocks: somebody has cleared the non-blocking mode that all share"
        )))
    }

    pub(super) fn limit(&mut self, nofile: OpenFiles) -> Result<(), Failure> {
        let Some(driver) = &mut self.subject.driver else { return Ok(()) };
        let limited = match nofile {
            OpenFiles::Now => driver.limit_descriptors(),
            OpenFiles::Usual => driver.unlimit_descriptors(),
        };
        limited.map_err(Failure::io("cannot limit the driver's descriptors"))
    }
}
