//! What was seen, for people and for programs.

use std::ffi::OsString;

use serde_json::{Value, json};

use super::seen::{Alongside, Seen, Serves, Started, StopSeen, Verdict, signal_name};
use crate::cli::{CommandLine, for_shell};
use crate::ui::duration;

/// For people. The last line is the command line to use, if there is one.
pub(super) fn text(seen: &Seen, command: &CommandLine) -> String {
    let mut lines = Vec::new();
    match &seen.started {
        Started::UsesPackage => lines
            .push("It uses the package of serverswap: it says itself which addresses it serves.".to_owned()),
        Started::Serves(serves) => lines.extend(of_serving(seen, serves)),
        Started::InBackground => {
            lines.push("It puts itself into the background, where nobody can wait for it: let it stay in the foreground (often an option such as `--no-daemon`, `-f` or `daemon off`).".to_owned());
        }
        Started::Ended { status, said } => {
            lines.push(format!("It ended with {status} before it served.{}", last_words(said)));
            lines.extend(quoted(said));
        }
        Started::NotInTime { addresses, said } => {
            lines.push(match addresses.as_slice() {
                [] => format!("It listens at no TCP port and no Unix socket in this time, so there is nothing to hand over.{}", last_words(said)),
                [_, ..] => format!(
                    "It has bound {}, and takes no connection there in this time.{}",
                    list(addresses), last_words(said)
                ),
            });
            lines.extend(quoted(said));
        }
    }
    lines.push(String::new());
    match command_line(seen, command) {
        Some(command_line) => {
            lines.push("Start it, and deploy it, with:".to_owned());
            lines.push(command_line);
        }
        None => lines.push(
            match &seen.alongside {
                Alongside::Fails { .. } => {
                    "It cannot be swapped: a deploy runs the old and the new one at the same time. Stop the old one first, and start the new one then."
                }
                Alongside::NotTried | Alongside::Runs { .. } => "It cannot be swapped as it is.",
            }
            .to_owned(),
        ),
    }
    lines.join("\n") + "\n"
}

/// For a shell.
fn command_line(seen: &Seen, command: &CommandLine) -> Option<String> {
    match seen.verdict() {
        Verdict::Start(options) => {
            let words = ["serverswap".to_owned()].into_iter().chain(options).map(OsString::from);
            let mut words: Vec<OsString> = words.collect();
            words.push(command.program.clone());
            words.extend(command.arguments.iter().cloned());
            Some(for_shell(&words))
        }
        Verdict::No => None,
    }
}

fn of_serving(seen: &Seen, serves: &Serves) -> Vec<String> {
    let mut lines = vec![binds(serves)];
    if let Alongside::Runs { takes_sockets } = seen.alongside {
        lines.push(
            if takes_sockets {
                "It takes a socket that is passed to it."
            } else {
                "It takes no socket that is passed to it, so its own is learnt and given to the next one."
            }
            .to_owned(),
        );
    }
    if serves.says_ready {
        lines.push("It says when it is ready (READY=1).".to_owned());
    }
    if let Alongside::Fails { said } = &seen.alongside {
        lines.push(format!("A second one does not come up while the first one runs.{}", last_words(said)));
        lines.extend(quoted(said));
    }
    lines.extend(seen.stops.iter().map(of_stop));
    if serves.speaks_http {
        let is_swapped = matches!(seen.alongside, Alongside::Runs { .. });
        if is_swapped && !seen.stops.iter().any(StopSeen::is_graceful) {
            lines.push(
                "At a deploy no connection is refused, but what is under way in the old one is cut."
                    .to_owned(),
            );
        }
    } else if !seen.stops.is_empty() {
        lines.push(
            "It does not speak HTTP: what becomes of requests that are under way is not known here."
                .to_owned(),
        );
    }
    lines
}

fn binds(serves: &Serves) -> String {
    let shared = if serves.shares_ports { " with SO_REUSEPORT" } else { "" };
    let processes = match serves.processes {
        0 | 1 => String::new(),
        several => format!(", and has {several} processes"),
    };
    format!("It binds {}{shared}{processes}.", list(&serves.addresses))
}

/// Whether it ends, and what becomes of requests.
fn of_stop(stop: &StopSeen) -> String {
    let name = signal_name(stop.signal);
    let Some(after) = stop.ended_after.map(duration::text) else {
        return format!("At {name} it does not end.");
    };
    match (stop.is_graceful(), stop.finishes_half) {
        _ if stop.sent == 0 => format!("At {name} it ends after {after}."),
        (true, true) => format!("At {name} it finishes its requests, and ends after {after}."),
        (true, false) => {
            format!(
                "At {name} it finishes its requests, but for one that has arrived in part, and ends after {after}."
            )
        }
        (false, _) if stop.cut > 0 => format!(
            "At {name} it ends after {after}: of {} requests, it had accepted {} and did not answer them.",
            stop.sent, stop.cut
        ),
        (false, _) => {
            format!("At {name} it ends after {after}, in whatever it does: it does not handle this signal.")
        }
    }
}

fn last_words(said: &[String]) -> &'static str {
    if said.is_empty() { " It printed nothing." } else { " Its last words:" }
}

