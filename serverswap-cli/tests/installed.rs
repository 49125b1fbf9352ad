//! What a package installs beside one file: the link, the man pages, and completions in real shells.
//!
//! A shell or formatter that is not on this machine is left out; bash always is there.

mod executable;

use std::fs;
use std::os::unix::fs::symlink;
use std::path::Path;
use std::process::{Command, Output};

use executable::executable;

const SERVERSWAP: &str = env!("CARGO_BIN_EXE_serverswap");

/// Answers `serverswap status --json` for the completions.
const STATUS: &str = r#"#!/bin/sh
echo '{"directory":"/run","addresses":[{"address":":8080","served":true},{"address":"[::1]:80","served":true}]}'
"#;

/// Completes $LINE, of which the words are the arguments, as bash does. bash-completion is stood in for: it would complete
/// what begins at the word of this number.
const BASH: &str = r#"
_command_offset() { COMPREPLY=("the command at $1"); }
compopt() { :; }
complete() { function=$2; }
source /dev/stdin
COMP_WORDS=("$@") COMP_CWORD=$(($# - 1)) COMP_LINE=$LINE COMP_POINT=${#LINE}
$function
printf '%s\n' "${COMPREPLY[@]}"
"#;

fn output(command: &mut Command) -> Option<Output> {
    match command.output() {
        Ok(output) => Some(output),
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => None,
        Err(error) => panic!("{command:?}: {error}"),
    }
}

fn text(output: &Output) -> String {
    assert!(output.stderr.is_empty(), "{}", String::from_utf8_lossy(&output.stderr));
    String::from_utf8(output.stdout.clone()).expect("UTF-8")
}

fn serverswap(arguments: &[&str]) -> String {
    text(&Command::new(SERVERSWAP).args(arguments).output().expect("it is built"))
}

/// A folder with a `server.js`, a folder `sub`, and `serverswap` in `bin`.
fn folder() -> tempfile::TempDir {
    let folder = tempfile::tempdir().expect("a temporary folder");
    fs::create_dir_all(folder.path().join("bin")).expect("created");
    fs::create_dir_all(folder.path().join("sub")).expect("created");
    fs::write(folder.path().join("server.js"), "").expect("written");
    executable(&folder.path().join("bin/serverswap"), STATUS, 0o755);
    folder
}

fn path(folder: &Path) -> String {
    format!("{}:{}", folder.join("bin").display(), std::env::var("PATH").expect("there is one"))
}

/// A line as readline breaks it: at blanks, and around every `:` and `=`.
fn words(line: &str) -> Vec<String> {
    let mut words = vec![String::new()];
    let is_break = |c: char| matches!(c, ':' | '=');
    for c in line.chars() {
        let last = words.last_mut().expect("there is one");
        if c == ' ' {
            words.push(String::new());
        } else if !last.is_empty() && last.starts_with(is_break) != is_break(c) {
            words.push(c.to_string());
        } else {
            last.push(c);
        }
    }
    words
}

#[test]
fn a_link_called_serverswap_deploy_is_that_program() {
    let folder = tempfile::tempdir().expect("a temporary folder");
    let link = folder.path().join("serverswap-deploy");
    symlink(SERVERSWAP, &link).expect("made");
    let of_link = text(&Command::new(&link).arg("--help").output().expect("it starts"));
    assert_eq!(
        of_link,
        text(
            &Command::new(env!("CARGO_BIN_EXE_serverswap-deploy")).arg("--help").output().expect("it starts")
        )
    );
    assert_eq!(of_link, serverswap(&["--as-serverswap-deploy", "--help"]));
}

/// Every path below a folder.
fn listing(folder: &Path) -> String {
    text(
        &Command::new("find")
            .args([".", "-mindepth", "1"])
            .current_dir(folder)
            .output()
            .expect("find is there"),
    )
}

#[test]
fn the_install_script_installs_over_an_older_version_and_removes_what_it_has_installed() {
    let packaging = Path::new(env!("CARGO_MANIFEST_DIR")).join("../packaging");
    let folder = tempfile::tempdir().expect("a temporary folder");
    let (tarball, home) = (folder.path().join("tarball"), folder.path().join("home"));
    let files = Command::new(packaging.join("files")).args([SERVERSWAP, SERVERSWAP]).arg(&tarball).output();
    text(&files.expect("it is there"));
    fs::copy(packaging.join("install.sh"), tarball.join("install.sh")).expect("copied");
    let install = |options: &[&str]| {
        let mut script = Command::new("sh");
        script.arg(tarball.join("install.sh")).args(options).arg("--prefix").arg(&home).env_remove("DESTDIR");
        text(&script.output().expect("there is a shell"))
    };
    fs::create_dir_all(home.join("share/man")).expect("created");
    fs::write(tarball.join("share/doc/serverswap/OLD.md"), "").expect("written");
    let before = listing(&home);

    install(&[]);
    let deploy =
        Command::new(home.join("bin/serverswap-deploy")).arg("--version").output().expect("it starts");
    assert!(text(&deploy).starts_with("serverswap-deploy "));
    let unit =
        fs::read_to_string(home.join("lib/systemd/system/serverswap@.service")).expect("there is a unit");
    assert!(unit.contains(&format!("ExecStart={}/bin/serverswap-deploy ", home.display())), "{unit}");

    fs::remove_file(tarball.join("share/doc/serverswap/OLD.md")).expect("removed");
    install(&[]);
    assert!(!home.join("share/doc/serverswap/OLD.md").exists());
    assert!(home.join("share/man/man1/serverswap-status.1").exists());

    install(&["--uninstall"]);
    assert_eq!(listing(&home), before);
}

#[test]
fn bash_completes_what_is_ours_and_leaves_the_command_of_the_server_to_others() {
    let folder = folder();
    let script = folder.path().join("completions");
    for (line, expected) in [
        ("serverswap --prob", vec!["--probation"]),
        ("serverswap --restart on", vec!["on-failure"]),
        ("serverswap --restart=", vec!["never", "on-failure", "always"]),
        ("serverswap sta", vec!["status"]),
        ("serverswap server.", vec!["server.js"]),
        ("serverswap --cwd s", vec!["sub"]),
        ("serverswap status ", vec![":8080", "[::1]:80"]),
        ("serverswap stop --all --dir /x :80", vec!["8080"]),
        ("serverswap --adopt=:", vec!["8080"]),
        ("serverswap man serverswap-st", vec!["serverswap-status", "serverswap-stop"]),
        ("serverswap completions fish serverswap-", vec!["serverswap-deploy"]),
        ("serverswap --probation 3s node --i", vec!["the command at 3"]),
        ("serverswap --socket web=:8080 --stay app ", vec!["the command at 6"]),
        ("serverswap explain --json app :", vec!["the command at 3"]),
        ("serverswap -- status -", vec!["the command at 2"]),
        ("serverswap-deploy --env", vec!["--env-file"]),
        ("serverswap-deploy status -", vec!["the command at 1"]),
    ] {
        let program = line.split(' ').next().expect("the first word");
        fs::write(&script, serverswap(&["completions", "bash", program])).expect("written");
        let mut bash = Command::new("bash");
        bash.args(["--norc", "-c", BASH, "bash"])
            .args(words(line))
            .env("LINE", line)
            .env("PATH", path(folder.path()));
        bash.current_dir(folder.path()).stdin(fs::File::open(&script).expect("it is there"));
        let found = text(&bash.output().expect("bash is there"));
        let found: Vec<&str> =
            found.lines().filter(|found| !folder.path().join("bin").join(found).exists()).collect();
        let missing: Vec<&&str> = expected.iter().filter(|candidate| !found.contains(candidate)).collect();
        let is_open = line.ends_with("sta") || line.ends_with("server.");
        assert!(missing.is_empty() && (is_open || found.len() == expected.len()), "{line}: {found:?}");
    }
}

#[test]
fn fish_completes_what_is_ours_and_leaves_the_command_of_the_server_to_others() {
    let folder = folder();
    fs::write(folder.path().join("ours.fish"), serverswap(&["completions", "fish"])).expect("written");
    for (line, expected) in [
        ("serverswap --prob", "--probation"),
        ("serverswap --restart=on", "--restart=on-failure"),
        ("serverswap --cwd s", "sub/"),
        ("serverswap stop :80", ":8080"),
        ("serverswap completions ba", "bash"),
        ("serverswap --socket web=:8080 mytool al", "alpha"),
        ("serverswap explain mytool al", "alpha"),
    ] {
        let mut fish = Command::new("fish");
        fish.args([
            "--no-config",
            "-c",
            "source ours.fish; complete -c mytool -f -a alpha; complete -C $argv",
            line,
        ]);
        fish.current_dir(folder.path()).env("PATH", path(folder.path())).env("HOME", folder.path());
        let Some(output) = output(&mut fish) else { return };
        let found = text(&output);
        let found: Vec<&str> =
            found.lines().map(|line| line.split('\t').next().expect("the first")).collect();
        assert_eq!(found, [expected], "{line}");
    }
}

#[test]
fn zsh_reads_the_completions() {
    for program in ["serverswap", "serverswap-deploy"] {
        let folder = tempfile::tempdir().expect("a temporary folder");
        let script = folder.path().join("completions");
        fs::write(&script, serverswap(&["completions", "zsh", program])).expect("written");
        let Some(output) = output(Command::new("zsh").args(["-f", "-n"]).arg(&script)) else { return };
        assert!(output.status.success(), "{}", text(&output));
    }
}

#[test]
fn every_man_page_is_formatted_without_a_warning() {
    let folder = tempfile::tempdir().expect("a temporary folder");
    serverswap(&["man", "--into", folder.path().to_str().expect("UTF-8")]);
    let pages: Vec<_> =
        fs::read_dir(&folder).expect("it is there").map(|page| page.expect("read").path()).collect();
    assert!(pages.len() > 5, "{pages:?}");
    for page in pages {
        let Some(output) =
            output(Command::new("groff").args(["-man", "-ww", "-Tutf8", "-P-cbou"]).arg(&page))
        else {
            return;
        };
        assert!(text(&output).contains("SEE ALSO"), "{}", page.display());
    }
}
