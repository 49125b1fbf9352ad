//! A command line in the making.

use std::ffi::{OsStr, OsString};
use std::path::{Path, PathBuf};
use std::process::Stdio;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Instant;

use tokio::process::Command;

use super::SandboxError;
use super::started::Started;
use super::transcript::Transcript;
use super::write_watch::WriteWatch;

static NEXT: AtomicU64 = AtomicU64::new(1);

/// A command that is not started yet.
#[derive(Debug, Clone)]
pub struct Invocation {
    program: PathBuf,
    arguments: Vec<String>,
    environment: Vec<(OsString, OsString)>,
    /// Where its output is kept.
    folder: PathBuf,
    working_directory: PathBuf,
}

impl Invocation {
    pub(super) fn new<S: Into<String>>(
        program: &Path,
        arguments: impl IntoIterator<Item = S>,
        folder: &Path,
    ) -> Self {
        let arguments = arguments.into_iter().map(Into::into).collect();
        Invocation {
            program: program.to_owned(),
            arguments,
            environment: Vec::new(),
            folder: folder.to_owned(),
            working_directory: folder.to_owned(),
        }
    }

    /// With this variable in its environment.
    pub fn env(mut self, name: impl AsRef<OsStr>, value: impl AsRef<OsStr>) -> Self {
        self.environment.push((name.as_ref().to_owned(), value.as_ref().to_owned()));
        self
    }

    /// Started in `folder`; without this, in the sandbox's own.
    pub fn within(self, folder: &Path) -> Self {
        Invocation { working_directory: folder.to_owned(), ..self }
    }

    /// As a person would type it.
    pub fn command_line(&self) -> String {
        let name = self.program.file_name().unwrap_or_default().to_string_lossy();
        std::iter::once(name.as_ref())
            .chain(self.arguments.iter().map(String::as_str))
            .collect::<Vec<_>>()
            .join(" ")
    }

    /// Starts it, in a process group of its own.
    ///
    /// # Errors
    /// [`SandboxError::Missing`] if there is no such program, [`SandboxError::Io`] if it cannot be
    /// started.
    pub fn start(self) -> Result<Started, SandboxError> {
        if self.program.is_absolute() && !self.program.exists() {
            return Err(SandboxError::Missing { program: self.program });
        }
        let failed = |source| SandboxError::Io {
            what: format!("`{}` cannot be started", self.command_line()),
            source,
        };
        let number = NEXT.fetch_add(1, Ordering::Relaxed);
        let (out_path, err_path) =
            (self.folder.join(format!("{number}.stdout")), self.folder.join(format!("{number}.stderr")));
        let (out, stdout) = Transcript::create(&out_path).map_err(failed)?;
        let (err, stderr) = Transcript::create(&err_path).map_err(failed)?;
        let watch = WriteWatch::new(&[&out_path, &err_path]).map_err(failed)?;
        let began = Instant::now();
        let child = Command::new(&self.program)
            .args(&self.arguments)
            .envs(self.environment.iter().map(|(name, value)| (name, value)))
            .current_dir(&self.working_directory)
            .stdin(Stdio::null())
            .stdout(stdout)
            .stderr(stderr)
            .process_group(0)
            .spawn()
            .map_err(failed)?;
        Ok(Started::new(self.command_line(), child, began, out, err, watch))
    }
}
