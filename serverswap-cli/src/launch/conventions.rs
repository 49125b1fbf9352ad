//! By which conventions a server learns the numbers of its descriptors: variables of its environment, and words in
//! its arguments.
//!
//! | convention | what it gets |
//! | --- | --- |
//! | systemd, sd_listen_fds(3) | `LISTEN_FDS`, `LISTEN_FDNAMES`, and `LISTEN_PID`, its own pid |
//! | Server::Starter, start_server(1) | `SERVER_STARTER_PORT`: `8080=3;/run/app.sock=4`, without datagram sockets; `SERVER_STARTER_GENERATION` |
//! | Einhorn | `EINHORN_FD_COUNT`, `EINHORN_FD_0`, `EINHORN_FD_FAMILY_0`, …, `EINHORN_FDS`, and `EINHORN_MASTER_PID`, its parent's pid |
//! | any | `{fd}` and `{fd:NAME}` in its arguments |

use std::ffi::{OsStr, OsString};
use std::os::unix::ffi::{OsStrExt, OsStringExt};

use serverswap::protocol::{Address, Endpoint};

use super::sockets::{PassedSockets, PassedSocketsError};

/// systemd's name for a socket that was given none.
const NO_NAME: &str = "unknown";

impl PassedSockets {
    /// The variables, all but `LISTEN_PID`, which only the process itself knows; `parent` starts the server.
    pub(super) fn variables(&self, parent: u32) -> Vec<(String, String)> {
        if self.is_empty() {
            return Vec::new();
        }
        let count = self.numbered().count().to_string();
        let names: Vec<&str> =
            self.numbered().map(|(_, socket)| socket.name.as_deref().unwrap_or(NO_NAME)).collect();
        let numbers: Vec<String> = self.numbered().map(|(number, _)| number.to_string()).collect();
        let starter: Vec<String> = self
            .numbered()
            .filter_map(|(number, socket)| Some(format!("{}={number}", starter_name(&socket.address)?)))
            .collect();
        let mut variables = vec![
            ("LISTEN_FDS".to_owned(), count.clone()),
            ("LISTEN_FDNAMES".to_owned(), names.join(":")),
            ("SERVER_STARTER_PORT".to_owned(), starter.join(";")),
            ("SERVER_STARTER_GENERATION".to_owned(), "1".to_owned()),
            ("EINHORN_MASTER_PID".to_owned(), parent.to_string()),
            ("EINHORN_FD_COUNT".to_owned(), count),
            ("EINHORN_FDS".to_owned(), numbers.join(" ")),
        ];
        for (index, (number, socket)) in self.numbered().enumerate() {
            variables.push((format!("EINHORN_FD_{index}"), number.to_string()));
            variables.push((format!("EINHORN_FD_FAMILY_{index}"), family(&socket.address).to_owned()));
        }
        variables
    }

    /// The arguments with the numbers of the descriptors in place of `{fd}` and `{fd:NAME}`.
    ///
    /// # Errors
    /// There is no such socket, or `{fd}` could be several.
    pub(crate) fn numbered_arguments(
        &self,
        arguments: &[OsString],
    ) -> Result<Vec<OsString>, PassedSocketsError> {
        arguments.iter().map(|argument| self.numbered_argument(argument)).collect()
    }

    fn numbered_argument(&self, argument: &OsStr) -> Result<OsString, PassedSocketsError> {
        let mut rest = argument.as_bytes();
        let mut written = Vec::with_capacity(rest.len());
        while let Some((before, word, after)) = next_word(rest) {
            written.extend_from_slice(before);
            written.extend_from_slice(self.number(word)?.to_string().as_bytes());
            rest = after;
        }
        written.extend_from_slice(rest);
        Ok(OsString::from_vec(written))
    }

    fn number(&self, word: Word) -> Result<usize, PassedSocketsError> {
        match word {
            Word::TheOnly if self.is_empty() => Err(PassedSocketsError::NoSockets("{fd}".to_owned())),
            Word::Named(name) if self.is_empty() => {
                Err(PassedSocketsError::NoSockets(format!("{{fd:{name}}}")))
            }
            Word::TheOnly => {
                let mut numbers = self.numbered().map(|(number, _)| number);
                match (numbers.next(), numbers.count()) {
                    (Some(number), 0) => Ok(number),
                    (_, others) => Err(PassedSocketsError::Ambiguous(others + 1)),
                }
            }
            Word::Named(name) => {
                self.number_of(name).ok_or_else(|| PassedSocketsError::UnknownName(name.to_owned()))
            }
        }
    }
}

/// What stands for a descriptor in an argument.
enum Word<'a> {
    /// `{fd}`.
    TheOnly,
    /// `{fd:NAME}`.
    Named(&'a str),
}

/// The first one, with what comes before it and after it.
fn next_word(text: &[u8]) -> Option<(&[u8], Word<'_>, &[u8])> {
    let starts = (0..text.len()).filter(|start| text[*start..].starts_with(b"{fd"));
    starts.into_iter().find_map(|start| {
        let length = text[start..].iter().position(|byte| *byte == b'}')?;
        let word = match std::str::from_utf8(&text[start + 3..start + length]).ok()? {
            "" => Word::TheOnly,
            name => Word::Named(name.strip_prefix(':')?),
        };
        Some((&text[..start], word, &text[start + length + 1..]))
    })
}

