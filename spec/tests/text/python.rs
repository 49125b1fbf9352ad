//! The Python client of the text, as it stands there, with its server against a scripted arbiter with
//! real descriptors. The conformance suite runs it, too.

use std::path::PathBuf;
use std::process::{Command, Stdio};

use serde_json::{Map, Value};
use serverswap_protocol::trace::{Side, check};

use crate::committed::{DIRECTIONS, Schemas, spec};
use crate::fences::blocks;

/// The blocks of the text as one module.
fn client() -> PathBuf {
    let module = PathBuf::from(env!("CARGO_TARGET_TMPDIR")).join("text_client.py");
    std::fs::write(&module, blocks("python").join("\n\n")).expect("a writable folder");
    module
}

/// Runs a script with the client's folder to import from; its standard output.
fn run(script: &str) -> String {
    let module = client();
    let output = Command::new("python3")
        .arg("-B")
        .arg(spec("tests/text").join(script))
        .arg(spec("v1/vectors"))
        .env("PYTHONPATH", module.parent().expect("a folder"))
        .stderr(Stdio::inherit())
        .output()
        .expect("python3 is installed");
    assert!(output.status.success(), "{script}: {}", output.status);
    String::from_utf8(output.stdout).expect("UTF-8")
}

#[test]
fn the_client_of_the_text_is_small() {
    let lines = blocks("python")[0].lines().filter(|line| !line.trim().is_empty()).count();
    assert!(lines < 210, "{lines}");
}

#[test]
fn the_server_of_the_text_survives_a_change_of_arbiter_and_its_lines_conform() {
    let [client, arbiter] = DIRECTIONS.map(Schemas::of);
    let mut connections = 0;
    for conversation in run("scripted_arbiter.py").split("\n\n").filter(|text| !text.trim().is_empty()) {
        connections += 1;
        let lines: Vec<(Side, Map<String, Value>)> =
            conversation.lines().map(|line| serde_json::from_str(line).expect("[who, line]")).collect();
        for (from, line) in &lines {
            let line = Value::Object(line.clone());
            match from {
                Side::Client => assert!(client.strict.is_valid(&line), "{line}"),
                Side::Arbiter => assert!(arbiter.lenient.is_valid(&line), "{line}"),
            }
        }
        let checked = check(Side::Arbiter, lines.iter().map(|(from, line)| (*from, line)));
        let checker = checked.unwrap_or_else(|fault| panic!("{fault}\n{conversation}"));
        assert_eq!(checker.open_requests(Side::Arbiter), [0u64; 0], "{conversation}");
    }
    assert_eq!(connections, 3);
}
