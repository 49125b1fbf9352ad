//! What `serverswap --trace` records is clean under `check-trace`, and faults in it are found.

mod faults;
mod guarantees;
pub(crate) mod reports;

use std::path::{Path, PathBuf};

use serde_json::{Value, json};
use serverswap_conformance::recording::{Checked, RecordingError, check};
use serverswap_conformance::sandbox::{Sandbox, free_address};
use serverswap_protocol::Address;
use serverswap_protocol::trace::Side;

type Outcome = Result<(), Box<dyn std::error::Error>>;

struct Recorded {
    sandbox: Sandbox,
    address: Address,
    file: PathBuf,
}

/// Three deploys of the example under a command that leaves, all recorded into one file.
async fn recorded(program: &str) -> Result<Recorded, Box<dyn std::error::Error>> {
    let (sandbox, address) = (Sandbox::new()?, free_address());
    let file = sandbox.path().join("trace");
    let mut serving: Option<serverswap_conformance::sandbox::Started> = None;
    for version in 1..=3 {
        let words = ["--trace".to_owned(), file.display().to_string(), "node".to_owned()];
        let words = words.into_iter().chain([sandbox.programs().example("node/http.js")]);
        let command = match program {
            "serverswap" => sandbox.serverswap(words),
            _ => sandbox.deploy(words),
        };
        let command = command.env("ADDRESS", address.to_string()).env("VERSION", version.to_string());
        let mut new = command.start()?;
        new.prints(&format!("version {version} serves")).await?;
        let replaced = match program {
            "serverswap" => Some(new),
            _ => serving.replace(new),
        };
        if let Some(mut replaced) = replaced {
            assert_eq!(replaced.exit().await?.status, 0, "{}", replaced.stderr());
        }
    }
    Ok(Recorded { sandbox, address, file })
}

fn assert_clean(checked: &Checked) {
    assert!(checked.faults.is_empty(), "{}", checked.faults[0]);
    assert!(checked.breaches.is_empty(), "{}", checked.breaches[0].1);
    assert!(checked.connections >= 6 && checked.lines > 30, "{checked:?}");
}

/// The faults of a recording of which one line was changed.
fn faults_after(
    recorded: &Recorded,
    change: impl Fn(&mut Value) -> bool,
) -> Result<Checked, Box<dyn std::error::Error>> {
    let mut entries: Vec<Value> = std::fs::read_to_string(&recorded.file)?
        .lines()
        .map(serde_json::from_str)
        .collect::<Result<_, _>>()?;
    entries.iter_mut().find_map(|entry| change(entry).then_some(())).ok_or("no such line")?;
    let file = recorded.sandbox.path().join("changed");
    let lines: Vec<String> = entries.iter().map(Value::to_string).collect();
    std::fs::write(&file, lines.join("\n"))?;
    Ok(check(&file)?)
}

/// Changes the message of the first line of this type.
fn message(kind: &'static str, change: impl Fn(&mut Value)) -> impl Fn(&mut Value) -> bool {
    move |entry| {
        let text = entry["line"].as_str().unwrap_or_default();
        let Ok(mut message) = serde_json::from_str::<Value>(text) else { return false };
        if message["type"] != kind || entry["by"] != "arbiter" {
            return false;
        }
        change(&mut message);
        entry["line"] = json!(message.to_string());
        true
    }
}

#[tokio::test]
async fn deploys_that_leave_are_recorded_clean_into_one_private_file() -> Outcome {
    let recorded = recorded("serverswap").await?;
    assert_clean(&check(&recorded.file)?);
    let mode = std::os::unix::fs::PermissionsExt::mode(&std::fs::metadata(&recorded.file)?.permissions());
    assert_eq!(mode & 0o777, 0o600);
    assert!(std::fs::read_to_string(&recorded.file)?.contains(&recorded.address.to_string()));
    Ok(())
}

#[tokio::test]
async fn deploys_that_stay_are_recorded_clean() -> Outcome {
    assert_clean(&check(&recorded("serverswap-deploy").await?.file)?);
    Ok(())
}

/// Makes a recorded line wrong; whether this was one to be made so.
type Spoil = Box<dyn Fn(&mut Value) -> bool>;

