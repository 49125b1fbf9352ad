//! Why a server that does not speak the protocol cannot become ready.

use serde::Serialize;
use serverswap::protocol::Address;
use serverswap::protocol::message::Code;

use super::grammar;
use crate::readiness::ReadyOption;

/// The reason.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(tag = "code", rename_all = "snake_case")]
pub enum NotReady {
    /// A socket that it was to be passed was not granted.
    NotGranted {
        /// Of which address.
        address: Address,
        /// Why, for programs.
        #[serde(rename = "cause")]
        code: Code,
        /// Why, for people.
        message: String,
    },
    /// It is said to be ready, and nobody waits for connections.
    DoesNotListen {
        /// At which addresses; none if it is intercepted and has bound none.
        addresses: Vec<Address>,
        /// What has said so.
        #[serde(skip)]
        said: ReadyOption,
    },
}

impl NotReady {
    /// What is wrong with `server`, as it is named in messages.
    pub(super) fn text(&self, server: &str) -> String {
        match self {
            NotReady::NotGranted { address, code, message } => {
                format!("{server} was not executed: {}", grammar::claim_failed(address, code, message))
            }
            NotReady::DoesNotListen { addresses, said } => {
                let said = match said {
                    ReadyOption::Either | ReadyOption::Notify | ReadyOption::Listening => {
                        "said READY=1".to_owned()
                    }
                    ReadyOption::Exec(command) => format!("is ready according to `{command}`"),
                    ReadyOption::After(after) => {
                        format!("has run for {}", super::duration::text(*after))
                    }
                };
                match addresses.as_slice() {
                    [] => format!("{server} {said}, but does not listen anywhere"),
                    addresses => {
                        format!(
                            "{server} {said}, but does not listen on the socket of {}",
                            grammar::list(addresses)
                        )
                    }
                }
            }
        }
    }
}

/// Where a server that was passed a socket finds it.
pub(super) const TAKE_THE_SOCKET: &str = "the server has to use the descriptor that it is passed: it is 3, as in \
     `LISTEN_FDS`, `SERVER_STARTER_PORT` and `EINHORN_FD_0`, \
     and `{fd}` in its arguments becomes the number";
