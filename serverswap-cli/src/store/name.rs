//! The name of a stored listener (`FDNAME=`): ASCII without control characters and without `:`, at most 255 bytes.
//!
//! It tells ours from others', and one address from another. Which address a listener has, the socket itself says.

use std::fmt::Write;

use serverswap::protocol::Address;

/// What every name of ours begins with.
const PREFIX: &str = "serverswap ";

/// Before an address that is written in hexadecimal digits.
const HEXADECIMAL: &str = "hex ";

/// `serverswap 127.0.0.1;8080`, `serverswap unix;/run/app.sock`.
pub(crate) fn of_address(address: &Address) -> String {
    let text = address.to_string();
    let is_plain = text.bytes().all(|byte| matches!(byte, b' '..=b'~') && byte != b';');
    if is_plain {
        return format!("{PREFIX}{}", text.replace(':', ";"));
    }
    // A path in the file system has at most 107 bytes (unix(7)).
    let mut name = format!("{PREFIX}{HEXADECIMAL}");
    for byte in text.bytes() {
        // Writing to a text cannot fail.
        let _ = write!(name, "{byte:02x}");
    }
    name
}

/// Whether serverswap has given it.
pub(crate) fn is_ours(name: &str) -> bool {
    name.starts_with(PREFIX)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn named(address: &str) -> String {
        of_address(&address.parse().expect("an address"))
    }

    #[test]
    fn a_name_has_what_systemd_allows_and_is_of_one_address() {
        assert_eq!(named(":8080"), "serverswap ;8080");
        assert_eq!(named("[::1]:443"), "serverswap [;;1];443");
        assert_eq!(named("udp::53"), "serverswap udp;;53");
        assert_eq!(named("unix:/run/app.sock"), "serverswap unix;/run/app.sock");
        assert_eq!(named("unix:/run/a;b"), "serverswap hex 756e69783a2f72756e2f613b62");
        assert_ne!(named("unix:/run/a:b"), named("unix:/run/a;b"));
        let longest = named(&format!("unix:/{}", "\u{e9}".repeat(53)));
        let is_valid = |byte: u8| matches!(byte, b' '..=b'~') && byte != b':';
        assert!(longest.len() <= 255 && longest.bytes().all(is_valid), "{longest}");
    }

    #[test]
    fn a_name_of_another_is_not_ours() {
        assert!(is_ours(&named(":8080")));
        assert!(!is_ours("shop.socket") && !is_ours("stored") && !is_ours("serverswap"));
    }
}
