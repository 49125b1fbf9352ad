//! Who may speak to the arbiter, and what for.
//!
//! The arbiter's own user and root may do everything. Another user is a stranger, with two exceptions that only an
//! arbiter of root makes, because only root can start a server that becomes another user:
//! - a server that was granted something and has changed its user since, known by its pid and start time, comes
//!   back with what it holds, and claims nothing;
//! - a server whose supervisor lives, and is its ancestor by the kernel's word, is a server like any other.
//!
//! A holder of root lets further users take part (`--allow-user`): in images, servers and their supervisors have some user.
//! Such a user has supervisors and servers of his own, each with the generation that it has by the kernel's word: by its number
//! and start, or by who has started it. He cannot have root make a Unix socket for him.
//!
//! What a process shows or says of itself counts for nothing: both could be copied.

use serverswap::protocol::message::{FromClient, Hello, Role};
use serverswap::protocol::{Address, Generation};
use serverswap::sys::process::{Process, ancestors, is_supervisor_of, numbers};

use crate::arbiter::Arbiter;

/// What a client may do.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Rights {
    /// Of the arbiter's own user, or root.
    Everything,
    /// To be a server of this generation.
    Server(Generation),
    /// To be a server of this generation with what it has.
    Holder(Generation),
    /// Of a user whom a holder lets take part.
    Allowed(AllowedProcess),
}

/// A process of a user whom a holder lets take part.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct AllowedProcess {
    /// The user.
    pub(super) user: u32,
    /// Itself, with the number that it has in its own pid namespace.
    pub(super) inside: Process,
    /// The generation of which it is a server, if it is one.
    pub(super) generation: Option<Generation>,
}

impl AllowedProcess {
    /// What the kernel says of it.
    ///
    /// # Errors
    /// It has ended.
    pub(super) fn look(process: Process, user: u32, arbiter: &Arbiter) -> std::io::Result<Self> {
        let number = numbers(process.pid)?.last().copied().unwrap_or(process.pid);
        let generation = match Rights::of_other_user(process, arbiter) {
            Some(Rights::Server(generation) | Rights::Holder(generation)) => Some(generation),
            Some(Rights::Everything | Rights::Allowed(_)) | None => None,
        };
        Ok(AllowedProcess { user, inside: Process { pid: number, ..process }, generation })
    }

    /// A supervisor, and a stand-in, which is one, names the generation that it has started; a server that of which it is.
    fn objection(self, hello: &Hello) -> Option<String> {
        let generation = hello.generation?;
        let is_its_own = match (hello.role, hello.stand_in) {
            (Role::Observer, _) => true,
            (Role::Supervisor, _) | (Role::Server, Some(_)) => is_supervisor_of(self.inside, generation),
            (Role::Server, None) => self.generation == Some(generation),
        };
        (!is_its_own).then(|| format!("generation {generation} is not that of this process"))
    }
}

impl Rights {
    /// Those of a process of another user; `None` for a stranger.
    pub(super) fn of_other_user(process: Process, arbiter: &Arbiter) -> Option<Rights> {
        let started_by = ancestors(process).find_map(|ancestor| {
            let generations = arbiter.generations_of_supervisor(ancestor);
            generations.into_iter().next()
        });
        let returned = || arbiter.generation_of_server(process).map(Rights::Holder);
        started_by.map(Rights::Server).or_else(returned)
    }

    /// Why a `hello` is refused; `had` says whether the arbiter knows that it had an address.
    pub(super) fn objection_to_hello(self, hello: &Hello, had: impl Fn(&Address) -> bool) -> Option<String> {
        match self {
            Rights::Everything => None,
            Rights::Allowed(process) => process.objection(hello),
            Rights::Server(generation) => is_other(hello, generation),
            Rights::Holder(generation) => is_other(hello, generation).or_else(|| {
                let held = hello.holding.iter().map(|holding| &holding.address);
                let unknown = held.chain(&hello.draining).find(|address| !had(address))?;
                Some(format!("a server that has become another user does not hold `{unknown}`"))
            }),
        }
    }

