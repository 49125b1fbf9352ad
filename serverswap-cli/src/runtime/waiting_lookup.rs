//! What the kernel knows about what a command waits for: where a server without a claim listens, and how
//! many connections servers have that do not report it.

use std::collections::BTreeMap;

use serverswap::protocol::{Address, Generation};
use serverswap::sys::listener::addresses_of;
use serverswap::sys::process::generation_members;

use super::look::Look;
use super::server::connections_of;
use crate::supervisor::Due;
use crate::ui::{EndingServer, WaitingFor};

/// Most listeners of one server without a claim that are shown.
const LISTENERS_MAX: usize = 8;

/// The lookups of one supervisor.
pub(super) struct WaitingLookup {
    look: Look<Found>,
}

/// What was found.
pub(super) struct Found {
    /// What it was looked for.
    pub(super) due: Due,
    /// The listeners of a server without a claim, and the process that has each.
    pub(super) listens: BTreeMap<Address, u32>,
    /// By the pid of the server.
    connections: BTreeMap<u32, u64>,
}

/// A server that is to exit, and does not report its connections.
struct Unreported {
    pid: u32,
    generation: Generation,
    addresses: Vec<Address>,
}

impl WaitingLookup {
    pub(super) fn new() -> Self {
        WaitingLookup { look: Look::new() }
    }

    /// Begins if there is anything to be found, and returns whether it did; `generation` is the supervisor's, and
    /// `addresses_of` those of a server that is to exit.
    pub(super) fn start(
        &mut self,
        due: Due,
        what: &WaitingFor,
        generation: Generation,
        addresses_of: impl Fn(u32) -> Vec<Address>,
    ) -> bool {
        match what {
            WaitingFor::Claim { pid, .. } => {
                let pid = *pid;
                self.look.start(move || Found {
                    due,
                    listens: listeners(generation, pid),
                    connections: BTreeMap::new(),
                })
            }
            WaitingFor::Exit { servers } | WaitingFor::Grant { releasing: servers, .. } => {
                let unknown = servers.iter().filter(|server| server.connections.is_none());
                let unknown: Vec<Unreported> =
                    unknown.map(|server| Unreported::of(server, &addresses_of)).collect();
                let is_any = !unknown.is_empty();
                let look = move || Found {
                    due,
                    listens: BTreeMap::new(),
                    connections: unknown.iter().filter_map(Unreported::connections).collect(),
                };
                is_any && self.look.start(look)
            }
            WaitingFor::Arbiter { .. }
            | WaitingFor::Serving { .. }
            | WaitingFor::ServerUp { .. }
            | WaitingFor::Probation { .. }
            | WaitingFor::Leftovers { .. }
            | WaitingFor::Restart { .. }
            | WaitingFor::Successor { .. }
            | WaitingFor::OlderGenerations => false,
        }
    }

    /// Waits for what is found, if a look runs. Nothing is lost when it is cancelled.
    pub(super) async fn found(&mut self) -> Found {
        self.look.found().await
    }
}

impl Found {
    /// Adds what was found to what is waited for now.
    pub(super) fn complete(&self, what: &mut WaitingFor) {
        match what {
            WaitingFor::Claim { listens, .. } => *listens = self.listens.keys().cloned().collect(),
            WaitingFor::Exit { servers } | WaitingFor::Grant { releasing: servers, .. } => {
                for server in servers {
                    let found = self.connections.get(&server.pid).copied();
                    server.connections = server.connections.or(found);
                }
            }
            WaitingFor::Arbiter { .. }
            | WaitingFor::Serving { .. }
            | WaitingFor::ServerUp { .. }
            | WaitingFor::Probation { .. }
            | WaitingFor::Leftovers { .. }
            | WaitingFor::Restart { .. }
            | WaitingFor::Successor { .. }
            | WaitingFor::OlderGenerations => {}
        }
    }
}

/// Of several processes that share a listener the one with the lowest pid: the parent comes before its workers.
fn listeners(generation: Generation, server: u32) -> BTreeMap<Address, u32> {
    let mut found = BTreeMap::new();
    for (process, pidfd) in generation_members(generation, &[server]).unwrap_or_default() {
        for address in addresses_of(process, &pidfd).unwrap_or_default() {
            let is_shown = match address {
                Address::Tcp(_) | Address::Unix(_) => found.len() < LISTENERS_MAX,
                // A datagram socket may be a client's.
                Address::Udp(_) | Address::Name(_) => false,
            };
            if is_shown {
                let pid = found.entry(address).or_insert(process.pid);
                *pid = process.pid.min(*pid);
            }
        }
    }
    found
}

impl Unreported {
    fn of(server: &EndingServer, addresses_of: impl Fn(u32) -> Vec<Address>) -> Unreported {
        let (pid, generation) = (server.pid, server.generation);
        Unreported { pid, generation, addresses: addresses_of(pid) }
    }

    fn connections(&self) -> Option<(u32, u64)> {
        Some((self.pid, connections_of(self.generation, self.pid, &self.addresses)?))
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    const GENERATION: Generation = Generation { start: 1, pid: 1 };

    fn ending(pid: u32, connections: Option<u64>) -> EndingServer {
        let (signal, remaining) = (None, Some(Duration::from_secs(20)));
        EndingServer { pid, generation: GENERATION, connections, signal, remaining }
    }

    fn found(connections: &[(u32, u64)]) -> Found {
        let listens = [(":8080".parse().expect("an address"), 7)].into();
        Found { due: Due::Remind, listens, connections: connections.iter().copied().collect() }
    }

    #[test]
    fn what_a_server_reports_goes_before_what_the_kernel_counts() {
        let mut what =
            WaitingFor::Exit { servers: vec![ending(7, Some(2)), ending(8, None), ending(9, None)] };
        found(&[(7, 5), (8, 3)]).complete(&mut what);
        let servers = vec![ending(7, Some(2)), ending(8, Some(3)), ending(9, None)];
        assert_eq!(what, WaitingFor::Exit { servers });
    }

    #[test]
    fn the_listeners_of_a_server_that_has_claimed_meanwhile_are_not_told() {
        let mut what = WaitingFor::ServerUp { pid: 7, remaining: Duration::ZERO };
        found(&[]).complete(&mut what);
        assert_eq!(what, WaitingFor::ServerUp { pid: 7, remaining: Duration::ZERO });
    }
}
