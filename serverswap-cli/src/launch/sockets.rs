//! `--socket`: what a server is passed, and by which name.

use std::str::FromStr;

use serverswap::protocol::{Address, AddressError};

use super::{FIRST_DESCRIPTOR, SOCKETS_MAX};

/// One socket.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct PassedSocket {
    /// In `LISTEN_FDNAMES` and in `{fd:NAME}`, if it has one.
    pub(crate) name: Option<String>,
    /// What it listens at.
    pub(crate) address: Address,
}

/// All of a server's, in the order of their descriptors, which begin with 3.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct PassedSockets(Vec<PassedSocket>);

/// Why sockets cannot be passed as they were asked for.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub(crate) enum PassedSocketsError {
    /// Not an address.
    #[error(transparent)]
    Address(#[from] AddressError),
    /// An exclusive name.
    #[error("`{0}` is a name without a socket: nothing can be passed for it")]
    NoSocket(String),
    /// Two have the same name.
    #[error("two sockets have the name `{0}`")]
    TwoOfOneName(String),
    /// Two have the same address.
    #[error("`{0}` was given twice")]
    TwoOfOneAddress(Address),
    /// More than [`SOCKETS_MAX`].
    #[error("a server is passed at most {SOCKETS_MAX} sockets")]
    TooMany,
    /// `{fd:NAME}` in the arguments, and no socket has that name.
    #[error("no socket has the name `{0}`, which an argument names")]
    UnknownName(String),
    /// `{fd}` in the arguments, and there is no socket.
    #[error("an argument has `{0}` in it, the number of a descriptor, and the server is passed no socket")]
    NoSockets(String),
    /// `{fd}` in the arguments, and there are several sockets.
    #[error("`{{fd}}` in an argument could be any of {0} sockets")]
    Ambiguous(usize),
}

impl PassedSocketsError {
    /// What to write instead.
    pub(crate) fn hint(&self) -> String {
        match self {
            PassedSocketsError::Address(_) | PassedSocketsError::NoSocket(_) => {
                "write `--socket :8080`, `--socket 127.0.0.1:8080`, `--socket unix:/run/app.sock` or `--socket udp::53`, \
                 with a name in front if there are several: `--socket admin=:9090`"
                    .to_owned()
            }
            PassedSocketsError::TwoOfOneName(name) => {
                format!("give each a name of its own: `--socket {name}=… --socket {name}2=…`")
            }
            PassedSocketsError::TwoOfOneAddress(address) => format!("write `--socket {address}` once"),
            PassedSocketsError::TooMany => "start several servers".to_owned(),
            PassedSocketsError::UnknownName(name) => format!("name one: `--socket {name}=:8080`"),
            PassedSocketsError::NoSockets(word) => match word.strip_prefix("{fd:") {
                Some(name) => format!("say which one: `--socket {}=:8080`", name.trim_end_matches('}')),
                None => "say which one: `--socket :8080`".to_owned(),
            },
            PassedSocketsError::Ambiguous(_) => {
                "name them, and write which one: `--socket web=:8080` and `{fd:web}`".to_owned()
            }
        }
    }
}

impl FromStr for PassedSocket {
    type Err = PassedSocketsError;

    /// `[NAME=]ADDRESS`. A path may have a `=` in it, a name has no `:` and no `/`.
    fn from_str(text: &str) -> Result<Self, PassedSocketsError> {
        let (name, address) = match text.split_once('=') {
            Some((name, address)) if is_name(name) => (Some(name.to_owned()), address),
            Some(_) | None => (None, text),
        };
        let address: Address = address.parse()?;
        if !address.has_socket() {
            return Err(PassedSocketsError::NoSocket(address.to_string()));
        }
        Ok(PassedSocket { name, address })
    }
}

/// What sd_listen_fds_with_names(3) and `{fd:NAME}` have room for.
fn is_name(text: &str) -> bool {
    let is_plain = |byte: u8| byte.is_ascii_alphanumeric() || b"._-".contains(&byte);
    !text.is_empty() && text.len() <= 255 && text.bytes().all(is_plain)
}