    /// The `id` of a claim that is refused, and why.
    pub(super) fn objection_to_claim(self, message: &FromClient) -> Option<(u64, String)> {
        match self {
            Rights::Everything | Rights::Server(_) => None,
            Rights::Allowed(_) => {
                let FromClient::ReadyFor(claim) = message else { return None };
                let Address::Unix(_) = claim.address else { return None };
                Some((claim.id, format!("`{}` would be made by root: claim a port", claim.address)))
            }
            Rights::Holder(_) => {
                let FromClient::ReadyFor(claim) = message else { return None };
                let address = &claim.address;
                let message =
                    format!("a server that has become another user cannot claim `{address}` any more");
                Some((claim.id, message))
            }
        }
    }
}

fn is_other(hello: &Hello, generation: Generation) -> Option<String> {
    let is_its_server =
        hello.role == Role::Server && hello.generation == Some(generation) && hello.stand_in.is_none();
    (!is_its_server).then(|| format!("this process may only be a server of generation {generation}"))
}

#[cfg(test)]
mod tests {
    use super::*;

    const GENERATION: Generation = Generation { start: 7, pid: 9 };

    fn hello(role: &str, generation: &str, holding: &str, draining: &str) -> Hello {
        let text = format!(
            r#"{{"id":1,"version":1,"client":{{"name":"x","version":"1"}},"role":"{role}","generation":"{generation}",
                "holding":[{holding}],"draining":[{draining}]}}"#
        );
        serde_json::from_str(&text).expect("a hello")
    }

    fn objection(rights: Rights, hello: &Hello) -> Option<String> {
        rights.objection_to_hello(hello, |address| address.to_string() == ":1")
    }

    #[test]
    fn a_server_that_has_become_another_user_comes_back_with_what_it_had_and_nothing_else() {
        let held = |address: &str| format!(r#"{{"address":"{address}","serving":true,"onTakedown":true}}"#);
        let rights = Rights::Holder(GENERATION);
        assert_eq!(objection(rights, &hello("server", "7-9", &held(":1"), "")), None);
        assert_eq!(objection(rights, &hello("server", "7-9", "", r#"":1""#)), None);
        for other in [hello("server", "7-9", &held(":2"), ""), hello("server", "7-9", "", r#"":2""#)] {
            let refused = "a server that has become another user does not hold `:2`";
            assert_eq!(objection(rights, &other).as_deref(), Some(refused));
        }
    }

    #[test]
    fn another_user_is_a_server_of_its_own_generation_and_nothing_else() {
        for rights in [Rights::Server(GENERATION), Rights::Holder(GENERATION)] {
            for other in [hello("server", "7-10", "", ""), hello("supervisor", "7-9", "", "")] {
                let refused = "this process may only be a server of generation 7-9";
                assert_eq!(objection(rights, &other).as_deref(), Some(refused));
            }
        }
        assert_eq!(objection(Rights::Everything, &hello("supervisor", "7-10", "", "")), None);
    }

    #[test]
    fn an_allowed_user_has_supervisors_and_servers_of_his_own_generations_and_no_unix_socket() {
        let inside = Process { pid: 9, start: 0 };
        let allowed = |generation| Rights::Allowed(AllowedProcess { user: 1000, inside, generation });
        assert_eq!(objection(allowed(None), &hello("supervisor", "7-9", "", "")), None);
        assert_eq!(objection(allowed(Some(GENERATION)), &hello("server", "7-9", "", "")), None);
        let refused = "generation 7-10 is not that of this process";
        for role in ["supervisor", "server"] {
            let other = hello(role, "7-10", "", "");
            assert_eq!(objection(allowed(Some(GENERATION)), &other).as_deref(), Some(refused));
        }
        assert!(objection(allowed(None), &hello("server", "7-9", "", "")).is_some());
        let claim = |address: &str| -> FromClient {
            let text = format!(r#"{{"type":"readyFor","id":2,"address":"{address}","socket":"inherit"}}"#);
            serde_json::from_str(&text).expect("a claim")
        };
        assert!(allowed(None).objection_to_claim(&claim(":1")).is_none());
        assert!(allowed(None).objection_to_claim(&claim("unix:/etc/x")).is_some());
    }

    #[test]
    fn only_a_server_whose_supervisor_is_its_ancestor_claims() {
        let claim = r#"{"type":"readyFor","id":2,"address":":1","socket":"inherit"}"#;
        let claim: FromClient = serde_json::from_str(claim).expect("a claim");
        assert!(Rights::Server(GENERATION).objection_to_claim(&claim).is_none());
        assert_eq!(Rights::Holder(GENERATION).objection_to_claim(&claim).map(|(re, _)| re), Some(2));
    }
}
