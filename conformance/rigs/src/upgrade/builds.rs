//! The two builds: which programs, and what each starts.

use std::fmt;
use std::path::{Path, PathBuf};

use serverswap_protocol::Address;
use serverswap_protocol::message::Form;

use super::SERVER;
use serverswap_conformance::sandbox::{Invocation, Programs, Sandbox};

/// Which of the two.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Build {
    /// The one that is named.
    Other,
    /// This one.
    This,
}

/// The programs of both.
#[derive(Debug, Clone)]
pub struct Builds {
    other: Programs,
    this: Programs,
}

impl Builds {
    pub(super) fn new(other: &Path, this: &Programs) -> Builds {
        // A command runs in a folder of its own.
        let other = std::path::absolute(other).unwrap_or_else(|_| other.to_owned());
        Builds { other: Programs::within(&other), this: this.clone() }
    }

    /// Where the programs of a build are.
    pub fn folder(&self, build: Build) -> &Path {
        self.of(build).serverswap.parent().unwrap_or(Path::new("/"))
    }

    pub(super) fn deploy(
        &self,
        sandbox: &Sandbox,
        build: Build,
        form: Form,
        address: &Address,
    ) -> Invocation {
        let programs = self.of(build);
        let program = match form {
            Form::Stay => &programs.serverswap_deploy,
            Form::Leave => &programs.serverswap,
        };
        let mut words = vec!["--probation".to_owned(), "0s".to_owned()];
        // An earlier build may record less than can be judged.
        if build == Build::This {
            words.extend(["--trace".to_owned(), sandbox.recording().display().to_string()]);
        }
        words.extend([self.server(build), address.to_string()]);
        sandbox.command(program, words)
    }

    /// The build's own server, else the one of this build.
    fn server(&self, build: Build) -> String {
        let own = self.of(build).built(SERVER);
        if PathBuf::from(&own).is_file() { own } else { self.this.built(SERVER) }
    }

    fn of(&self, build: Build) -> &Programs {
        match build {
            Build::Other => &self.other,
            Build::This => &self.this,
        }
    }
}

impl fmt::Display for Build {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(match self {
            Build::Other => "the other build",
            Build::This => "this build",
        })
    }
}
