//! What a machine has to have is checked before anything is built, and a set-up that was interrupted can be repeated. The
//! tools are stand-ins.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Output};

use serverswap_conformance::sandbox::Programs;
use tempfile::TempDir;

use crate::executable::executable;

/// Each tool, what it prints, and by what it is called when it is missing.
const TOOLS: [(&str, &str, &str); 14] = [
    ("make", "GNU Make 4.3", "make: "),
    ("bash", "5.2", "bash: "),
    ("cc", "12.2.0", "a C compiler: "),
    ("rustc", "rustc 1.88.0 (6b00bc388 2025-06-23)", "Rust 1.88 or newer: "),
    ("cargo", "cargo 1.88.0 (873a06493 2025-05-10)", "cargo: "),
    ("git", "git version 2.39.5", "git: "),
    ("npm", "10.8.2", "npm: "),
    ("node", "v20.11.0", "Node 20.11 or newer: "),
    ("python3", "Python 3.10.0", "Python 3.10 or newer: "),
    ("go", "go version go1.21 linux/amd64", "Go 1.21 or newer: "),
    ("curl", "curl 7.88.1", "curl: "),
    ("jq", "jq-1.6", "jq: "),
    ("cargo-fmt", "1.8", "rustfmt: "),
    ("cargo-clippy", "0.1.88", "clippy: "),
];

/// Not asked for by `make build`, or in an older version.
const FOR_TESTS: [&str; 7] = ["node", "python3", "go", "curl", "jq", "cargo-fmt", "cargo-clippy"];

/// A machine with these tools alone.
struct Machine {
    folder: TempDir,
}

impl Machine {
    fn new() -> Machine {
        let machine = Machine { folder: tempfile::tempdir().expect("a folder") };
        for (tool, printed, _) in TOOLS {
            machine.install(tool, &format!("echo '{printed}'"));
        }
        // Its subcommands are programs beside it.
        machine.install("cargo", "[ $# -eq 1 ] || exec cargo-$1; echo cargo 1.88.0");
        machine
    }

    fn install(&self, tool: &str, script: &str) {
        let asked = self.folder.path().join("asked");
        let text = format!("#!/bin/sh\necho {tool} \"$@\" >> {}\n{script}\n", asked.display());
        executable(&self.folder.path().join(tool), &text, 0o755);
    }

    fn remove(&self, tool: &str) {
        fs::remove_file(self.folder.path().join(tool)).expect("it was there");
    }

    /// What `make GOAL` of this repository says here; it fails.
    fn refuses(&self, goal: &str) -> Vec<String> {
        let make = ["/usr/bin/make", "/bin/make", "/usr/local/bin/make"].map(Path::new);
        let make = make.iter().find(|path| path.exists()).expect("make is on this machine");
        let output = self.command(make).args(["--no-print-directory", goal]).output().expect("make");
        assert!(!output.status.success(), "{output:?}");
        let said = text(&output.stderr);
        assert!(said.contains(&format!("error: `make {goal}` needs")) && said.contains("hint: "), "{said}");
        let asked = fs::read_to_string(self.folder.path().join("asked")).unwrap_or_default();
        assert!(!asked.contains("build"), "something was built: {asked}");
        said.lines().filter_map(|line| line.strip_prefix("  ")).map(str::to_owned).collect()
    }

    fn accepts(&self, goal: &str) {
        let script = Programs::find().repository.join("conformance/rigs/requirements.sh");
        let output = self.command(&script).arg(goal).output().expect("the script runs");
        assert!(output.status.success() && output.stderr.is_empty(), "{goal}: {}", text(&output.stderr));
    }

    fn command(&self, program: &Path) -> Command {
        let mut command = Command::new(program);
        command.current_dir(Programs::find().repository).env_clear().env("PATH", self.folder.path());
        command.env("CI", "true");
        command
    }
}

fn text(bytes: &[u8]) -> String {
    String::from_utf8_lossy(bytes).into_owned()
}

#[test]
fn a_machine_with_the_lowest_versions_is_enough() {
    let machine = Machine::new();
    for goal in ["demo", "build", "test"] {
        machine.accepts(goal);
    }
    machine.install("node", "echo v18.0.0");
    machine.install("python3", "echo Python 3.9.0");
    machine.accepts("build");
    for tool in ["python3", "git", "npm"] {
        machine.remove(tool);
    }
    machine.accepts("demo");
}

#[test]
fn each_tool_that_is_missing_is_named_before_anything_is_built() {
    for (tool, _, name) in TOOLS {
        let machine = Machine::new();
        machine.remove(tool);
        let goals: &[&str] = if FOR_TESTS.contains(&tool) { &["test"] } else { &["build", "test"] };
        for goal in goals {
            let missing = machine.refuses(goal);
            assert!(matches!(&missing[..], [one] if one.starts_with(name)), "{tool}: {missing:?}");
        }
    }
}

