//! Which of the lines that a command and its server wrote are shown: the error itself, however much was written after it.

/// Lines that are shown.
const LINES_SHOWN: usize = 40;

/// Of those, how many from the beginning of the error, if that is further back.
const LINES_OF_ERROR: usize = 24;

/// Lines above the one that names the error of a Node program: the place in its source.
const LINES_ABOVE_ERROR: usize = 4;

/// What begins a report of an error.
const BEGINNINGS: [&str; 5] =
    ["Traceback (most recent call last)", "panic: ", "fatal error: ", "panicked at ", "Exception in thread"];

/// What names one.
const NAMES: [&str; 4] = ["Error: ", "Exception: ", "Fatal error: ", "error: "];

/// The lines that are shown of a text: its end, and the error before it.
pub(super) fn said(text: &str) -> Vec<String> {
    let lines: Vec<&str> = text.lines().collect();
    let last = |count: usize| lines.len().saturating_sub(count);
    let shown = match error(&lines).filter(|begin| *begin < last(LINES_SHOWN)) {
        None => lines[last(LINES_SHOWN)..].to_vec(),
        Some(begin) => {
            let end = &lines[last(LINES_SHOWN - LINES_OF_ERROR)..];
            [&lines[begin..begin + LINES_OF_ERROR], &["…"], end].concat()
        }
    };
    shown.into_iter().map(str::to_owned).collect()
}

/// Where the last error begins. What serverswap says about it comes later and is none of the server's.
fn error(lines: &[&str]) -> Option<usize> {
    let of_server = |line: &str| !line.starts_with("serverswap");
    let begins = |line: &&str| of_server(line) && BEGINNINGS.iter().any(|word| line.contains(word));
    let names = |line: &&str| of_server(line) && NAMES.iter().any(|word| line.contains(word));
    lines.iter().rposition(begins).or_else(|| {
        let named = lines.iter().rposition(names)?;
        Some(named.saturating_sub(LINES_ABOVE_ERROR))
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn log(lines: usize) -> String {
        (0..lines).map(|number| format!("line {number}\n")).collect()
    }

    #[test]
    fn the_end_is_shown_when_nothing_says_error() {
        let shown = said(&log(100));
        assert_eq!((shown.len(), shown[0].as_str(), shown[39].as_str()), (40, "line 60", "line 99"));
    }

    #[test]
    fn an_error_is_shown_however_much_was_written_after_it() {
        let node = "server.js:3\n  connect()\n  ^\n\nError: no database\n    at connect\n";
        let shown = said(&format!("{}{node}{}", log(100), log(200)));
        assert_eq!(shown[..6].join("\n"), node.trim_end());
        assert_eq!(shown.last().map(String::as_str), Some("line 199"));
        let python = "Traceback (most recent call last):\n  File \"x\", line 1\nValueError: no\n";
        assert_eq!(said(&format!("{python}{}", log(200)))[..3].join("\n"), python.trim_end());
    }
}
