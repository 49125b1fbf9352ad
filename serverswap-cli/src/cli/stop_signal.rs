//! `--stop-signal`.

use nix::sys::signal::Signal;

/// Reads a signal: its name, with or without `SIG`, or its number.
///
/// # Errors
/// There is no such signal, or it cannot be handled.
pub(super) fn stop_signal(text: &str) -> Result<u32, String> {
    let name = text.to_ascii_uppercase();
    let name = if name.starts_with("SIG") { name } else { format!("SIG{name}") };
    let number = match name.parse::<Signal>() {
        Ok(signal) => u32::try_from(signal as i32).ok(),
        Err(_) => text.parse().ok().filter(|number| (1..=64).contains(number)),
    };
    match number {
        Some(number) if number == libc::SIGSTOP as u32 || number == libc::SIGKILL as u32 => {
            Err("it leaves the server no time to finish its requests; KILL follows after the drain anyway"
                .to_owned())
        }
        Some(number) => Ok(number),
        None => Err("write a signal that the server knows, such as TERM, QUIT, INT or USR1".to_owned()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_signal_has_a_name_or_a_number() {
        for text in ["QUIT", "SIGQUIT", "quit", "3"] {
            assert_eq!(stop_signal(text), Ok(3), "{text}");
        }
        assert_eq!(stop_signal("34"), Ok(34));
    }

    #[test]
    fn what_is_no_request_to_end_is_refused() {
        for text in ["", "STOP!", "0", "65", "-1", "KILL", "19"] {
            assert!(stop_signal(text).is_err(), "{text}");
        }
    }
}
