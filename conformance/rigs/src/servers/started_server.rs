//! One start of a server: its port, its folder, its configuration, its process.

use std::path::Path;
use std::time::Duration;

use serverswap_conformance::sandbox::{Invocation, Sandbox, SandboxError};
use serverswap_load::{Failure, RequestKind, Slot, Target, ask_for};
use tokio::time::{Instant, MissedTickBehavior, interval};

use super::installed::Installed;
use super::known_servers::{Passed, Server};

/// From one question whether a server answers to the next.
const PACE: Duration = Duration::from_millis(5);

/// How long one of these may take.
const ANSWER_LIMIT: Duration = Duration::from_secs(1);

/// How long a server may take until it answers.
pub(super) const START_LIMIT: Duration = Duration::from_secs(30);

/// The words and the files of a start.
#[derive(Debug)]
pub(super) struct Words<'a> {
    pub(super) server: &'static Server,
    pub(super) installed: &'a Installed,
    pub(super) port: u16,
}

impl Words<'_> {
    /// The arguments of the server itself. Its files are written into `folder`.
    pub(super) fn arguments(&self, folder: &Path, apps: &str) -> std::io::Result<Vec<String>> {
        self.written(self.server.files, self.server.arguments, folder, apps)
    }

    /// The same of a server that is passed its socket.
    pub(super) fn passed(&self, passed: Passed, folder: &Path, apps: &str) -> std::io::Result<Vec<String>> {
        self.written(passed.files, passed.arguments, folder, apps)
    }

    fn written(
        &self,
        files: &[(&str, &str)],
        arguments: &[&str],
        folder: &Path,
        apps: &str,
    ) -> std::io::Result<Vec<String>> {
        std::fs::create_dir_all(folder)?;
        for (name, text) in files {
            std::fs::write(folder.join(name), self.filled(text, folder, apps))?;
        }
        Ok(arguments.iter().map(|text| self.filled(text, folder, apps)).collect())
    }

    /// With what the applications read from their environment.
    pub(super) fn environment(&self, command: Invocation, folder: &Path, apps: &str) -> Invocation {
        command
            .env("HOME", folder)
            .env("PORT", self.port.to_string())
            .env("PYTHONPATH", apps)
            .env("NODE_PATH", self.installed.folder().join("node_modules"))
            .env("NEXT_TELEMETRY_DISABLED", "1")
            .env("PYTHONDONTWRITEBYTECODE", "1")
    }

    pub(super) fn filled(&self, text: &str, folder: &Path, apps: &str) -> String {
        let values = [
            ("{port}", self.port.to_string()),
            ("{dir}", folder.display().to_string()),
            ("{installed}", self.installed.folder().display().to_string()),
            ("{apps}", apps.to_owned()),
        ];
        values.iter().fold(text.to_owned(), |text, (name, value)| text.replace(name, value))
    }
}

/// The folder of the applications.
pub(super) fn apps(sandbox: &Sandbox) -> String {
    sandbox.programs().fixture("real")
}

/// New and kept connections that press, and kept ones that are idle in between.
pub(super) fn clients() -> Vec<Slot> {
    let idle = Slot::KEPT.pausing(Duration::from_millis(10));
    vec![Slot::NEW, Slot::NEW, Slot::KEPT, Slot::KEPT, idle, idle]
}

/// A folder of the sandbox could not be written.
pub(super) fn folder_failed(source: std::io::Error) -> SandboxError {
    SandboxError::Io { what: "the configuration of a server cannot be written".to_owned(), source }
}

/// Waits until it answers; otherwise the last way in which it did not.
pub(super) async fn answers(target: &Target, kind: &RequestKind) -> Result<(), Failure> {
    let (began, mut pace) = (Instant::now(), interval(PACE));
    pace.set_missed_tick_behavior(MissedTickBehavior::Delay);
    loop {
        pace.tick().await;
        match ask_for(target, kind, ANSWER_LIMIT).await {
            Ok(answer) if (200..300).contains(&answer.status) => return Ok(()),
            Ok(_) if began.elapsed() > START_LIMIT => return Err(Failure::BadStatus),
            Err(failure) if began.elapsed() > START_LIMIT => return Err(failure),
            Ok(_) | Err(_) => {}
        }
    }
}
