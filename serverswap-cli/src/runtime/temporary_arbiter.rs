//! The temporary arbiter: a client that claims an address and finds no arbiter starts it (`SERVERSWAP_ARBITER`).
//!
//! It starts no server and belongs to no generation: it has a session of its own, shows a generation that is
//! nobody else's ([`own_generation`]), and keeps no descriptor and no variable of the server that started it. It ends as soon
//! as nothing is under way any more, and at once where somebody else is the arbiter.

use std::os::unix::process::CommandExt;
use std::path::Path;
use std::process::{Command, Stdio};
use std::rc::Rc;
use std::{env, io};

use tokio::task::LocalSet;

use super::arbiter_role::ArbiterRole;
use super::{recovery, single_threaded};
use crate::cli::environment::{SERVERSWAP_DIR, SERVERSWAP_GENERATION};
use crate::state::{self, Directory};
use crate::sys::{descriptors, session};
use crate::{acting_user, own_generation};

/// The exit status of one that cannot serve. Nobody reads more: its client waits for the directory to change.
const FAILED: u8 = 125;

/// Returns at once, and serves in a process of its own.
pub(crate) fn serve(directory: &Path) -> u8 {
    let served = if session::is_own() { serve_here(directory) } else { detach(directory) };
    if served.is_ok() { 0 } else { FAILED }
}

/// Whoever leads a session of its own has been detached.
fn detach(directory: &Path) -> io::Result<()> {
    let mut command = Command::new("/proc/self/exe");
    command.arg0("serverswap");
    command.arg("--arbiter").arg(directory);
    command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null());
    command.current_dir("/").env_clear().env(SERVERSWAP_DIR, directory);
    // Until it has one of its own to show: an ancestor that adopts it may belong to the generation.
    if let Some(inherited) = env::var_os(SERVERSWAP_GENERATION) {
        command.env(SERVERSWAP_GENERATION, inherited);
    }
    session::own_session(&mut command);
    command.spawn().map(drop)
}

fn serve_here(directory: &Path) -> io::Result<()> {
    own_generation::begin();
    descriptors::raise_limit();
    acting_user::become_owner_of(directory, |_| {})?;
    let directory = Directory::prepare(directory).map_err(io::Error::other)?;
    if !sees_everybody(&directory)? {
        return Err(io::Error::other("the servers of the directory are in another pid namespace"));
    }
    descriptors::room_for_a_runtime()?;
    LocalSet::new().block_on(&single_threaded()?, async {
        let mut role = ArbiterRole::temporary(Rc::new(|_| {}));
        role.try_acquire(&directory)?;
        role.ended().await;
        Ok(())
    })
}

/// A server may have given its children a pid namespace of their own, where the others have no number.
fn sees_everybody(directory: &Directory) -> io::Result<bool> {
    let here = recovery::header()?;
    let recorded = state::read(&directory.state()).ok().flatten().map(|file| file.header);
    Ok(recorded.is_none_or(|there| there.boot != here.boot || there.pid_namespace == here.pid_namespace))
}
