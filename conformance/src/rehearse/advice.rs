//! What each finding means and what a person can do about it.

use super::findings::{Beside, Finding, Speaks};
use super::server::{Language, is_wrapper};
use serverswap_load::Failure;

/// What to fix, in one or two sentences, for a server in this language.
pub(super) fn advice(finding: &Finding, speaks: Speaks, language: Language) -> String {
    let of_others = match speaks {
        Speaks::Server => None,
        Speaks::Supervisor => without_library(finding),
    };
    of_others.unwrap_or_else(|| with_library(finding, language))
}

/// What is different for a server that knows nothing of us.
fn without_library(finding: &Finding) -> Option<String> {
    let cut = "the old server did that at its stop signal: `serverswap explain CMD` says whether it finishes its requests at another one, for --stop-signal";
    let not_up = "`serverswap explain CMD` starts it by itself, and says what it binds and which options it needs; if it only needs longer, set --ready-timeout";
    match finding {
        Finding::IdleClosed { .. } => Some(cut.to_owned()),
        Finding::Lost { failure, .. } => failure.was_accepted().then(|| cut.to_owned()),
        Finding::Overran { beside, .. } if beside.is_empty() => {
            Some("the server did not end at its stop signal: `serverswap explain CMD` says at which one it does, for --stop-signal; or set a longer --drain-timeout".to_owned())
        }
        Finding::NotInTime { .. } | Finding::DeployFailed { status: 122 | 124, .. } => Some(not_up.to_owned()),
        Finding::Overran { .. }
        | Finding::DeployFailed { .. }
        | Finding::CommandFailed { .. }
        | Finding::LeftBehind { .. }
        | Finding::Recorded { .. } => None,
    }
}

fn with_library(finding: &Finding, language: Language) -> String {
    match finding {
        Finding::Lost { failure, in_swaps, between } => lost(*failure, *in_swaps, *between, language),
        Finding::IdleClosed { .. } => closes_idle(language),
        Finding::DeployFailed { status, .. } => failed(*status, language),
        Finding::CommandFailed { .. } => {
            "the replaced command ends with 0 when all is well; what it said is above".to_owned()
        }
        Finding::NotInTime { .. } => {
            "set --ready-timeout and --drain-timeout to what the server needs, or --limit of the rehearsal to more".to_owned()
        }
        Finding::Overran { beside, .. } => overran(beside, language),
        Finding::Recorded { recording, .. } => format!(
            "no server can do that by itself: a fault of serverswap, or of the client library; report it with `{}`",
            recording.display()
        ),
        Finding::LeftBehind { command, served, .. } => left_behind(command, *served),
    }
}

/// What drains for a server, as its language calls it.
fn drain(language: Language) -> &'static str {
    match language {
        Language::Node => "`listen` of the package serverswap",
        Language::Python => {
            "the module of the package serverswap for its framework (`socketserver`, `aio`, `uvicorn`, `aiohttp`, `gunicorn`)"
        }
        Language::Go => "`serverswap.Serve`",
        Language::Ruby | Language::Php | Language::Java | Language::Unknown => {
            "the drain of the server's client library, if that has one"
        }
    }
}

/// What claims an address and takes its listener over.
fn inherits(language: Language) -> &'static str {
    match language {
        Language::Node => "`listen` of the package serverswap, or `readyFor` with `{ inherit: true }`",
        Language::Python => "`listen` of the package serverswap, or its module for the framework",
        Language::Go => "`serverswap.Serve` or `serverswap.Listen`",
        Language::Ruby | Language::Php | Language::Java | Language::Unknown => {
            "its client library with `socket` `inherit`"
        }
    }
}

fn closes_idle(language: Language) -> String {
    let who = match language {
        Language::Node => "`server.close()` closes",
        Language::Go => "`http.Server.Shutdown` closes",
        Language::Python | Language::Ruby | Language::Php | Language::Java | Language::Unknown => {
            "the old server closes"
        }
    };
    format!(
        "{who} idle keep-alive connections at once: use {}, or answer each once more with `Connection: close` while draining",
        drain(language)
    )
}

fn lost(failure: Failure, in_swaps: u64, between: u64, language: Language) -> String {
    match failure {
        Failure::Refused | Failure::ResetOnConnect => format!(
            "nobody listened for a moment: claim the address by {}, so that the listening socket is passed on and never closed",
            inherits(language)
        ),
        Failure::TimeoutOnConnect => {
            "connections waited in the backlog: say `serving` only when the accept loop runs, and do everything slow before \
             the claim"
                .to_owned()
        }
        Failure::ClosedBeforeAnswer | Failure::ResetAfterSent => format!(
            "the old server closed connections that it had accepted and not answered: use {}, and answer freshly accepted \
             silent connections too",
            drain(language)
        ),
        Failure::ReusedClosed | Failure::ReusedReset => closes_idle(language),
        Failure::CutShort => {
            "the old server ended in the middle of an answer: exit only when the last answer has been sent, and give it a \
             --drain-timeout that suffices"
                .to_owned()
        }
        Failure::Timeout => {
            "a server accepted the connection and did not answer: the old one must stop accepting as soon as it is told, and \
             the new one must not accept before it can answer"
                .to_owned()
        }
        Failure::BadStatus if between > 0 && between >= in_swaps => {
            "the server answers, and not with 2xx: give a path that answers 200 with --path".to_owned()
        }
        Failure::BadStatus => {
            "only swaps have such answers. If it is a 503 of the old server, a shutdown middleware or a health check refuses \
             what was accepted while it drains: answer as always until the last connection is closed, there is no other server \
             that the client could reach on this connection. If it is one of the new server, it said that it is ready too early"
                .to_owned()
        }
        Failure::Malformed => "the address does not speak HTTP/1.1, and the rehearsal speaks nothing else".to_owned(),
        Failure::Local => "this machine ran out of ports or descriptors: no fault of the server".to_owned(),
    }
}