#[test]
fn each_tool_that_is_too_old_is_named_with_its_version() {
    let old = [
        ("rustc", "rustc 1.63.0", "Rust 1.88 or newer", "1.63.0"),
        ("rustc", "rustc 1.87.0", "Rust 1.88 or newer", "1.87.0"),
        ("node", "v16.20.2", "Node 18.0 or newer", "16.20.2"),
        ("python3", "Python 3.8.20", "Python 3.9 or newer", "3.8.20"),
        ("python3", "Python 2.7.18", "Python 3.9 or newer", "2.7.18"),
        ("node", "no version at all", "Node 18.0 or newer", "of no known version"),
    ];
    for (tool, printed, name, found) in old {
        let machine = Machine::new();
        machine.install(tool, &format!("echo '{printed}'"));
        let missing = machine.refuses("build");
        assert!(matches!(&missing[..], [one] if one.starts_with(name) && one.contains(found)), "{missing:?}");
    }
}

#[test]
fn a_tool_that_does_not_run_and_a_python_without_venv_are_named() {
    let machine = Machine::new();
    machine.install("rustc", "echo 'error: no default toolchain' >&2; exit 1");
    machine.install("python3", "[ $1 = --version ] && echo Python 3.11.2");
    let missing = machine.refuses("build");
    let begins = |at: usize, name: &str| missing.get(at).is_some_and(|line| line.starts_with(name));
    assert!(begins(0, "Rust 1.88 or newer: `rustc --version` fails"), "{missing:?}");
    assert!(begins(1, "venv of Python: ") && missing.len() == 2, "{missing:?}");
}

#[test]
fn everything_that_is_missing_is_in_one_message() {
    let machine = Machine::new();
    for (tool, ..) in TOOLS {
        machine.remove(tool);
    }
    let missing = machine.refuses("test");
    // The subcommands and venv come with what is missing.
    assert_eq!(missing.len(), TOOLS.len() - 2, "{missing:?}");
}

/// A Python that dies with the script at the call of this number, in the middle of what it does.
const PYTHON: &str = r#"#!/bin/sh
count=$(($(cat "$CALLS" 2>/dev/null || echo 0) + 1))
echo $count > "$CALLS"
venv=$(dirname "$(dirname "$0")")
case "$*" in
    "-m venv "*) mkdir -p "$3/bin" && cp "$0" "$3/bin/python" && venv=$3 ;;
    "-m pip --version") [ -e "$venv/pip" ] || exit 1 ;;
esac
[ $count -ne "$KILLED_AT" ] || { touch "$venv/half"; kill -KILL $PPID; exit 1; }
case "$*" in
    "-m venv "*) touch "$venv/pip" ;;
    "-m pip wheel "*) mkdir -p "$WHEELS" && touch "$WHEELS/serverswap.whl" ;;
esac
"#;

/// A clone with nothing in it but what sets up Python.
struct Clone {
    folder: TempDir,
}

impl Clone {
    fn new() -> Clone {
        let folder = tempfile::tempdir().expect("a folder");
        let (from, to) =
            (Programs::find().repository.join("bindings/python"), folder.path().join("bindings/python"));
        fs::create_dir_all(&to).expect("created");
        for name in ["setup.sh", "requirements-build.txt", "requirements-test.txt", "requirements-lowest.txt"]
        {
            fs::copy(from.join(name), to.join(name)).expect("copied");
        }
        executable(&folder.path().join("python3"), PYTHON, 0o755);
        // What the package carries is built before it.
        fs::create_dir_all(folder.path().join("target/debug")).expect("created");
        executable(&folder.path().join("target/debug/serverswap"), "", 0o755);
        Clone { folder }
    }

    fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    /// Runs `setup.sh --conformance`, killed at a call of Python; 0 is none.
    fn set_up(&self, killed_at: usize) -> Output {
        let _ = fs::remove_file(self.path("calls"));
        let mut command = Command::new(self.path("bindings/python/setup.sh"));
        command.arg("--conformance").env("PYTHON", self.path("python3")).env("CALLS", self.path("calls"));
        command.env("KILLED_AT", killed_at.to_string()).env("WHEELS", self.path("bindings/python/dist"));
        command.env_remove("CARGO_TARGET_DIR");
        command.output().expect("it runs")
    }

    fn calls(&self) -> usize {
        fs::read_to_string(self.path("calls")).expect("written").trim().parse().expect("a number")
    }
}

#[test]
fn a_set_up_of_python_that_was_killed_at_any_step_is_repeated_whole() {
    let whole = Clone::new();
    assert!(whole.set_up(0).status.success());
    let (steps, wheel_and_install) = (whole.calls(), 2);
    assert!(steps > 5, "{steps}");
    for step in 1..=steps {
        let clone = Clone::new();
        assert!(!clone.set_up(step).status.success(), "it was not killed at step {step}");
        let again = clone.set_up(0);
        assert!(again.status.success(), "killed at step {step}, then: {}", text(&again.stderr));
        assert!(text(&again.stdout).contains("built: "));
        let is_anew = step <= steps - wheel_and_install;
        assert_eq!(clone.path(".venv/half").exists(), !is_anew, "killed at step {step}");
        assert!(!clone.path(".venv/unfinished").exists());
    }
}