#[tokio::test]
async fn seeded_faults_are_found_with_their_line_side_and_rule() -> Outcome {
    let recorded = recorded("serverswap").await?;
    let cases: [(&str, Side, &str, Spoil); 6] = [
        (
            "a key that no sender may say",
            Side::Client,
            "strict schema",
            Box::new(message("readyFor", |message| message["x"] = json!(1))),
        ),
        (
            "a request before the hello",
            Side::Client,
            "not_negotiated",
            Box::new(message("hello", |message| *message = json!({"type": "ping", "id": 1}))),
        ),
        (
            "an answer to nothing",
            Side::Arbiter,
            "never asked",
            Box::new(message("granted", |message| message["re"] = json!(99))),
        ),
        (
            "another address",
            Side::Arbiter,
            "another address",
            Box::new(message("granted", |message| message["address"] = json!(":1"))),
        ),
        (
            "a descriptor that did not come",
            Side::Arbiter,
            "names 1 descriptors and 0 arrived",
            Box::new(|entry: &mut Value| {
                entry.as_object_mut().is_some_and(|entry| entry.remove("fds").is_some())
            }),
        ),
        (
            "half a line",
            Side::Client,
            "malformed line",
            Box::new(|entry: &mut Value| {
                let is_ours = entry["from"] == "client" && entry["by"] == "arbiter";
                if is_ours {
                    entry["line"] = json!("{\"type\":\"hel");
                }
                is_ours
            }),
        ),
    ];
    for (name, by, rule, change) in cases {
        let checked = faults_after(&recorded, change)?;
        let fault = checked.faults.first().ok_or_else(|| format!("{name}: nothing was found"))?;
        assert!(fault.by == by && fault.rule.contains(rule), "{name}: {fault}");
    }
    Ok(())
}

#[tokio::test]
async fn a_trace_file_that_cannot_be_written_is_reported_and_the_deploy_goes_on() -> Outcome {
    let (sandbox, address) = (Sandbox::new()?, free_address());
    let words = ["--trace".to_owned(), "/dev/full".to_owned(), "node".to_owned()];
    let words = words.into_iter().chain([sandbox.programs().example("node/http.js")]);
    let mut command = sandbox.serverswap(words).env("ADDRESS", address.to_string()).start()?;
    assert_eq!(command.exit().await?.status, 0, "{}", command.stderr());
    let stderr = command.stderr();
    assert_eq!(stderr.matches("the trace ends here").count(), 1, "{stderr}");
    Ok(())
}

/// The suite's `replay` of a recording: its status and what it prints.
fn replayed(file: &Path) -> Result<(Option<i32>, String), Box<dyn std::error::Error>> {
    let suite = env!("CARGO_BIN_EXE_serverswap-conformance");
    let output = std::process::Command::new(suite).arg("replay").arg(file).output()?;
    Ok((output.status.code(), String::from_utf8(output.stdout)?))
}

#[tokio::test]
async fn a_recorded_deploy_is_replayed_without_a_difference_and_one_altered_action_is_found_at_its_line()
-> Outcome {
    let recorded = recorded("serverswap").await?;
    let (status, printed) = replayed(&recorded.file)?;
    assert_eq!(status, Some(0), "{printed}");
    assert!(printed.contains("turns of 3 arbiters, 0 differences"), "{printed}");
    let text = std::fs::read_to_string(&recorded.file)?;
    let is_takedown = |line: &str| line.contains("\"turn\"") && line.contains("\"reason\":\"replaced\"");
    let number = 1 + text.lines().position(is_takedown).ok_or("no takedown")?;
    let altered = recorded.sandbox.path().join("altered");
    let alter = |line: &str| {
        if is_takedown(line) { line.replace("\"replaced\"", "\"stopping\"") } else { line.to_owned() }
    };
    std::fs::write(&altered, text.lines().map(|line| alter(line) + "\n").collect::<String>())?;
    let (status, printed) = replayed(&altered)?;
    assert_eq!(status, Some(1), "{printed}");
    assert!(
        printed.starts_with(&format!("{}:{number}: this build decides otherwise", altered.display())),
        "{printed}"
    );
    Ok(())
}

fn error_of(text: &str) -> Result<String, Box<dyn std::error::Error>> {
    let file = tempfile::NamedTempFile::new()?;
    std::fs::write(file.path(), text)?;
    let name = file.path().display().to_string();
    match check(file.path()) {
        Err(error) => Ok(error.to_string().replace(&name, "FILE")),
        Ok(checked) => Err(format!("{checked:?}").into()),
    }
}

#[test]
fn a_file_that_is_no_recording_is_refused_with_its_line() -> Outcome {
    let good = r#"{"at":1,"on":"1","from":"suite","line":"hello"}"#;
    assert!(error_of(&format!("{good}\nnoise\n"))?.starts_with("FILE:2: this is no line of a recording: "));
    assert!(
        error_of(&format!("{good}\n{{}}\n"))?
            .contains("FILE:2: this is no line of a recording: missing field")
    );
    assert_eq!(error_of("")?, "`FILE` is empty: nothing was recorded");
    assert!(matches!(check(Path::new("/nowhere")), Err(RecordingError::Unreadable { .. })));
    Ok(())
}