fn overran(beside: &[Beside], language: Language) -> String {
    if beside.is_empty() {
        let exit = match language {
            Language::Node => "timers, pools, websockets; or call process.exit",
            Language::Python => "threads that are no daemons, pools, websockets; or call sys.exit",
            Language::Go => "goroutines that main waits for, websockets; or call os.Exit",
            Language::Ruby | Language::Php | Language::Java | Language::Unknown => {
                "threads, pools, websockets; or exit"
            }
        };
        return format!(
            "the server did not exit after its takedown: close what keeps it alive ({exit} when the last connection has ended), \
             or set a longer --drain-timeout"
        );
    }
    let wrapper = beside.iter().find(|process| is_wrapper(&process.command));
    let workers =
        "the server itself had ended, and what was started beside it ran on: let it end with the server";
    match wrapper {
        Some(wrapper) => format!(
            "{workers}, or start the server without `{}`: that waits for every program that it has started, and a deploy with it",
            wrapper.command
        ),
        None => format!("{workers}, by its takedown handler or before it exits"),
    }
}

fn left_behind(command: &str, served: bool) -> String {
    if served {
        "it has served, was told to let go, and still runs: exit when the last connection has ended"
            .to_owned()
    } else if is_wrapper(command) {
        "it only starts other programs, and did not end with the server: leave it out, or have it start the server by `exec` as its last word"
            .to_owned()
    } else {
        "the server, or a wrapper of it, has started it and ended without it: end it, and wait for its end, before the server \
         exits; a worker that has to outlive a deploy belongs to a service of its own"
            .to_owned()
    }
}

/// By the exit status of `serverswap`, as `serverswap --help` lists them.
fn failed(status: i32, language: Language) -> String {
    match status {
        120 => {
            "another generation was faster: does something else deploy into the private directory?".to_owned()
        }
        121 => "the server said `fail` itself; its reason is above".to_owned(),
        122 => format!(
            "the server ended with 0 and claimed nothing: claim its address, by {}, and stay in the foreground (no daemon). What wraps \
             it has to stay as long as the server, and to pass the variables SERVERSWAP_… on. A server that does not use the library: \
             `serverswap explain CMD` says with which options it is swapped",
            inherits(language)
        ),
        123 => "a claim on some address failed; which one, and why, is above".to_owned(),
        124 => format!(
            "the server was not up in time: it has to claim its address, by {}, and say that it serves; what wraps it has to pass \
             the variables SERVERSWAP_… on. If it only needs longer, set --ready-timeout. A server that does not use the library: `serverswap \
             explain CMD` says with which options it is swapped",
            inherits(language)
        ),
        125 => "serverswap itself could not; its hint is above".to_owned(),
        126 | 127 => {
            "the command of the server cannot be run; is it spelt as you type it in this folder?".to_owned()
        }
        _ => "the server ended by itself before it was up; its error is above".to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const NOT_FOR_NODE: [Language; 6] =
        [Language::Python, Language::Go, Language::Ruby, Language::Php, Language::Java, Language::Unknown];

    fn beside(command: &str) -> Beside {
        Beside { pid: 1, command: command.to_owned() }
    }

    #[test]
    fn only_a_node_server_is_told_of_node() {
        let lost = |failure| Finding::Lost { failure, in_swaps: 1, between: 0 };
        let findings =
            [lost(Failure::Refused), lost(Failure::ReusedClosed), Finding::IdleClosed { count: 1 }];
        for finding in findings {
            assert!(advice(&finding, Speaks::Server, Language::Node).contains("`listen`"), "{finding:?}");
            assert!(
                advice(&finding, Speaks::Server, Language::Go).contains("`serverswap.Serve`"),
                "{finding:?}"
            );
            for language in NOT_FOR_NODE {
                let said = advice(&finding, Speaks::Server, language);
                assert!(
                    !said.contains("process.exit") && !said.contains("{ inherit"),
                    "{language:?}: {said}"
                );
            }
        }
    }

    #[test]
    fn a_server_without_the_library_is_told_of_options_and_of_no_package() {
        let lost = |failure| Finding::Lost { failure, in_swaps: 1, between: 0 };
        let overran = Finding::Overran { swap: 1, pid: 7, beside: Vec::new() };
        for finding in
            [lost(Failure::ReusedReset), lost(Failure::CutShort), Finding::IdleClosed { count: 1 }, overran]
        {
            let said = advice(&finding, Speaks::Supervisor, Language::Node);
            assert!(said.contains("--stop-signal") && !said.contains("package"), "{said}");
        }
    }

    #[test]
    fn a_status_that_only_swaps_have_is_no_matter_of_the_path() {
        let said = |in_swaps, between| {
            advice(
                &Finding::Lost { failure: Failure::BadStatus, in_swaps, between },
                Speaks::Server,
                Language::Unknown,
            )
        };
        assert!(said(9, 0).contains("503 of the old server"));
        assert!(said(9, 900).contains("--path"));
    }

    #[test]
    fn what_runs_on_beside_a_server_that_has_ended_is_what_is_to_be_fixed() {
        let said =
            |beside| advice(&Finding::Overran { swap: 1, pid: 7, beside }, Speaks::Server, Language::Node);
        assert!(said(Vec::new()).contains("timers"));
        assert!(said(vec![beside("node worker.js"), beside("npm start")]).contains("without `npm start`"));
        assert!(!said(vec![beside("node worker.js")]).contains("timers"));
    }
}