impl PassedSockets {
    /// # Errors
    /// Two of one name or of one address, or too many.
    pub(crate) fn new(sockets: Vec<PassedSocket>) -> Result<Self, PassedSocketsError> {
        if sockets.len() > SOCKETS_MAX {
            return Err(PassedSocketsError::TooMany);
        }
        for (index, socket) in sockets.iter().enumerate() {
            let before = &sockets[..index];
            if let Some(name) = &socket.name
                && before.iter().any(|other| other.name.as_ref() == Some(name))
            {
                return Err(PassedSocketsError::TwoOfOneName(name.clone()));
            }
            if before.iter().any(|other| other.address == socket.address) {
                return Err(PassedSocketsError::TwoOfOneAddress(socket.address.clone()));
            }
        }
        Ok(PassedSockets(sockets))
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    pub(crate) fn addresses(&self) -> impl Iterator<Item = &Address> {
        self.0.iter().map(|socket| &socket.address)
    }

    /// Each with its descriptor.
    pub(super) fn numbered(&self) -> impl Iterator<Item = (usize, &PassedSocket)> {
        self.0.iter().enumerate().map(|(index, socket)| (FIRST_DESCRIPTOR + index, socket))
    }

    /// The descriptor of the one that has this name.
    pub(super) fn number_of(&self, name: &str) -> Option<usize> {
        let mut numbered = self.numbered();
        numbered.find(|(_, socket)| socket.name.as_deref() == Some(name)).map(|(number, _)| number)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parsed(texts: &[&str]) -> Result<PassedSockets, PassedSocketsError> {
        let sockets = texts.iter().map(|text| text.parse()).collect::<Result<Vec<_>, _>>()?;
        PassedSockets::new(sockets)
    }

    #[test]
    fn a_socket_is_an_address_with_or_without_a_name() {
        let socket = |text: &str| text.parse::<PassedSocket>().expect("a socket");
        let of = |name: Option<&str>, address: &str| PassedSocket {
            name: name.map(str::to_owned),
            address: address.parse().expect("an address"),
        };
        assert_eq!(socket("8080"), of(None, ":8080"));
        assert_eq!(socket("web=:8080"), of(Some("web"), ":8080"));
        assert_eq!(socket("dns=udp::53"), of(Some("dns"), "udp::53"));
        assert_eq!(socket("unix:/run/a=b.sock"), of(None, "unix:/run/a=b.sock"));
        assert_eq!(socket("a=unix:/run/a=b.sock"), of(Some("a"), "unix:/run/a=b.sock"));
    }

    #[test]
    fn the_first_descriptor_is_3_and_a_name_leads_to_its_own() {
        let sockets = parsed(&["web=:8080", "admin=:9090"]).expect("sound");
        assert_eq!([sockets.number_of("web"), sockets.number_of("admin")], [Some(3), Some(4)]);
        assert_eq!(sockets.number_of("other"), None);
    }

    #[test]
    fn what_cannot_be_passed_is_refused() {
        assert_eq!(parsed(&["a=:80", "a=:81"]), Err(PassedSocketsError::TwoOfOneName("a".to_owned())));
        let twice = Err(PassedSocketsError::TwoOfOneAddress(":80".parse().expect("an address")));
        assert_eq!(parsed(&["a=:80", "b=80"]), twice);
        assert_eq!(parsed(&["mailer"]), Err(PassedSocketsError::NoSocket("mailer".to_owned())));
        assert!(matches!(parsed(&["localhost:80"]), Err(PassedSocketsError::Address(_))));
        let many: Vec<String> = (1..=SOCKETS_MAX + 1).map(|port| port.to_string()).collect();
        let many: Vec<&str> = many.iter().map(String::as_str).collect();
        assert_eq!(parsed(&many), Err(PassedSocketsError::TooMany));
    }
}
