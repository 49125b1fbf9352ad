//! What was seen, for people and for programs.

use std::ffi::OsString;

use serde_json::{Value, json};
use serverswap::protocol::Address;

use super::seen::{Alongside, Seen, Serves, Started, StopSeen, TakesSockets, Verdict, signal_name};
use crate::cli::{CommandLine, for_shell, is_own_word};
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
        Started::NotInTime { addresses, has_random_port, said } => {
            lines.push(match (addresses.as_slice(), has_random_port) {
                ([], true) => "It listens only at a port that the kernel chooses, which is another one at each start (port 0), so there is nothing to hand over: give it a port.".to_owned(),
                ([], false) => format!("It binds no TCP or UDP port and no Unix socket in this time, so there is nothing to hand over.{}", last_words(said)),
                ([_, ..], _) => format!(
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
            words.extend(is_own_word(&command.program).then(|| OsString::from("--")));
            words.push(command.program.clone());
            words.extend(command.arguments.iter().cloned());
            Some(for_shell(&words))
        }
        Verdict::No => None,
    }
}

fn of_serving(seen: &Seen, serves: &Serves) -> Vec<String> {
    let mut lines = vec![binds(serves)];
    if !serves.shared_datagrams.is_empty() {
        lines.push(format!(
            "It shares {} (SO_REUSEADDR or SO_REUSEPORT): that is not handed over, for the old and the new one are both bound there.",
            list(&serves.shared_datagrams)
        ));
    }
    if serves.has_random_port {
        lines.push(
            "It also listens at a port that the kernel chooses (port 0): that is not handed over.".to_owned(),
        );
    }
    if let (Alongside::Runs { takes }, [_, ..]) = (&seen.alongside, serves.addresses().as_slice()) {
        lines.push(of_sockets(*takes, &serves.passable()).to_owned());
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

fn of_sockets(takes: TakesSockets, passed: &[Address]) -> &'static str {
    match (takes, passed) {
        (TakesSockets::No, []) => "Its own sockets are learnt and given to the next one.",
        (TakesSockets::No, [_, _, ..]) => {
            "It does not take all the sockets that are passed to it, so its own are learnt and given to the next one."
        }
        (TakesSockets::No, [_]) => {
            "It takes no socket that is passed to it, so its own is learnt and given to the next one."
        }
        (TakesSockets::InOrder, [_, _, ..]) => "It takes the sockets that are passed to it.",
        (TakesSockets::InOrder, _) => "It takes a socket that is passed to it.",
        (TakesSockets::Blocking, _) => {
            "It takes a socket that is passed to it, and accepts in blocking mode. Sockets of --socket are non-blocking, so its own is learnt and given to the next one."
        }
        (TakesSockets::InSomeOrder, _) => {
            "It takes the sockets that are passed to it. Which one it takes for which address cannot be told by its answers, so its own are learnt and given to the next one."
        }
    }
}

fn binds(serves: &Serves) -> String {
    let shared = if serves.shares_ports { " with SO_REUSEPORT" } else { "" };
    let processes = match serves.processes {
        0 | 1 => String::new(),
        several => format!(", and has {several} processes"),
    };
    let addresses = serves.addresses();
    let addresses = if addresses.is_empty() { &serves.shared_datagrams } else { &addresses };
    format!("It binds {}{shared}{processes}.", list(addresses))
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

fn list(addresses: &[Address]) -> String {
    let texts: Vec<String> = addresses.iter().map(ToString::to_string).collect();
    texts.join(", ")
}

/// The same for programs.
pub(super) fn json(seen: &Seen, command: &CommandLine) -> Value {
    let (started, addresses, said, serves) = match &seen.started {
        Started::UsesPackage => ("usesPackage", Vec::new(), &[][..], None),
        Started::Serves(serves) => ("serves", serves.addresses(), &[][..], Some(serves)),
        Started::InBackground => ("inBackground", Vec::new(), &[][..], None),
        Started::Ended { said, .. } => ("ended", Vec::new(), said.as_slice(), None),
        Started::NotInTime { addresses, said, .. } => ("notInTime", addresses.clone(), said.as_slice(), None),
    };
    let has_random_port = match &seen.started {
        Started::Serves(Serves { has_random_port, .. }) | Started::NotInTime { has_random_port, .. } => {
            Some(has_random_port)
        }
        Started::UsesPackage | Started::InBackground | Started::Ended { .. } => None,
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
        "sharedAddresses": serves.map(|serves| &serves.shared_datagrams),
        "hasRandomPort": has_random_port,
        "said": said,
        "speaksHttp": serves.map(|serves| serves.speaks_http),
        "saysReady": serves.map(|serves| serves.says_ready),
        "takesSockets": match &seen.alongside {
            Alongside::Runs { takes } => *takes != TakesSockets::No,
            Alongside::NotTried | Alongside::Fails { .. } => false,
        },
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
    use crate::explain::request::Gist;

    fn of_words<const N: usize>(words: [&str; N]) -> CommandLine {
        CommandLine::from_words(words.into_iter().map(OsString::from).collect(), None)
    }

    fn command() -> CommandLine {
        of_words(["nginx", "-g", "daemon off;"])
    }

    fn served(addresses: &[&str]) -> Vec<(Address, Gist)> {
        addresses.iter().map(|one| (one.parse().expect("an address"), Gist::of(one.as_bytes()))).collect()
    }

    fn serves() -> Serves {
        Serves {
            served: served(&[":80"]),
            datagrams: Vec::new(),
            shared_datagrams: Vec::new(),
            has_random_port: false,
            given: Vec::new(),
            shares_ports: false,
            processes: 5,
            speaks_http: true,
            says_ready: false,
        }
    }

    fn seen() -> Seen {
        let stop = |signal, finishes_half| StopSeen {
            signal,
            is_handled: true,
            finishes_half,
            sent: 32,
            cut: 0,
            ended_after: Some(Duration::from_millis(20)),
        };
        Seen {
            started: Started::Serves(serves()),
            alongside: Alongside::Runs { takes: TakesSockets::No },
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
        let started = Started::NotInTime { addresses: Vec::new(), has_random_port: true, said: Vec::new() };
        let seen = Seen { started, alongside: Alongside::NotTried, stops: Vec::new() };
        let text = text(&seen, &command());
        assert!(text.starts_with("It listens only at a port that the kernel chooses"), "{text}");
        assert!(text.ends_with("It cannot be swapped as it is.\n"), "{text}");
        assert_eq!(json(&seen, &command())["commandLine"], Value::Null);
    }

    #[test]
    fn sockets_in_their_order_are_passed_and_a_program_with_the_name_of_a_command_is_told_from_it() {
        let several = Serves { served: served(&[":80", ":81"]), ..serves() };
        let seen = Seen {
            started: Started::Serves(several),
            alongside: Alongside::Runs { takes: TakesSockets::InOrder },
            stops: Vec::new(),
        };
        let text = text(&seen, &of_words(["status", "-v"]));
        assert!(text.contains("It takes the sockets that are passed to it.\n"), "{text}");
        assert!(text.ends_with("\nserverswap --socket :80 --socket :81 -- status -v\n"), "{text}");
    }

    #[test]
    fn sockets_that_are_not_handed_over_are_said() {
        let address = |text: &str| text.parse::<Address>().expect("an address");
        let others = Serves {
            datagrams: vec![address("udp::53")],
            shared_datagrams: vec![address("udp::5353")],
            has_random_port: true,
            ..serves()
        };
        let text = text(&Seen { started: Started::Serves(others.clone()), ..seen() }, &command());
        for line in [
            "It binds :80, udp::53, and has 5 processes.",
            "It shares udp::5353 (",
            "It also listens at a port that the kernel chooses",
            "Its own sockets are learnt and given to the next one.",
        ] {
            assert!(text.contains(line), "`{line}` is not in {text}");
        }
        let shared_alone = Serves { served: Vec::new(), datagrams: Vec::new(), ..others };
        let seen = Seen { started: Started::Serves(shared_alone), ..seen() };
        assert_eq!(json(&seen, &command())["options"], Value::Null);
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
            "sharedAddresses": [],
            "hasRandomPort": false,
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
