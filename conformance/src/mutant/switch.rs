//! When the fault of a mutant begins.

/// A fault is on from the beginning, or from the step on whose check it is to fail.
#[derive(Debug)]
pub(super) struct Switch {
    at: Option<String>,
    pub(super) on: bool,
}

impl Switch {
    /// On at the step with this check; `None`: from the beginning.
    pub(super) fn at(check: Option<&str>) -> Switch {
        Switch { at: check.map(str::to_owned), on: check.is_none() }
    }

    /// The step with this check begins: whether it is the one.
    pub(super) fn reached(&mut self, check: &str) -> bool {
        let now = self.at.as_deref() == Some(check);
        self.on |= now;
        now
    }
}
