//! Wraps a client of the serverswap protocol for serverswap-conformance.
//!
//! Commands come on standard input, replies and events go to standard output, one JSON object a line; logs go to standard
//! error. The words are explained in conformance/contract/v1/README.md. What is missing here is marked with "your client".

use std::env;
use std::io::{self, BufRead, Write};

use serde_json::{Value, json};

// your client: use it here.

/// A command that failed: a code of the protocol, or `already_claimed`, `not_held`, `not_inheritable`,
/// `invalid_address`, `failed` or `forked`; and words for people.
struct Failure(&'static str, String);

fn write(line: &Value) {
    writeln!(io::stdout(), "{line}").expect("somebody reads standard output");
}

/// What comes of a command later: `event("granted", json!({"op": op, "address": ":8080", "listener": true}))`.
#[allow(dead_code)]
fn event(kind: &str, mut fields: Value) {
    fields["event"] = json!(kind);
    write(&fields);
}

/// The further fields of the reply; `None`: the command is not written yet.
fn run(command: &Value) -> Result<Option<Value>, Failure> {
    Ok(Some(match command["cmd"].as_str().unwrap_or_default() {
        "hello" => {
            let client = json!({"name": "your-client", "version": "0.1.0", "language": "rust"});
            // level: what you claim, 0 to 3. supports: codec, inherit, serve, fork, reconnect, more, as far as you are.
            json!({"contract": 1, "client": client, "protocol": [1], "level": 1, "supports": []})
        }
        // your client: set it up from the environment, and have its outcomes call event().
        "connect" => {
            json!({"supervised": env::var("SERVERSWAP_SOCKET").is_ok_and(|path| !path.is_empty())})
        }
        // your client: process everything that is readable now, and write every event that follows, before this returns.
        "sync" => json!({}),
        // your client: drop it, so that its connection closes; if there is none, there is nothing to do.
        "close" => json!({}),
        // your client: an arm for each further command.
        //
        // "readyFor" => {
        //     let inherit = command["socket"] == "inherit";
        //     claim(command["address"].as_str().unwrap_or_default(), inherit, command["more"] == true)?;
        //     json!({})
        // }
        _ => return Ok(None),
    }))
}

fn answer(command: &Value) -> Value {
    let mut reply = match run(command) {
        Ok(Some(mut fields)) => {
            fields["ok"] = json!(true);
            fields
        }
        Ok(None) => {
            json!({"unsupported": true, "why": format!("{} is not written yet", command["cmd"])})
        }
        Err(Failure(code, message)) => json!({"errored": true, "code": code, "message": message}),
    };
    reply["seq"] = command["seq"].clone();
    reply
}

fn main() {
    for line in io::stdin().lock().lines() {
        let line = line.expect("standard input is readable");
        write(&answer(
            &serde_json::from_str(&line).expect("the suite writes JSON"),
        ));
    }
    // your client: close everything. The end of standard input is the end of the driver, with status 0 within 2 seconds.
}
