//! `--ready`: what says that a server is ready.

use std::time::Duration;

use crate::ui::duration::text;

/// What is believed.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub enum ReadyOption {
    /// `READY=1`, if the server uses sd_notify(3) before it listens, and else that it listens.
    #[default]
    Either,
    /// `READY=1`.
    Notify,
    /// A process of the server waits for connections.
    Listening,
    /// This shell command exits with status 0.
    Exec(String),
    /// It has run for this long.
    After(Duration),
}

impl ReadyOption {
    /// What is waited for, as the end of a sentence.
    pub(crate) fn awaited(&self) -> String {
        match self {
            ReadyOption::Either => "it neither waited for connections nor said READY=1".to_owned(),
            ReadyOption::Notify => "it did not say READY=1 on its NOTIFY_SOCKET".to_owned(),
            ReadyOption::Listening => "no process of it waited for connections".to_owned(),
            ReadyOption::Exec(command) => format!("`{command}` did not exit with status 0"),
            ReadyOption::After(after) => format!("it had not run for {}", text(*after)),
        }
    }
}
