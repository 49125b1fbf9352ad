//! What was seen of a server, and which options follow from it. Pure.

use std::collections::BTreeSet;
use std::time::Duration;

use nix::sys::signal::Signal;
use serverswap::protocol::Address;

use super::request::Gist;

/// Everything that was seen.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Seen {
    /// What the first start came to.
    pub(super) started: Started,
    /// What a second one came to, while the first one ran.
    pub(super) alongside: Alongside,
    /// How it ended, for each signal that was tried.
    pub(super) stops: Vec<StopSeen>,
}

/// What a start came to.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Started {
    /// It uses the package of serverswap.
    UsesPackage,
    /// It serves.
    Serves(Serves),
    /// It went into the background.
    InBackground,
    /// It ended by itself.
    Ended { status: i32, said: Vec<String> },
    /// It did not serve in time; these addresses are bound.
    NotInTime { addresses: Vec<Address>, has_random_port: bool, said: Vec<String> },
}

/// A server that serves.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Serves {
    /// At which addresses it has answered, in the order of its binds, and what tells these answers apart.
    pub(super) served: Vec<(Address, Gist)>,
    /// Its UDP sockets that have their port for themselves.
    pub(super) datagrams: Vec<Address>,
    /// Its UDP sockets that share it: every version binds its own.
    pub(super) shared_datagrams: Vec<Address>,
    /// Whether it listens at a port that the kernel has chosen, too.
    pub(super) has_random_port: bool,
    /// What it has answered at each listener that it was given.
    pub(super) given: Vec<Option<Gist>>,
    /// Whether it has sockets at one address, with SO_REUSEPORT, or may have.
    pub(super) shares_ports: bool,
    /// How many processes it has.
    pub(super) processes: usize,
    /// Whether HTTP is spoken at one of them.
    pub(super) speaks_http: bool,
    /// Whether it has said `READY=1` (sd_notify(3)).
    pub(super) says_ready: bool,
}

/// Whether two of it run at the same time.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Alongside {
    /// It was not tried.
    NotTried,
    /// They do.
    Runs {
        /// Whether the second one took the sockets that it was passed.
        takes: TakesSockets,
    },
    /// The second one did not come up.
    Fails {
        /// Its last words.
        said: Vec<String>,
    },
}

/// Whether a server takes sockets that are passed to it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum TakesSockets {
    /// Not all of them.
    No,
    /// It accepts in blocking mode, and those of `--socket` are non-blocking.
    Blocking,
    /// Each for the address that it is of.
    InOrder,
    /// All of them; which one it takes for which address is not seen.
    InSomeOrder,
}

impl Serves {
    /// What is handed over, in the order of the binds.
    pub(super) fn addresses(&self) -> Vec<Address> {
        let served = self.served.iter().map(|(address, _)| address);
        served.chain(&self.datagrams).cloned().collect()
    }

    /// What can be passed to see whether it takes it: everything that it serves, or nothing.
    pub(super) fn passable(&self) -> Vec<Address> {
        if self.datagrams.is_empty() { self.addresses() } else { Vec::new() }
    }

    /// How `second`, which was passed sockets with these addresses, has taken them.
    pub(super) fn taken_by(&self, second: &Serves) -> TakesSockets {
        let Some(given) = second.given.iter().cloned().collect::<Option<Vec<Gist>>>() else {
            return TakesSockets::No;
        };
        let own: Vec<&Gist> = self.served.iter().map(|(_, gist)| gist).collect();
        let is_told_apart = own.iter().collect::<BTreeSet<_>>().len() == own.len();
        match given.as_slice() {
            [] => TakesSockets::No,
            [_] => TakesSockets::InOrder,
            [_, ..] if is_told_apart && given.iter().eq(own) => TakesSockets::InOrder,
            [_, ..] => TakesSockets::InSomeOrder,
        }
    }
}

/// How a server ended at a signal.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct StopSeen {
    /// The signal.
    pub(super) signal: Signal,
    /// Whether the server handles it: one that does not is ended by the kernel, in whatever it does.
    pub(super) is_handled: bool,
    /// Whether it answered a request of which half had arrived.
    pub(super) finishes_half: bool,
    /// How many requests were sent just before the signal.
    pub(super) sent: usize,
    /// How many of those it accepted and did not answer.
    pub(super) cut: usize,
    /// Until it had ended; `None` if it went on.
    pub(super) ended_after: Option<Duration>,
}

/// What to do.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Verdict {
    /// Start it with these options.
    Start(Vec<String>),
    /// It cannot be swapped, or nothing can be said about it.
    No,
}

