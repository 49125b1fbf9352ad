//! Durations on the command line: `30s`, `1500ms`, `2m`, `1h30m`, `0`. Any other plain number is refused:
//! what is seconds to one tool is milliseconds to the next.

use std::time::Duration;

/// The longest duration that means anything here: `drainMs` has to fit a JSON integer.
const LONGEST: Duration = Duration::from_secs(366 * 24 * 60 * 60);

/// Reads one.
///
/// # Errors
///
/// What is wrong, and what to write instead.
pub(super) fn duration(text: &str) -> Result<Duration, String> {
    if text == "0" {
        return Ok(Duration::ZERO);
    }
    if !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit() || byte == b'.') {
        return Err(format!("it has no unit; write `{text}s` for seconds or `{text}ms` for milliseconds"));
    }
    let duration = humantime::parse_duration(text)
        .map_err(|_| "write a number and a unit, such as `30s`, `1500ms`, `2m` or `1h30m`".to_owned())?;
    if duration > LONGEST {
        return Err("it is longer than a year".to_owned());
    }
    Ok(duration)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_number_with_a_unit_is_a_duration() {
        let cases =
            [("30s", 30_000), ("1500ms", 1_500), ("2m", 120_000), ("1h30m", 5_400_000), ("0s", 0), ("0", 0)];
        for (text, millis) in cases {
            assert_eq!(duration(text), Ok(Duration::from_millis(millis)), "{text}");
        }
    }

    #[test]
    fn a_plain_number_is_refused_with_what_to_write() {
        let expected = "it has no unit; write `30s` for seconds or `30ms` for milliseconds";
        assert_eq!(duration("30"), Err(expected.to_owned()));
    }

    #[test]
    fn everything_else_is_refused() {
        for text in ["", "soon", "-1s", "s", "1.5.s", "2y", "99999999999999999999s"] {
            assert!(duration(text).is_err(), "{text}");
        }
    }
}