fn quoted(said: &[String]) -> impl Iterator<Item = String> + '_ {
    said.iter().map(|line| format!("  | {line}"))
}

fn list(addresses: &[serverswap::protocol::Address]) -> String {
    let texts: Vec<String> = addresses.iter().map(ToString::to_string).collect();
    texts.join(", ")
}

/// The same for programs.
pub(super) fn json(seen: &Seen, command: &CommandLine) -> Value {
    let (started, addresses, said, serves) = match &seen.started {
        Started::UsesPackage => ("usesPackage", &[][..], &[][..], None),
        Started::Serves(serves) => ("serves", serves.addresses.as_slice(), &[][..], Some(serves)),
        Started::InBackground => ("inBackground", &[][..], &[][..], None),
        Started::Ended { said, .. } => ("ended", &[][..], said.as_slice(), None),
        Started::NotInTime { addresses, said } => ("notInTime", addresses.as_slice(), said.as_slice(), None),
    };
    let second = match &seen.alongside {
        Alongside::NotTried => Value::Null,
        Alongside::Runs { .. } => json!({ "runs": true }),
        Alongside::Fails { said } => json!({ "runs": false, "said": said }),
    };
    let stops: Vec<Value> = seen.stops.iter().map(stop_json).collect();
    json!({
        "started": started,
        "addresses": addresses,
        "said": said,
        "speaksHttp": serves.map(|serves| serves.speaks_http),
        "saysReady": serves.map(|serves| serves.says_ready),
        "takesSockets": matches!(seen.alongside, Alongside::Runs { takes_sockets: true }),
        "sharesPorts": serves.map(|serves| serves.shares_ports),
        "processes": serves.map(|serves| serves.processes),
        "second": second,
        "stops": stops,
        "options": match seen.verdict() {
            Verdict::Start(options) => json!(options),
            Verdict::No => Value::Null,
        },
        "commandLine": command_line(seen, command),
    })
}

fn stop_json(stop: &StopSeen) -> Value {
    json!({
        "signal": signal_name(stop.signal),
        "handled": stop.is_handled,
        "finishesRequests": (stop.sent > 0).then(|| stop.is_graceful()),
        "finishesPartialRequest": (stop.sent > 0).then_some(stop.finishes_half),
        "sent": stop.sent,
        "cut": stop.cut,
        "endedAfterMs": stop.ended_after.map(|after| after.as_millis() as u64),
    })
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use nix::sys::signal::Signal;

    use super::*;

    fn command() -> CommandLine {
        let words = ["nginx", "-g", "daemon off;"];
        CommandLine::from_words(words.into_iter().map(OsString::from).collect(), None)
    }

    fn seen() -> Seen {
        let serves = Serves {
            addresses: vec![":80".parse().expect("an address")],
            shares_ports: false,
            processes: 5,
            speaks_http: true,
            says_ready: false,
        };
        let stop = |signal, finishes_half| StopSeen {
            signal,
            is_handled: true,
            finishes_half,
            sent: 32,
            cut: 0,
            ended_after: Some(Duration::from_millis(20)),
        };
        Seen {
            started: Started::Serves(serves),
            alongside: Alongside::Runs { takes_sockets: false },
            stops: vec![stop(Signal::SIGTERM, false), stop(Signal::SIGQUIT, true)],
        }
    }

    #[test]
    fn the_last_line_is_the_command_for_a_shell() {
        assert_eq!(
            text(&seen(), &command()),
            "It binds :80, and has 5 processes.\n\
             It takes no socket that is passed to it, so its own is learnt and given to the next one.\n\
             At TERM it finishes its requests, but for one that has arrived in part, and ends after 20 ms.\n\
             At QUIT it finishes its requests, and ends after 20 ms.\n\n\
             Start it, and deploy it, with:\n\
             serverswap --intercept --stop-signal QUIT nginx -g 'daemon off;'\n"
        );
    }

    #[test]
    fn a_server_that_cannot_be_swapped_has_no_command() {
        let started = Started::NotInTime { addresses: Vec::new(), said: Vec::new() };
        let seen = Seen { started, alongside: Alongside::NotTried, stops: Vec::new() };
        assert!(text(&seen, &command()).ends_with("It cannot be swapped as it is.\n"));
        assert_eq!(json(&seen, &command())["commandLine"], Value::Null);
    }

    #[test]
    fn the_object_says_the_same() {
        let stop = |signal: &str, partial: bool| {
            json!({
                "signal": signal, "handled": true, "finishesRequests": true, "finishesPartialRequest": partial,
                "sent": 32, "cut": 0, "endedAfterMs": 20,
            })
        };
        let expected = json!({
            "started": "serves",
            "addresses": [":80"],
            "said": [],
            "speaksHttp": true,
            "saysReady": false,
            "takesSockets": false,
            "sharesPorts": false,
            "processes": 5,
            "second": { "runs": true },
            "stops": [stop("TERM", false), stop("QUIT", true)],
            "options": ["--intercept", "--stop-signal", "QUIT"],
            "commandLine": "serverswap --intercept --stop-signal QUIT nginx -g 'daemon off;'",
        });
        assert_eq!(json(&seen(), &command()), expected);
    }
}