impl StopSeen {
    /// The same, seen once more.
    pub(super) fn and(self, again: StopSeen) -> StopSeen {
        StopSeen {
            sent: self.sent + again.sent,
            cut: self.cut + again.cut,
            ended_after: self.ended_after.zip(again.ended_after).map(|(one, other)| one.max(other)),
            ..self
        }
    }

    /// Whether the server finishes what is under way, and ends.
    pub(super) fn is_graceful(&self) -> bool {
        self.ended_after.is_some() && self.cut == 0 && (self.finishes_half || self.is_handled)
    }

    /// Whether no other signal can do better.
    pub(super) fn is_best(&self) -> bool {
        self.is_graceful() && (self.finishes_half || self.sent == 0)
    }

    /// Whether stopping it once more would tell nothing new: that it finishes whole requests and no partial one may be
    /// luck.
    pub(super) fn is_settled(&self) -> bool {
        self.is_best() || !self.is_graceful()
    }
}

impl Seen {
    /// What follows.
    pub(super) fn verdict(&self) -> Verdict {
        let (serves, takes) = match (&self.started, &self.alongside) {
            (Started::UsesPackage, _) => return Verdict::Start(Vec::new()),
            (Started::Serves(serves), Alongside::Runs { takes }) if !serves.addresses().is_empty() => {
                (serves, *takes)
            }
            (
                Started::Serves(_)
                | Started::InBackground
                | Started::Ended { .. }
                | Started::NotInTime { .. },
                _,
            ) => return Verdict::No,
        };
        let mut options = match takes {
            TakesSockets::InOrder => {
                let addresses = serves.addresses().into_iter();
                addresses.flat_map(|address| ["--socket".to_owned(), address.to_string()]).collect()
            }
            TakesSockets::No | TakesSockets::Blocking | TakesSockets::InSomeOrder => {
                vec!["--intercept".to_owned()]
            }
        };
        if let Some(stop) = self.better_stop() {
            options.extend(["--stop-signal".to_owned(), signal_name(stop.signal)]);
        }
        Verdict::Start(options)
    }

    /// A signal at which it finishes more than at TERM, or ends at all.
    fn better_stop(&self) -> Option<&StopSeen> {
        let find = |is_good: fn(&StopSeen) -> bool| self.stops.iter().find(|stop| is_good(stop));
        let best = find(StopSeen::is_best)
            .or_else(|| find(StopSeen::is_graceful))
            .or_else(|| find(|stop| stop.ended_after.is_some()));
        best.filter(|stop| stop.signal != Signal::SIGTERM)
    }
}

