//! Every bad input of an operator: the status, two lines that say what is still true and what
//! to do, and nothing left behind.
//!
//! Each test runs the real program in a runtime directory of its own.

mod executable;

use std::fs;
use std::os::unix::fs::symlink;
use std::path::{Path, PathBuf};
use std::process::{Command, Output};

use executable::executable;

/// One run in a directory of its own.
struct Case {
    folder: tempfile::TempDir,
    directory: PathBuf,
    arguments: Vec<String>,
}

impl Case {
    fn new(arguments: &[&str]) -> Case {
        let folder = tempfile::tempdir().expect("a temporary folder");
        let directory = folder.path().join("run");
        Case { folder, directory, arguments: arguments.iter().map(ToString::to_string).collect() }
    }

    fn directory(mut self, make: impl FnOnce(&Path) -> PathBuf) -> Case {
        self.directory = make(self.folder.path());
        self
    }

    fn output(&self) -> Output {
        Command::new(env!("CARGO_BIN_EXE_serverswap"))
            .env("SERVERSWAP_DIR", &self.directory)
            .env("XDG_STATE_HOME", self.folder.path().join("state"))
            .current_dir(self.folder.path())
            .args(&self.arguments)
            .output()
            .expect("the program runs")
    }

    /// Runs it and compares the status and the last two lines of stderr, of which the
    /// beginnings after the time are given.
    #[track_caller]
    fn ends(&self, status: i32, error: &str, hint: &str) {
        let output = self.output();
        let stderr = String::from_utf8(output.stderr).expect("text");
        let lines: Vec<&str> =
            stderr.lines().filter_map(|line| line.split_once(' ')).map(|line| line.1).collect();
        let [.., last_but_one, last] = lines.as_slice() else {
            panic!("{stderr}");
        };
        assert_eq!(output.status.code(), Some(status), "{stderr}");
        assert!(last_but_one.starts_with(&format!("error: {error}")), "{stderr}");
        assert!(last.starts_with(&format!("hint: {hint}")), "{stderr}");
        assert!(last_but_one.contains("; "), "what is still true is missing: {stderr}");
    }
}

#[test]
fn a_command_that_does_not_exist() {
    Case::new(&["no-such-program"]).ends(
        127,
        "`no-such-program` was not found; no other server was touched",
        "check the spelling",
    );
}

#[test]
fn a_command_that_is_not_executable() {
    let case = Case::new(&["./app"]);
    executable(&case.folder.path().join("app"), "#!/bin/sh\n", 0o644);
    case.ends(126, "`./app` is not executable: Permission denied", "make it executable: `chmod +x ./app`");
}

#[test]
fn a_script_whose_interpreter_does_not_exist() {
    let case = Case::new(&["./app"]);
    executable(&case.folder.path().join("app"), "#!/no/such/interpreter\n", 0o755);
    case.ends(126, "`./app` is not executable: No such file", "the interpreter in its first line");
}

#[test]
fn a_working_directory_that_does_not_exist() {
    Case::new(&["--cwd", "/no/such", "true"]).ends(
        125,
        "the working directory `/no/such` cannot be entered",
        "use a directory that exists",
    );
}

#[test]
fn a_server_that_exits_before_it_is_ready() {
    Case::new(&["sh", "-c", "exit 3"]).ends(
        3,
        "`sh -c 'exit 3'` (pid ",
        "see the server's own messages above",
    );
}

#[test]
fn a_server_that_claims_nothing_and_ends() {
    Case::new(&["true"]).ends(122, "`true` (pid ", "a server has to call `readyFor(address)`");
}

#[test]
fn a_server_that_hangs() {
    Case::new(&["--ready-timeout", "100ms", "sleep", "1000"]).ends(
        124,
        "`sleep 1000` (pid ",
        "the server has to call `readyFor(address)`",
    );
}

#[test]
fn a_server_that_leaves_a_process_behind_leaves_none() {
    let case = Case::new(&["sh", "-c", "sleep 1000 & echo $! >left; exit 3"]);
    case.ends(3, "`sh -c", "see the server's own messages above");
    let left = fs::read_to_string(case.folder.path().join("left")).expect("the script wrote it");
    let state = fs::read_to_string(format!("/proc/{}/stat", left.trim())).unwrap_or_default();
    // Without an init in the test's container it may stay as a zombie of somebody else.
    assert!(state.is_empty() || state.contains(" Z "), "{state}");
}

#[test]
fn a_runtime_directory_that_is_a_symbolic_link() {
    Case::new(&["true"])
        .directory(|folder| {
            fs::create_dir(folder.join("real")).expect("made");
            symlink(folder.join("real"), folder.join("link")).expect("made");
            folder.join("link")
        })
        .ends(125, "the runtime directory `", "use a directory of your own");
}

#[test]
fn a_runtime_directory_of_somebody_else() {
    let is_root =
        fs::metadata("/proc/self").map(|own| std::os::unix::fs::MetadataExt::uid(&own)).ok() == Some(0);
    if is_root {
        // Root acts there as its owner.
        return;
    }
    Case::new(&["true"]).directory(|_| PathBuf::from("/")).ends(
        125,
        "the runtime directory `",
        "use a directory of your own",
    );
}

#[test]
fn a_runtime_directory_whose_path_is_too_long_for_a_socket() {
    Case::new(&["true"]).directory(|folder| folder.join("x".repeat(120))).ends(
        125,
        "the runtime directory `",
        "give a shorter one",
    );
}

#[test]
fn a_runtime_directory_that_is_a_file() {
    Case::new(&["true"])
        .directory(|folder| {
            fs::write(folder.join("file"), "").expect("written");
            folder.join("file")
        })
        .ends(125, "`", "use a directory of your own");
}

#[test]
fn the_result_is_one_json_object_on_stdout() {
    let output = Case::new(&["--json", "-q", "true"]).output();
    let object: serde_json::Value = serde_json::from_slice(&output.stdout).expect("one object");
    assert_eq!(
        (&object["outcome"], &object["reason"], &object["status"]),
        (&"failed".into(), &"exited_before_up".into(), &122.into())
    );
}

#[test]
fn quiet_prints_the_error_alone() {
    let output = Case::new(&["-q", "true"]).output();
    let stderr = String::from_utf8(output.stderr).expect("text");
    let words: Vec<&str> = stderr.lines().filter_map(|line| line.split(' ').nth(1)).collect();
    assert_eq!(words, ["error:", "hint:"]);
}

#[test]
fn nothing_but_the_lock_and_the_state_is_left_in_the_runtime_directory() {
    let case = Case::new(&["true"]);
    case.output();
    let mut names: Vec<String> = fs::read_dir(&case.directory)
        .expect("it was made")
        .map(|entry| entry.expect("read").file_name().to_string_lossy().into_owned())
        .collect();
    names.sort();
    assert_eq!(names, ["lock", "state.json"]);
}
