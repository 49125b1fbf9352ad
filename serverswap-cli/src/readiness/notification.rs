//! The messages of sd_notify(3).

use std::time::Duration;

/// Longest status that is kept, in characters.
const STATUS_CHARS_MAX: usize = 200;

/// One thing that a message says. What means nothing here (`MAINPID`, `ERRNO`, `WATCHDOG` and what is unknown) is left
/// out.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Notification {
    /// The server is up, or has reloaded.
    Ready,
    /// It loads its configuration anew.
    Reloading,
    /// It is about to end.
    Stopping,
    /// What it does, for people; on one line, shortened, without control characters.
    Status(String),
    /// It needs more time: so long from now.
    ExtendTimeout(Duration),
    /// It would like descriptors to be kept.
    StoreDescriptors,
    /// Its descriptor is to be closed when everything before it was handled.
    Barrier,
}

/// What one message says, in its order.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct Notifications(pub(crate) Vec<Notification>);

impl Notifications {
    /// Reads a message: lines of `NAME=VALUE`. A `BARRIER=1` is the whole message, and has one descriptor.
    pub(crate) fn parse(message: &[u8]) -> Notifications {
        let lines = message.split(|byte| *byte == b'\n').map(String::from_utf8_lossy);
        Notifications(lines.filter_map(|line| notification(&line)).collect())
    }

    /// Whether it is about the server, and not only about the order of messages.
    pub(crate) fn is_use_of_the_protocol(&self) -> bool {
        self.0.iter().any(|one| *one != Notification::Barrier)
    }
}

fn notification(line: &str) -> Option<Notification> {
    let (name, value) = line.split_once('=')?;
    match (name, value) {
        ("READY", "1") => Some(Notification::Ready),
        ("RELOADING", "1") => Some(Notification::Reloading),
        ("STOPPING", "1") => Some(Notification::Stopping),
        ("STATUS", status) => Some(Notification::Status(shown(status))),
        ("EXTEND_TIMEOUT_USEC", micros) => {
            micros.parse().ok().map(Duration::from_micros).map(Notification::ExtendTimeout)
        }
        ("FDSTORE", "1") => Some(Notification::StoreDescriptors),
        ("BARRIER", "1") => Some(Notification::Barrier),
        _ => None,
    }
}

fn shown(status: &str) -> String {
    let plain = status.trim().chars().map(|c| if c.is_control() { ' ' } else { c });
    plain.take(STATUS_CHARS_MAX).collect()
}

#[cfg(test)]
mod tests {
    use super::Notification::*;
    use super::*;

    fn parsed(message: &str) -> Vec<Notification> {
        Notifications::parse(message.as_bytes()).0
    }

    #[test]
    fn a_message_is_read_line_by_line() {
        let message = "READY=1\nSTATUS=Serving :8080\nMAINPID=7\nEXTEND_TIMEOUT_USEC=1500000\n";
        let expected =
            [Ready, Status("Serving :8080".to_owned()), ExtendTimeout(Duration::from_millis(1_500))];
        assert_eq!(parsed(message), expected);
    }

    #[test]
    fn each_word_that_means_something_is_known() {
        assert_eq!(parsed("RELOADING=1\nMONOTONIC_USEC=5"), [Reloading]);
        assert_eq!(parsed("STOPPING=1"), [Stopping]);
        assert_eq!(parsed("FDSTORE=1\nFDNAME=a"), [StoreDescriptors]);
        assert_eq!(parsed("BARRIER=1"), [Barrier]);
    }

    #[test]
    fn what_says_nothing_is_left_out() {
        for message in ["", "READY", "READY=0", "ready=1", "X_OTHER=1", "EXTEND_TIMEOUT_USEC=soon", "\0\0"] {
            assert_eq!(parsed(message), [], "{message}");
        }
    }

    #[test]
    fn a_status_is_one_short_line_without_control_characters() {
        assert_eq!(parsed("STATUS= a\tb\u{1b}[31m "), [Status("a b [31m".to_owned())]);
        let long = format!("STATUS={}", "é".repeat(300));
        assert_eq!(parsed(&long), [Status("é".repeat(STATUS_CHARS_MAX))]);
        let bytes = Notifications::parse(b"STATUS=\xff!").0;
        assert_eq!(bytes, [Status("\u{fffd}!".to_owned())]);
    }

    #[test]
    fn a_barrier_alone_is_no_use_of_the_protocol() {
        assert!(!Notifications::parse(b"BARRIER=1").is_use_of_the_protocol());
        assert!(Notifications::parse(b"STATUS=x\nBARRIER=1").is_use_of_the_protocol());
    }
}