/// As `--stop-signal` has it.
pub(super) fn signal_name(signal: Signal) -> String {
    signal.as_str().trim_start_matches("SIG").to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn serves(addresses: &[(&str, &str)], given: &[Option<&str>]) -> Serves {
        let gist = |text: &str| Gist::of(text.as_bytes());
        let served = addresses.iter().map(|(at, says)| (at.parse().expect("an address"), gist(says)));
        Serves {
            served: served.collect(),
            datagrams: Vec::new(),
            shared_datagrams: Vec::new(),
            has_random_port: false,
            given: given.iter().map(|says| says.map(gist)).collect(),
            shares_ports: false,
            processes: 1,
            speaks_http: true,
            says_ready: false,
        }
    }

    fn serving(addresses: &[&str], takes: TakesSockets, stops: &[(Signal, bool)]) -> Seen {
        let addresses: Vec<(&str, &str)> = addresses.iter().map(|address| (*address, *address)).collect();
        let stop = |(signal, finishes): &(Signal, bool)| StopSeen {
            signal: *signal,
            is_handled: true,
            finishes_half: *finishes,
            sent: 32,
            cut: if *finishes { 0 } else { 1 },
            ended_after: Some(Duration::ZERO),
        };
        Seen {
            started: Started::Serves(serves(&addresses, &[])),
            alongside: Alongside::Runs { takes },
            stops: stops.iter().map(stop).collect(),
        }
    }

    fn options(seen: &Seen) -> Option<String> {
        match seen.verdict() {
            Verdict::Start(options) => Some(options.join(" ")),
            Verdict::No => None,
        }
    }

    #[test]
    fn a_server_that_takes_no_sockets_is_intercepted() {
        let seen = serving(&[":80"], TakesSockets::No, &[(Signal::SIGTERM, true)]);
        assert_eq!(options(&seen).as_deref(), Some("--intercept"));
    }

    #[test]
    fn a_server_that_takes_sockets_is_passed_its_own() {
        let seen = serving(&["127.0.0.1:80"], TakesSockets::InOrder, &[(Signal::SIGTERM, true)]);
        assert_eq!(options(&seen).as_deref(), Some("--socket 127.0.0.1:80"));
        let several = serving(&[":80", ":443"], TakesSockets::InOrder, &[(Signal::SIGTERM, true)]);
        assert_eq!(options(&several).as_deref(), Some("--socket :80 --socket :443"));
        for takes in [TakesSockets::InSomeOrder, TakesSockets::Blocking] {
            let several = serving(&[":80", ":443"], takes, &[(Signal::SIGTERM, true)]);
            assert_eq!(options(&several).as_deref(), Some("--intercept"), "{takes:?}");
        }
    }

    #[test]
    fn which_socket_a_server_takes_for_which_address_is_told_by_its_answers() {
        let taken =
            |own: &[(&str, &str)], given: &[Option<&str>]| serves(own, &[]).taken_by(&serves(&[], given));
        let (own, alike) = ([(":80", "web"), (":81", "admin")], [(":80", "web"), (":81", "web")]);
        assert_eq!(taken(&own, &[Some("web"), Some("admin")]), TakesSockets::InOrder);
        assert_eq!(taken(&own, &[Some("admin"), Some("web")]), TakesSockets::InSomeOrder);
        assert_eq!(taken(&alike, &[Some("web"), Some("web")]), TakesSockets::InSomeOrder);
        assert_eq!(taken(&own, &[Some("web"), None]), TakesSockets::No);
        assert_eq!(taken(&own[..1], &[Some("else")]), TakesSockets::InOrder);
        assert_eq!(taken(&own, &[]), TakesSockets::No);
    }

    #[test]
    fn a_server_of_datagrams_is_intercepted_and_passed_nothing() {
        let mut seen = serving(&[":80"], TakesSockets::No, &[(Signal::SIGTERM, true)]);
        if let Started::Serves(serves) = &mut seen.started {
            serves.datagrams.push("udp::53".parse().expect("an address"));
            assert_eq!(serves.addresses().len(), 2);
            assert!(serves.passable().is_empty());
        }
        assert_eq!(options(&seen).as_deref(), Some("--intercept"));
    }

    #[test]
    fn the_signal_at_which_it_finishes_its_requests_is_named_if_it_is_not_term() {
        let stops = [(Signal::SIGTERM, false), (Signal::SIGQUIT, true)];
        assert_eq!(
            options(&serving(&[":80"], TakesSockets::No, &stops)).as_deref(),
            Some("--intercept --stop-signal QUIT")
        );
        let stops = [(Signal::SIGTERM, false), (Signal::SIGQUIT, false)];
        assert_eq!(options(&serving(&[":80"], TakesSockets::No, &stops)).as_deref(), Some("--intercept"));
        let mut seen =
            serving(&[":80"], TakesSockets::No, &[(Signal::SIGTERM, true), (Signal::SIGQUIT, true)]);
        assert_eq!(options(&seen).as_deref(), Some("--intercept"));
        seen.stops[0].finishes_half = false;
        assert_eq!(options(&seen).as_deref(), Some("--intercept --stop-signal QUIT"), "as of nginx");
    }

    #[test]
    fn a_signal_at_which_it_ends_is_named_if_it_does_not_at_term() {
        let mut seen =
            serving(&[":80"], TakesSockets::No, &[(Signal::SIGTERM, false), (Signal::SIGINT, false)]);
        seen.stops[0].ended_after = None;
        assert_eq!(options(&seen).as_deref(), Some("--intercept --stop-signal INT"));
        seen.stops[1].ended_after = None;
        assert_eq!(options(&seen).as_deref(), Some("--intercept"));
    }

    #[test]
    fn a_signal_that_the_server_does_not_handle_ends_it_in_whatever_it_does() {
        let mut seen = serving(&[":80"], TakesSockets::No, &[(Signal::SIGTERM, true)]);
        seen.stops[0].finishes_half = false;
        assert!(seen.stops[0].is_graceful(), "it drops what has not arrived, and nothing else");
        seen.stops[0].is_handled = false;
        assert!(!seen.stops[0].is_graceful(), "it was lucky");
    }

    #[test]
    fn a_server_of_which_two_cannot_run_is_not_swapped() {
        let mut seen = serving(&["127.0.0.1:5432"], TakesSockets::No, &[]);
        seen.alongside = Alongside::Fails { said: vec!["lock file exists".to_owned()] };
        assert_eq!(options(&seen), None);
    }

    #[test]
    fn a_server_with_the_package_needs_no_option() {
        let seen = Seen { started: Started::UsesPackage, ..serving(&[], TakesSockets::No, &[]) };
        assert_eq!(options(&seen).as_deref(), Some(""));
    }
}
