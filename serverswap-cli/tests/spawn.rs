//! How a server is started: each test starts a real process that looks at itself.

mod executable;

use std::fs;
use std::io::Read;
use std::os::unix::fs::symlink;
use std::path::PathBuf;

use executable::executable;
use serverswap::protocol::Generation;
use serverswap_cli::spawn::{ServerCommand, ServerStreams, SpawnFailure};

/// A command whose process writes what it sees to a FIFO.
struct Probe {
    folder: tempfile::TempDir,
}

impl Probe {
    fn new() -> Probe {
        Probe { folder: tempfile::tempdir().expect("a temporary folder") }
    }

    fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    fn command(&self, program: &str, arguments: &[&str]) -> ServerCommand {
        ServerCommand {
            program: program.into(),
            arguments: arguments.iter().map(Into::into).collect(),
            cwd: None,
            env_file: None,
            socket: "/d/serverswap.sock".into(),
            directory: "/d".into(),
            own_folder: "/d".into(),
            generation: Generation { start: 2_000, pid: 77 },
            abstract_socket: None,
            arbiter: Some("/bin/serverswap".into()),
        }
    }

    fn script(&self, script: &str) -> ServerCommand {
        self.command("/bin/sh", &["-c", script])
    }

    /// Runs a shell script; its `$out` is a FIFO that is read to its end.
    fn output(&self, script: &str) -> String {
        self.output_of(self.script(&format!("exec >{}; {script}", self.fifo().display())))
    }

    fn fifo(&self) -> PathBuf {
        let path = self.path("out");
        let name = std::ffi::CString::new(path.to_str().expect("a plain path")).expect("no NUL");
        nix::unistd::mkfifo(name.as_c_str(), nix::sys::stat::Mode::S_IRWXU).expect("made");
        path
    }

    fn output_of(&self, command: ServerCommand) -> String {
        let pid = start(&command).expect("started");
        let mut text = String::new();
        fs::File::open(self.path("out")).expect("opened").read_to_string(&mut text).expect("read");
        reap(pid);
        text
    }
}

fn start(command: &ServerCommand) -> Result<u32, SpawnFailure> {
    serverswap_cli::spawn::start(command, ServerStreams::default())
}

fn reap(pid: u32) {
    let pid = nix::unistd::Pid::from_raw(i32::try_from(pid).expect("a process id"));
    nix::sys::wait::waitpid(pid, None).expect("it is our child");
}

#[test]
fn the_server_leads_a_session_and_a_group_of_its_own() {
    let text = Probe::new().output("cut -d' ' -f 1,5,6 /proc/$$/stat");
    let ids: Vec<&str> = text.split_whitespace().collect();
    assert!(ids.len() == 3 && ids.iter().all(|id| *id == ids[0]), "{text}");
}

#[test]
fn its_environment_names_the_socket_the_directory_the_generation_and_the_program() {
    let text = Probe::new()
        .output("echo $SERVERSWAP_SOCKET $SERVERSWAP_DIR $SERVERSWAP_GENERATION $SERVERSWAP_ARBITER");
    assert_eq!(text, "/d/serverswap.sock /d 2000-77 /bin/serverswap\n");
}

#[test]
fn stdin_is_empty() {
    assert_eq!(Probe::new().output("readlink /proc/$$/fd/0"), "/dev/null\n");
}

#[test]
fn no_descriptor_of_ours_reaches_it() {
    let probe = Probe::new();
    let leaky = fs::File::open("/proc/self/status").expect("opened");
    // Not close-on-exec, as a descriptor that our own parent left to us would be.
    nix::fcntl::fcntl(&leaky, nix::fcntl::FcntlArg::F_SETFD(nix::fcntl::FdFlag::empty())).expect("set");
    let text = probe.output("ls /proc/$$/fd | tr '\\n' ' '; readlink /proc/$$/fd/* | grep -c /status");
    assert!(text.trim_end().ends_with(" 0"), "{text}");
}

#[test]
fn no_signal_is_blocked_or_ignored() {
    let text = Probe::new().output("grep -E 'SigBlk|SigIgn' /proc/$$/status | cut -f 2");
    // The shell itself may catch signals; the real-time ones (from bit 31) are not ours to say.
    let ordinary: Vec<u64> = text.lines().map(|text| mask(text) & 0x7fff_ffff).collect();
    assert_eq!(ordinary, [0, ignored_by_a_shell()], "{text}");
}

fn mask(text: &str) -> u64 {
    u64::from_str_radix(text.trim(), 16).expect("a mask")
}

/// INT, QUIT and HUP, as far as this test was started with them ignored (`… &` in a script): they stay so.
fn ignored_by_a_shell() -> u64 {
    let status = fs::read_to_string("/proc/self/status").expect("readable");
    let ignored = status.lines().find_map(|line| line.strip_prefix("SigIgn:")).expect("it is there");
    mask(ignored) & (1 | 1 << 1 | 1 << 2)
}

#[test]
fn the_working_directory_is_entered_anew_at_every_start() {
    let probe = Probe::new();
    for release in ["one", "two"] {
        fs::create_dir(probe.path(release)).expect("made");
        let current = probe.path("current");
        let _first_time = fs::remove_file(&current);
        symlink(probe.path(release), &current).expect("made");
        let _first_time = fs::remove_file(probe.path("out"));
        let script = format!("pwd -P >{}", probe.fifo().display());
        let text = probe.output_of(ServerCommand { cwd: Some(current), ..probe.script(&script) });
        assert!(text.trim_end().ends_with(release), "{text}");
    }
}

#[test]
fn a_program_that_is_not_there_is_not_found() {
    let probe = Probe::new();
    for program in ["no-such-program-anywhere", "./no/such/program", "/no/such/program"] {
        let expected = SpawnFailure::NotFound { program: program.to_owned() };
        assert_eq!(start(&probe.command(program, &[])), Err(expected));
    }
}

#[test]
fn a_file_that_may_not_be_executed_is_not_executable() {
    let probe = Probe::new();
    let path = probe.path("app");
    executable(&path, "#!/bin/sh\n", 0o644);
    let program = path.display().to_string();
    let expected = SpawnFailure::NotExecutable { program: program.clone(), errno: libc::EACCES };
    assert_eq!(start(&probe.command(&program, &[])), Err(expected));
}

#[test]
fn a_script_whose_interpreter_is_missing_is_there_but_not_executable() {
    let probe = Probe::new();
    let path = probe.path("app");
    executable(&path, "#!/no/such/interpreter\n", 0o755);
    let program = path.display().to_string();
    let expected = SpawnFailure::NotExecutable { program: program.clone(), errno: libc::ENOENT };
    assert_eq!(start(&probe.command(&program, &[])), Err(expected));
}

#[test]
fn a_working_directory_that_cannot_be_entered_is_told_apart_from_the_program() {
    let probe = Probe::new();
    let missing = probe.path("missing");
    let command = ServerCommand { cwd: Some(missing.clone()), ..probe.script("true") };
    let expected = SpawnFailure::WorkingDirectory { path: missing, errno: libc::ENOENT };
    assert_eq!(start(&command), Err(expected));
}

#[test]
fn a_relative_program_is_resolved_from_the_working_directory() {
    let probe = Probe::new();
    executable(&probe.path("app"), "#!/bin/sh\nexit 0\n", 0o755);
    let command = ServerCommand { cwd: Some(probe.folder.path().to_owned()), ..probe.command("./app", &[]) };
    reap(start(&command).expect("started"));
}
