//! A trace for people: one line each, times relative to the beginning, long lines shortened.
//!
//! What a peer sent may hold anything, so control characters are escaped (SS-SEC-7).

use super::{Party, TraceLine};

/// Characters of a line that are shown.
const SHOWN_CHARS_MAX: usize = 300;

/// The trace, one text for each line.
pub fn excerpt(trace: &[TraceLine]) -> impl Iterator<Item = String> {
    let on = trace.iter().filter_map(|line| line.on.as_ref()).map(|on| on.chars().count()).max().unwrap_or(0);
    trace.iter().map(move |line| text(line, on))
}

fn text(line: &TraceLine, on_width: usize) -> String {
    let millis = milliseconds(line.at_micros);
    let on = line.on.as_deref().unwrap_or("");
    let said = one_line(&line.line);
    let text = format!("{millis:>8} ms  {:<7}  {on:<on_width$}  {said}{}", name(line.from), with(&line.fds));
    text.trim_end().to_owned()
}

fn milliseconds(micros: u64) -> String {
    format!("{}.{}", micros / 1000, micros % 1000 / 100)
}

fn name(party: Party) -> &'static str {
    match party {
        Party::Client => "client",
        Party::Arbiter => "arbiter",
        Party::Driver => "driver",
        Party::Suite => "suite",
    }
}

fn with(fds: &[String]) -> String {
    if fds.is_empty() { String::new() } else { format!("  + {}", fds.join(", ")) }
}

/// What anybody may have written, as one line for people.
pub fn one_line(text: &str) -> String {
    shortened(&escaped(text))
}

/// The text with control characters as `\u{7}`.
pub(super) fn escaped(text: &str) -> String {
    text.chars().fold(String::with_capacity(text.len()), |mut escaped, char| {
        if char.is_control() {
            escaped.extend(char.escape_default())
        } else {
            escaped.push(char)
        }
        escaped
    })
}

fn shortened(text: &str) -> String {
    match text.char_indices().nth(SHOWN_CHARS_MAX) {
        Some((end, _)) => format!("{}… ({} bytes)", &text[..end], text.len()),
        None => text.to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn line(at_micros: u64, from: Party, on: Option<&str>, line: &str, fds: &[&str]) -> TraceLine {
        let fds = fds.iter().map(|&name| name.to_owned()).collect();
        let (on, line) = (on.map(str::to_owned), line.to_owned());
        TraceLine { at_micros, from, on, line, fds, by: None, deliberate: false }
    }

    #[test]
    fn an_excerpt_says_when_who_where_what_and_with_which_descriptors() {
        let trace = [
            line(0, Party::Suite, None, r#"{"seq":1,"cmd":"connect"}"#, &[]),
            line(12_480, Party::Arbiter, Some("a"), r#"{"type":"granted"}"#, &["listener"]),
        ];
        let shown: Vec<String> = excerpt(&trace).collect();
        assert_eq!(
            shown,
            [
                r#"     0.0 ms  suite       {"seq":1,"cmd":"connect"}"#,
                r#"    12.4 ms  arbiter  a  {"type":"granted"}  + listener"#,
            ]
        );
    }

    #[test]
    fn what_would_harm_a_terminal_is_escaped_and_what_would_flood_it_is_cut() {
        let trace = [line(0, Party::Client, Some("a"), &format!("\u{1b}[31m{}", "x".repeat(60_000)), &[])];
        let shown: String = excerpt(&trace).collect();
        assert!(shown.contains(r"\u{1b}[31mxxx") && shown.ends_with("x… (60010 bytes)"), "{shown}");
    }
}
