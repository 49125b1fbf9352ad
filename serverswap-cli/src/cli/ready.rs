//! `--ready`.

use super::duration::duration;
use crate::readiness::ReadyOption;

/// Reads it.
///
/// # Errors
/// It is none of the four.
pub(super) fn ready(text: &str) -> Result<ReadyOption, String> {
    match text.split_once('=') {
        None if text == "notify" => Ok(ReadyOption::Notify),
        None if text == "listening" => Ok(ReadyOption::Listening),
        Some(("exec", command)) if !command.trim().is_empty() => Ok(ReadyOption::Exec(command.to_owned())),
        Some(("after", time)) => duration(time).map(ReadyOption::After),
        Some(_) | None => {
            Err("write `notify`, `listening`, `exec=COMMAND` or `after=DURATION`, such as `after=5s`"
                .to_owned())
        }
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    #[test]
    fn it_is_one_of_four() {
        assert_eq!(ready("notify"), Ok(ReadyOption::Notify));
        assert_eq!(ready("listening"), Ok(ReadyOption::Listening));
        assert_eq!(ready("exec=test -e a=b"), Ok(ReadyOption::Exec("test -e a=b".to_owned())));
        assert_eq!(ready("after=2s"), Ok(ReadyOption::After(Duration::from_secs(2))));
    }

    #[test]
    fn everything_else_is_refused() {
        for text in ["", "soon", "exec", "exec= ", "after", "after=2", "notify=1"] {
            assert!(ready(text).is_err(), "{text}");
        }
    }
}
