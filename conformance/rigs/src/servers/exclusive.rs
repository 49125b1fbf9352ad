//! A server of which two cannot run at the same time, for they would have the same data: a clear "no" is right, and the old one
//! serves on.

use std::os::unix::fs::{PermissionsExt, chown};
use std::path::{Path, PathBuf};

use rustix::process::getuid;
use serverswap_conformance::sandbox::{Exit, Invocation, Sandbox, SandboxError, Started, free_address};
use serverswap_load::Target;
use tokio::net::TcpStream;

use super::alone::{AloneError, last_words};
use super::installed::Installed;
use super::known_servers::Server;
use super::started_server::{Words, apps, folder_failed};

/// What was said of it.
#[derive(Debug)]
pub struct Refused {
    /// The exit status of `serverswap explain`, and its last line.
    pub explained: (i32, String),
    /// The exit status of a second deploy, and what it said.
    pub deployed: (i32, String),
    /// Whether the first one takes connections after that.
    pub serves_on: bool,
}

/// The exit status of `serverswap explain` for what cannot be swapped.
const CANNOT: i32 = 3;

impl Refused {
    /// Whether it was refused, with the reason, and nothing was lost.
    pub fn is_good(&self) -> bool {
        let Refused { explained: (explained, advice), deployed: (deployed, said), serves_on } = self;
        let is_said = advice.contains("cannot be swapped") && said.contains("still serves");
        *explained == CANNOT && *deployed != 0 && is_said && *serves_on
    }
}

/// Nobody in particular: a database does not run as root.
const OTHER: u32 = 65_534;

pub(super) async fn measure(
    server: &'static Server,
    program: &Path,
    installed: &Installed,
) -> Result<Refused, AloneError> {
    let (sandbox, address) = (Sandbox::new()?, free_address());
    let target = Target::try_from(&address).expect("a free address is on the loopback");
    let Target::Tcp(socket) = target else { unreachable!("a free address is one of TCP") };
    let words = Words { server, installed, port: socket.port() };
    let folder = sandbox.path().join("data");
    let command = words.arguments(&folder, &apps(&sandbox)).map_err(folder_failed)?;
    give(&[sandbox.path(), &folder]).map_err(folder_failed)?;
    let own = |program: &Path, words: &[String]| -> Vec<String> {
        let words = std::iter::once(program.display().to_string()).chain(words.iter().cloned());
        as_other().into_iter().chain(words).collect()
    };
    for (name, arguments) in server.prepared_by {
        let arguments: Vec<String> =
            arguments.iter().map(|text| words.filled(text, &folder, &apps(&sandbox))).collect();
        let line = own(&program.with_file_name(name), &arguments);
        let (exit, said) = run(sandbox.command(&PathBuf::from(&line[0]), line[1..].to_vec())).await?;
        if exit.status != 0 {
            return Err(AloneError::Server(format!(
                "`{name}` ended with {}: {}",
                exit.status, said.last_words
            )));
        }
    }
    let command = own(program, &command);
    let with = |word: &str| [word.to_owned()].into_iter().chain(command.clone());
    let (exit, said) = run(sandbox.serverswap(with("explain"))).await?;
    let explained = (exit.status, said.stdout.trim().lines().last().unwrap_or_default().to_owned());
    let (exit, said) = run(sandbox.serverswap(with("--intercept"))).await?;
    if exit.status != 0 {
        return Err(AloneError::Server(format!(
            "the first one ended with {}: {}",
            exit.status, said.last_words
        )));
    }
    let (exit, said) = run(sandbox.serverswap(with("--intercept"))).await?;
    let serves_on = TcpStream::connect(socket).await.is_ok();
    Ok(Refused { explained, deployed: (exit.status, said.error), serves_on })
}

struct Said {
    stdout: String,
    /// What the command says of its own failure.
    error: String,
    last_words: String,
}

async fn run(command: Invocation) -> Result<(Exit, Said), SandboxError> {
    let mut started: Started = command.start()?;
    let exit = started.exit().await?;
    let error = started.stderr().lines().find(|line| line.contains("error: ")).unwrap_or_default().to_owned();
    let said = Said { stdout: started.stdout().to_owned(), error, last_words: last_words(&mut started) };
    Ok((exit, said))
}

/// The words before a command by which root runs it as somebody else.
fn as_other() -> Vec<String> {
    let id = OTHER.to_string();
    let words = ["setpriv", "--reuid", &id, "--regid", &id, "--clear-groups"];
    if getuid().is_root() { words.map(str::to_owned).to_vec() } else { Vec::new() }
}

/// What that one may enter, and write to.
fn give(folders: &[&Path]) -> std::io::Result<()> {
    for folder in folders.iter().filter(|_| getuid().is_root()) {
        std::fs::set_permissions(folder, PermissionsExt::from_mode(0o755))?;
    }
    match folders.last() {
        Some(folder) if getuid().is_root() => chown(folder, Some(OTHER), Some(OTHER)),
        Some(_) | None => Ok(()),
    }
}
