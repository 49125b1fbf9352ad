//! What each finding means and what a person can do about it.

use super::findings::Finding;
use serverswap_load::Failure;

const CLOSES_IDLE: &str = "the old server closes idle keep-alive connections at once: use listen or Serve of the serverswap package, or answer \
     once more with `Connection: close` while draining";

/// What to fix, in one or two sentences.
pub(super) fn advice(finding: &Finding) -> &'static str {
    match finding {
        Finding::Lost { failure, .. } => lost(*failure),
        Finding::IdleClosed { .. } => CLOSES_IDLE,
        Finding::DeployFailed { status, .. } => failed(*status),
        Finding::CommandFailed { .. } => {
            "the replaced command ends with 0 when all is well; what it said is above"
        }
        Finding::NotInTime { .. } => {
            "set --ready-timeout and --drain-timeout to what the server needs, or --limit of the rehearsal to more"
        }
        Finding::Overran { .. } => {
            "the server did not exit after its takedown: close what keeps it alive (timers, pools, websockets), \
             call process.exit or its like when the last connection has ended, or set a longer --drain-timeout"
        }
        Finding::LeftBehind { .. } => {
            "a process of an older generation still runs: a server has to end its children before it exits, and a \
             wrapper (`npm start`, `sh -c`) is left out where the server is started directly or by `exec`"
        }
    }
}

fn lost(failure: Failure) -> &'static str {
    match failure {
        Failure::Refused | Failure::ResetOnConnect => {
            "nobody listened for a moment: claim the address with `inherit` (listen of the serverswap package does), \
             so that the listening socket is passed on and never closed"
        }
        Failure::TimeoutOnConnect => {
            "connections waited in the backlog: say `serving` only when the accept loop runs, and do \
             everything slow before `readyFor`"
        }
        Failure::ClosedBeforeAnswer | Failure::ResetAfterSent => {
            "the old server closed connections that it had accepted and not answered: use the drain of \
             the serverswap package (listen, Serve), which answers freshly accepted silent connections too"
        }
        Failure::ReusedClosed | Failure::ReusedReset => CLOSES_IDLE,
        Failure::CutShort => {
            "the old server ended in the middle of an answer: exit only when the last answer has been sent, \
             and give it a --drain-timeout that suffices"
        }
        Failure::Timeout => {
            "a server accepted the connection and did not answer: the old one must stop accepting as soon \
             as it is told, and the new one must not accept before it can answer"
        }
        Failure::BadStatus => {
            "the server answered, and not with 2xx: give a path that answers 200 with --path. If only a swap has such \
             answers (a 503): the old server refuses what it accepted while it drains, as shut-down middleware does, and \
             has to answer it as always; or the new one said that it is ready too early"
        }
        Failure::Malformed => "the address does not speak HTTP/1.1, and the rehearsal speaks nothing else",
        Failure::Local => "this machine ran out of ports or descriptors: no fault of the server",
    }
}

/// By the exit status of `serverswap`, as `serverswap --help` lists them.
fn failed(status: i32) -> &'static str {
    match status {
        120 => "another generation was faster: does something else deploy into the private directory?",
        121 => "the server said `fail` itself; its reason is above",
        122 => {
            "the server ended with 0 and claimed nothing: call readyFor or listen of the serverswap package \
             for its address, and stay in the foreground (no daemon)"
        }
        123 => "a claim on some address failed; which one, and why, is above",
        124 => {
            "the server was not up in time: it has to claim its address (readyFor or listen) and say that it serves; \
             if it only needs longer, set --ready-timeout"
        }
        125 => "serverswap itself could not; its hint is above",
        126 | 127 => "the command of the server cannot be run; is it spelt as you type it in this folder?",
        _ => "the server ended by itself before it was up; what it said is above",
    }
}
