//! Which process a stand-in may speak for.
//!
//! The stand-in names it by its number in its own pid namespace. It is held by its pidfd before anything is found out about it, and belongs to
//! the generation of the stand-in by what it shows of itself, or by being started by the stand-in.

use std::io;
use std::os::fd::OwnedFd;

use serverswap::protocol::Generation;
use serverswap::protocol::message::StandIn;
use serverswap::sys::process::{
    GENERATION_VARIABLE, Process, ancestors, is_gone, may_signal, number_here, shown_now,
};

use crate::arbiter::{Arbiter, Speaker};

/// The process, or why the stand-in is refused.
pub(super) fn identify(
    peer: Process,
    stand_in: StandIn,
    generation: Generation,
    core: &Arbiter,
) -> Result<(Process, OwnedFd), String> {
    let pid = stand_in.pid;
    let here = number_here(peer.pid, pid);
    let found = here
        .and_then(|here| here.map_or(Ok(None), hold))
        .map_err(|error| format!("`standIn`: pid {pid} cannot be looked at: {error}"))?;
    let (process, pidfd) = found.ok_or_else(|| format!("`standIn`: pid {pid} has ended"))?;
    if core.connected_speaker(process) == Some(Speaker::Itself) {
        return Err(format!("pid {pid} is connected as a server itself, and needs no stand-in"));
    }
    if let Some(other) = core.generation_of_server(process).filter(|other| *other != generation) {
        return Err(format!("pid {pid} is a server of generation {other} already"));
    }
    let shown = shown_now(pid, &pidfd, GENERATION_VARIABLE)
        .map_err(|error| format!("`standIn`: pid {pid} cannot be looked at: {error}"))?;
    let shown = shown.map(|text| text.to_string_lossy().into_owned());
    let objection = match (shown, stand_in.adopt) {
        (Some(other), true) => Some(format!("pid {pid} was started by serverswap, as generation {other}")),
        (None, true) if !may_signal(&pidfd).unwrap_or(false) => {
            Some(format!("pid {pid} runs as another user, and cannot be stopped"))
        }
        (Some(shown), false) if shown != generation.to_string() => {
            Some(format!("pid {pid} is of generation {shown}, and not of {generation}"))
        }
        (None, false) if !ancestors(process).any(|ancestor| ancestor == peer) => {
            Some(format!("pid {pid} does not show its generation, and was not started by pid {}", peer.pid))
        }
        (None, true) | (Some(_) | None, false) => None,
    };
    objection.map_or(Ok((process, pidfd)), Err)
}

/// One that has not ended.
fn hold(pid: u32) -> io::Result<Option<(Process, OwnedFd)>> {
    let Some((process, pidfd)) = Process::hold(pid)? else { return Ok(None) };
    Ok((!is_gone(&pidfd)?).then_some((process, pidfd)))
}