/// As `start_server --port` or `--path` has it.
fn starter_name(address: &Address) -> Option<String> {
    match address {
        Address::Tcp(Endpoint::Any { port }) => Some(port.to_string()),
        Address::Tcp(Endpoint::Ip(socket)) => Some(socket.to_string()),
        Address::Unix(path) => Some(path.display().to_string()),
        Address::Udp(_) | Address::Name(_) => None,
    }
}

fn family(address: &Address) -> &'static str {
    match address {
        Address::Tcp(Endpoint::Ip(socket)) | Address::Udp(Endpoint::Ip(socket)) if socket.is_ipv4() => {
            "AF_INET"
        }
        Address::Tcp(_) | Address::Udp(_) => "AF_INET6",
        Address::Unix(_) | Address::Name(_) => "AF_UNIX",
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use super::*;

    fn sockets(texts: &[&str]) -> PassedSockets {
        let sockets = texts.iter().map(|text| text.parse().expect("a socket")).collect();
        PassedSockets::new(sockets).expect("sound")
    }

    fn arguments(sockets: &PassedSockets, words: &[&str]) -> Result<Vec<String>, PassedSocketsError> {
        let words: Vec<OsString> = words.iter().map(OsString::from).collect();
        let numbered = sockets.numbered_arguments(&words)?;
        Ok(numbered.iter().map(|word| word.to_string_lossy().into_owned()).collect())
    }

    #[test]
    fn every_convention_names_the_same_descriptors() {
        let sockets = sockets(&["web=:8080", "127.0.0.1:9090", "unix:/run/a.sock", "dns=udp::53"]);
        let variables: BTreeMap<_, _> = sockets.variables(7).into_iter().collect();
        let expected = [
            ("EINHORN_FDS", "3 4 5 6"),
            ("EINHORN_FD_0", "3"),
            ("EINHORN_FD_1", "4"),
            ("EINHORN_FD_2", "5"),
            ("EINHORN_FD_3", "6"),
            ("EINHORN_FD_COUNT", "4"),
            ("EINHORN_FD_FAMILY_0", "AF_INET6"),
            ("EINHORN_FD_FAMILY_1", "AF_INET"),
            ("EINHORN_FD_FAMILY_2", "AF_UNIX"),
            ("EINHORN_FD_FAMILY_3", "AF_INET6"),
            ("EINHORN_MASTER_PID", "7"),
            ("LISTEN_FDNAMES", "web:unknown:unknown:dns"),
            ("LISTEN_FDS", "4"),
            ("SERVER_STARTER_GENERATION", "1"),
            ("SERVER_STARTER_PORT", "8080=3;127.0.0.1:9090=4;/run/a.sock=5"),
        ];
        let expected = expected.map(|(name, value)| (name.to_owned(), value.to_owned()));
        assert_eq!(variables, expected.into());
    }

    #[test]
    fn a_server_without_a_socket_is_told_of_none() {
        assert_eq!(PassedSockets::default().variables(7), []);
    }

    #[test]
    fn the_number_of_a_descriptor_is_written_into_the_arguments() {
        let one = sockets(&["web=:8080"]);
        let words = ["--fd", "{fd}", "fd://{fd:web}/{fd}", "{fdx}", "{fd", "{}", "a"];
        let expected = ["--fd", "3", "fd://3/3", "{fdx}", "{fd", "{}", "a"].map(str::to_owned);
        assert_eq!(arguments(&one, &words), Ok(expected.into()));
        let two = sockets(&["web=:8080", "admin=:9090"]);
        assert_eq!(arguments(&two, &["{fd:admin},{fd:web}"]), Ok(vec!["4,3".to_owned()]));
    }

    #[test]
    fn a_number_without_a_socket_is_refused() {
        let none = PassedSockets::default();
        let error = |sockets: &PassedSockets, word| arguments(sockets, &[word]).expect_err("there is none");
        assert_eq!(error(&none, "{fd}"), PassedSocketsError::NoSockets("{fd}".to_owned()));
        assert_eq!(error(&none, "x{fd:web}"), PassedSocketsError::NoSockets("{fd:web}".to_owned()));
        let two = sockets(&["web=:8080", ":9090"]);
        assert_eq!(error(&two, "{fd:db}"), PassedSocketsError::UnknownName("db".to_owned()));
        assert_eq!(error(&two, "{fd}"), PassedSocketsError::Ambiguous(2));
    }

    #[test]
    fn what_is_no_text_stays_as_it_is() {
        let word = OsString::from_vec(b"\xff{fd}\xfe".to_vec());
        let numbered = sockets(&[":8080"]).numbered_arguments(&[word]).expect("one socket");
        assert_eq!(numbered, [OsString::from_vec(b"\xff3\xfe".to_vec())]);
    }
}
