//! Standard output: one JSON object a line, whole, from any thread.

use std::io::Write;

use serde_json::Value;

/// Writes a line and flushes it. Nobody may read any more; then there is nobody to tell.
pub(crate) fn say(line: &Value) {
    let mut out = std::io::stdout().lock();
    let _ = writeln!(out, "{line}").and_then(|()| out.flush());
}
