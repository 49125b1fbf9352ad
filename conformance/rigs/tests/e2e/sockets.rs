//! Servers that have never heard of serverswap and are passed their sockets, by every convention and every sign of
//! readiness.

use std::fs;
use std::net::{TcpListener, UdpSocket};
use std::os::unix::net::UnixDatagram;
use std::path::PathBuf;
use std::time::Duration;

use rustix::process::Signal;
use serverswap_conformance::sandbox::{Invocation, LIMIT, Sandbox, Started, free_address, free_port};
use serverswap_load::{Load, Phase, Plan, Probe, Slot, Target, ask};
use serverswap_protocol::Address;
use tokio::time::{Instant, interval};

use crate::Outcome;
use crate::processes::{ended, signal};
use crate::shop::{ANSWERS, PACE, nothing_failed};

pub type Result<T> = std::result::Result<T, Box<dyn std::error::Error>>;

/// A sandbox with an address, and commands that start `sockets.py` there.
pub struct Stall {
    pub sandbox: Sandbox,
    pub address: Address,
}

impl Stall {
    pub fn new() -> Result<Stall> {
        Ok(Stall { sandbox: Sandbox::new()?, address: free_address() })
    }

    pub fn socket(&self) -> String {
        self.address.to_string()
    }

    pub fn port(&self) -> String {
        self.socket().rsplit(':').next().unwrap_or_default().to_owned()
    }

    pub fn server(&self, how: &str) -> Vec<String> {
        let words = ["python3".to_owned(), self.sandbox.programs().fixture("sockets.py")];
        words.into_iter().chain(how.split(' ').map(str::to_owned)).collect()
    }

    /// `serverswap-deploy --socket ADDRESS OPTIONS python3 sockets.py HOW`.
    pub fn deploy(&self, options: &[&str], how: &str, version: u32) -> Invocation {
        self.sandbox.deploy(self.words(options, how)).env("VERSION", version.to_string())
    }

    /// The same as a command that leaves.
    pub fn swap(&self, options: &[&str], how: &str, version: u32) -> Invocation {
        self.sandbox.serverswap(self.words(options, how)).env("VERSION", version.to_string())
    }

    fn words(&self, options: &[&str], how: &str) -> Vec<String> {
        let socket = ["--socket".to_owned(), self.socket()];
        socket.into_iter().chain(options.iter().map(|&one| one.to_owned())).chain(self.server(how)).collect()
    }

    /// The first version, up.
    async fn open(&self) -> Result<Started> {
        let mut first = self.deploy(&["--probation", "0"], "fd {fd}", 1).start()?;
        first.says("up after").await?;
        Ok(first)
    }

    fn target(&self) -> Result<Target> {
        Ok(Target::try_from(&self.address)?)
    }

    pub async fn version(&self) -> Result<String> {
        ask(&self.target()?, LIMIT).await?.version.ok_or_else(|| "no version".into())
    }

    pub async fn pid(&self) -> Result<u32> {
        ask(&self.target()?, LIMIT).await?.pid.ok_or_else(|| "no pid".into())
    }

    /// Clients with new connections: what is done with idle ones is the server's own affair.
    pub async fn load(&self) -> Result<Load> {
        let new = Slot::NEW.paced(PACE);
        let slots = vec![new, new, Slot::NEW.pausing(Duration::from_millis(10))];
        let mut load = Load::start(Plan { request_timeout: LIMIT, ..Plan::new(self.target()?, slots) })?;
        load.more_answers(ANSWERS, LIMIT).await?;
        load.enter(Phase::Swap);
        Ok(load)
    }

    /// A deploy that fails with this status and these words; version 1 serves on.
    async fn fails(&self, new: Invocation, status: i32, words: &[&str]) -> Outcome {
        let mut new = new.start()?;
        let exit = new.exit().await?;
        let stderr = new.stderr();
        assert_eq!(exit.status, status, "{stderr}");
        for word in words.iter().chain(&["hint: ", "still serv"]) {
            assert!(stderr.contains(word), "`{word}` is not in: {stderr}");
        }
        assert_eq!(self.version().await?, "1");
        Ok(())
    }
}

/// Version 2 takes over from version 1 under load, both by this convention.
async fn swaps(how: &str) -> Outcome {
    let stall = Stall::new()?;
    let mut first = stall.deploy(&[], how, 1).start()?;
    first.says("up after").await?;
    let load = stall.load().await?;
    let mut second = stall.deploy(&["--probation", "300ms"], how, 2).start()?;
    second.says("up after").await?;
    assert_eq!(first.exit().await?.status, 0, "{}", first.stderr());
    assert!(first.stdout().contains("got SIGTERM"), "{}", first.stdout());
    assert!(!second.stderr().contains("another program"), "{}", second.stderr());
    nothing_failed(load).await?;
    assert_eq!(stall.version().await?, "2");
    second.signal(Signal::TERM);
    assert_eq!(second.exit().await?.status, 0, "{}", second.stderr());
    assert!(second.stdout().contains("got SIGTERM"), "{}", second.stdout());
    Ok(())
}

#[tokio::test]
async fn a_server_that_reads_listen_fds_is_swapped_without_losing_a_request() -> Outcome {
    swaps("systemd").await
}

#[tokio::test]
async fn so_is_one_of_server_starter() -> Outcome {
    swaps("starter").await
}

#[tokio::test]
async fn so_is_one_of_einhorn() -> Outcome {
    swaps("einhorn").await
}

#[tokio::test]
async fn so_is_one_with_the_number_in_its_arguments() -> Outcome {
    swaps("fd {fd}").await
}

#[tokio::test]
async fn a_server_that_was_left_alone_is_replaced_by_the_next_command_without_losing_a_request() -> Outcome {
    let stall = Stall::new()?;
    let mut first = stall.swap(&[], "systemd", 1).start()?;
    assert_eq!(first.exit().await?.status, 0, "{}", first.stderr());
    let load = stall.load().await?;
    let old = stall.pid().await?;
    let mut second = stall.swap(&["--probation", "0"], "systemd", 2).start()?;
    assert_eq!(second.exit().await?.status, 0, "{}", second.stderr());
    ended(old).await?;
    nothing_failed(load).await?;
    assert_eq!(stall.version().await?, "2");
    Ok(())
}

#[tokio::test]
async fn so_is_one_whose_supervisor_was_killed() -> Outcome {
    let stall = Stall::new()?;
    let mut first = stall.open().await?;
    first.signal(Signal::KILL);
    first.exit().await?;
    let load = stall.load().await?;
    let old = stall.pid().await?;
    let mut second = stall.deploy(&["--probation", "0"], "systemd", 2).start()?;
    second.says("up after").await?;
    ended(old).await?;
    nothing_failed(load).await?;
    assert_eq!(stall.version().await?, "2");
    Ok(())
}

/// A supervisor that is killed before its server was seen to be ready: another one is the arbiter.
#[tokio::test]
async fn the_only_server_goes_on_although_nobody_is_left_to_say_that_it_is_ready() -> Outcome {
    let stall = Stall::new()?;
    let mut arbiter = stall.sandbox.deploy(["sh", "-c", "echo started; exec sleep 600"]).start()?;
    arbiter.prints("started").await?;
    let options = ["--ready", "exec=false", "--ready-timeout", "12s"];
    let mut killed = stall.deploy(&options, "systemd", 1).start()?;
    killed.prints("version 1 serves").await?;
    killed.signal(Signal::KILL);
    killed.exit().await?;
    let (load, pid) = (stall.load().await?, stall.pid().await?);
    let (give_up_at, mut pace) = (Instant::now() + LIMIT, interval(Duration::from_millis(250)));
    loop {
        pace.tick().await;
        let mut status = stall.sandbox.serverswap(["status"]).start()?;
        status.exit().await?;
        if status.stdout().contains("serving") {
            break;
        }
        assert!(Instant::now() < give_up_at, "{}", status.stdout());
    }
    let mut second = stall.deploy(&["--probation", "0"], "systemd", 2).start()?;
    second.says("up after").await?;
    ended(pid).await?;
    nothing_failed(load).await?;
    assert_eq!(stall.version().await?, "2");
    Ok(())
}

#[tokio::test]
async fn several_sockets_are_found_by_their_names() -> Outcome {
    let (sandbox, web, admin) = (Sandbox::new()?, free_address(), free_address());
    let deploy = |version: u32| {
        let sockets =
            ["--socket".to_owned(), format!("web={web}"), "--socket".to_owned(), format!("admin={admin}")];
        let file = sandbox.programs().fixture("sockets.py");
        let script = format!("python3 {file} fd {{fd:admin}} & exec python3 {file} systemd web");
        let server = ["--probation", "0", "sh", "-c", &script].map(str::to_owned);
        sandbox.deploy(sockets.into_iter().chain(server)).env("VERSION", version.to_string())
    };
    let mut first = deploy(1).start()?;
    first.says("up after").await?;
    let mut second = deploy(2).start()?;
    second.says("up after").await?;
    assert_eq!(first.exit().await?.status, 0, "{}", first.stderr());
    for address in [&web, &admin] {
        assert_eq!(ask(&address.try_into()?, LIMIT).await?.version.as_deref(), Some("2"), "{address}");
    }
    Ok(())
}

#[tokio::test]
async fn a_unix_socket_is_passed() -> Outcome {
    let sandbox = Sandbox::new()?;
    let address = format!("unix:{}", sandbox.path().join("app.sock").display()).parse()?;
    let stall = Stall { sandbox, address };
    let mut first = stall.open().await?;
    let mut second = stall.deploy(&["--probation", "0"], "starter", 2).start()?;
    second.says("up after").await?;
    assert_eq!(first.exit().await?.status, 0, "{}", first.stderr());
    assert_eq!(stall.version().await?, "2");
    Ok(())
}

/// One client, which asks a server of datagrams for its version.
pub(crate) struct UdpClient {
    socket: UdpSocket,
    port: u16,
}

impl UdpClient {
    pub(crate) fn of(port: u16) -> Result<UdpClient> {
        let socket = UdpSocket::bind("127.0.0.1:0")?;
        socket.set_read_timeout(Some(LIMIT))?;
        Ok(UdpClient { socket, port })
    }

    pub(crate) fn ask(&self) -> Result<String> {
        self.socket.send_to(b"who?", ("127.0.0.1", self.port))?;
        let mut answer = [0; 64];
        let length = self.socket.recv(&mut answer)?;
        Ok(String::from_utf8_lossy(&answer[..length]).into_owned())
    }
}

#[tokio::test]
async fn a_udp_socket_is_passed() -> Outcome {
    let (sandbox, port) = (Sandbox::new()?, free_port());
    let stall = Stall { sandbox, address: format!("udp:127.0.0.1:{port}").parse()? };
    let client = UdpClient::of(port)?;
    let mut first = stall.open().await?;
    assert_eq!(client.ask()?, "version 1");
    let mut second = stall.deploy(&["--probation", "0"], "systemd", 2).start()?;
    second.says("up after").await?;
    assert_eq!(first.exit().await?.status, 0, "{}", first.stderr());
    assert_eq!(client.ask()?, "version 2");
    Ok(())
}

/// A FIFO whose text a server tells its NOTIFY_SOCKET as soon as it is there.
fn fifo(stall: &Stall) -> Result<PathBuf> {
    let path = stall.sandbox.path().join("ready");
    rustix::fs::mkfifoat(rustix::fs::CWD, &path, rustix::fs::Mode::RWXU)?;
    Ok(path)
}

#[tokio::test]
async fn a_server_that_uses_notify_is_ready_when_it_says_so() -> Outcome {
    let stall = Stall::new()?;
    let mut first = stall.open().await?;
    let fifo = fifo(&stall)?;
    let new = stall.deploy(&["--probation", "0"], "systemd", 2);
    let mut new = new.env("SAY", "STATUS=warming up").env("READY", &fifo).start()?;
    new.says("warming up").await?;
    new.prints("the barrier is passed").await?;
    assert_eq!(stall.version().await?, "1");
    fs::write(&fifo, "READY=1\nSTATUS=all is well")?;
    new.says("all is well").await?;
    new.says("up after").await?;
    assert_eq!(first.exit().await?.status, 0, "{}", first.stderr());
    assert_eq!(stall.version().await?, "2");
    let mut status = stall.sandbox.serverswap(["status"]).start()?;
    status.exit().await?;
    assert!(status.stdout().contains("serving (all is well)"), "{}", status.stdout());
    Ok(())
}

#[tokio::test]
async fn a_server_that_never_says_that_it_is_ready_fails() -> Outcome {
    let stall = Stall::new()?;
    let _first = stall.open().await?;
    let new = stall.deploy(&["--ready", "notify", "--ready-timeout", "1s"], "systemd", 2);
    stall.fails(new, 124, &["did not say READY=1", "leave `--ready notify` out"]).await
}

#[tokio::test]
async fn a_server_that_asks_for_more_time_gets_it() -> Outcome {
    let stall = Stall::new()?;
    let fifo = fifo(&stall)?;
    let new = stall.deploy(&["--ready-timeout", "1s"], "systemd", 1);
    let mut new = new.env("SAY", "EXTEND_TIMEOUT_USEC=60000000").env("READY", &fifo).start()?;
    new.says("still waiting").await?;
    fs::write(&fifo, "READY=1")?;
    new.says("up after").await?;
    Ok(())
}

#[tokio::test]
async fn a_server_that_says_that_it_is_ready_and_does_not_listen_fails() -> Outcome {
    let stall = Stall::new()?;
    let _first = stall.open().await?;
    let new = stall.deploy(&[], "systemd", 2).env("SAY", "READY=1").env("DEAF", "1");
    stall.fails(new, 124, &["said READY=1, but does not listen", "EINHORN_FD_0"]).await
}

#[tokio::test]
async fn ready_from_a_stranger_does_not_count() -> Outcome {
    let stall = Stall::new()?;
    let _first = stall.open().await?;
    let fifo = fifo(&stall)?;
    let new = stall.deploy(&["--ready-timeout", "2s", "--drain-timeout", "1s"], "systemd", 2);
    let mut new = new.env("SAY", "STATUS=warming up").env("READY", &fifo).start()?;
    new.says("warming up").await?;
    let mut beside = stall.sandbox.runtime_dir().into_os_string();
    beside.push("-notify");
    let end = format!("-{}.notify", new.pid());
    let is_notify = |entry: &fs::DirEntry| entry.file_name().to_string_lossy().ends_with(&end);
    let folders = [PathBuf::from(beside), stall.sandbox.runtime_dir()];
    let mut entries = folders.iter().filter_map(|folder| fs::read_dir(folder).ok()).flatten().flatten();
    let path = entries.find(is_notify).ok_or("there is no NOTIFY_SOCKET")?.path();
    UnixDatagram::unbound()?.send_to(b"READY=1", path)?;
    new.says(&format!("pid {} sent a message to the NOTIFY_SOCKET", std::process::id())).await?;
    assert_eq!(new.exit().await?.status, 124, "{}", new.stderr());
    assert_eq!(stall.version().await?, "1");
    Ok(())
}

#[tokio::test]
async fn a_command_or_a_time_says_that_a_server_is_ready() -> Outcome {
    let stall = Stall::new()?;
    let mut first = stall.open().await?;
    let file = stall.sandbox.path().join("warm");
    let probe = format!("exec=test -e {}", file.display());
    let mut second = stall.deploy(&["--probation", "0", "--ready", &probe], "systemd", 2).start()?;
    second.prints("version 2 serves").await?;
    second.says("still waiting").await?;
    assert!(!second.stderr().contains("up after"), "{}", second.stderr());
    fs::write(&file, "")?;
    second.says("up after").await?;
    assert_eq!(first.exit().await?.status, 0, "{}", first.stderr());
    let mut third = stall.deploy(&["--probation", "0", "--ready", "after=200ms"], "systemd", 3).start()?;
    third.says("up after").await?;
    assert_eq!(second.exit().await?.status, 0, "{}", second.stderr());
    Ok(())
}

#[tokio::test]
async fn the_stop_signal_is_the_one_that_was_asked_for() -> Outcome {
    let stall = Stall::new()?;
    let options = ["--probation", "0", "--stop-signal", "USR1"];
    let mut first = stall.deploy(&options, "systemd", 1).env("STOP", "SIGUSR1 SIGTERM").start()?;
    first.says("up after").await?;
    let mut second = stall.deploy(&options, "systemd", 2).env("STOP", "SIGUSR1 SIGTERM").start()?;
    second.says("up after").await?;
    first.exit().await?;
    assert!(first.stdout().contains("got SIGUSR1"), "{}", first.stdout());
    assert!(!first.stdout().contains("got SIGTERM"), "{}", first.stdout());
    second.signal(Signal::TERM);
    second.exit().await?;
    assert!(second.stdout().contains("got SIGUSR1"), "{}", second.stdout());
    assert!(!second.stdout().contains("got SIGTERM"), "{}", second.stdout());
    Ok(())
}

#[tokio::test]
async fn a_crashed_server_is_started_again_while_its_clients_wait() -> Outcome {
    let stall = Stall::new()?;
    let mut command = stall.deploy(&["--restart", "on-failure"], "systemd", 1).start()?;
    command.says("up after").await?;
    let first = stall.pid().await?;
    let probe = Probe::start(stall.target()?, Duration::from_secs(60))?;
    signal(first, Signal::KILL)?;
    command.says("started").await?;
    command.says("now served").await?;
    assert_ne!(stall.pid().await?, first);
    assert_eq!(probe.stop().first, None, "connections waited in the backlog");
    Ok(())
}

#[tokio::test]
async fn a_server_that_crashes_on_probation_is_rolled_back() -> Outcome {
    let stall = Stall::new()?;
    let _first = stall.open().await?;
    let new = stall.deploy(&["--probation", "60s"], "systemd", 2).env("CRASH", "1");
    let mut new = new.start()?;
    new.says("alongside the old server").await?;
    // Requests go to either of the two, until one has reached the new one.
    while new.stderr().lines().all(|line| !line.contains("exited with status 3")) {
        let _ = ask(&stall.target()?, LIMIT).await;
    }
    assert_eq!(new.exit().await?.status, 3, "{}", new.stderr());
    assert!(new.stderr().contains("rolled back"), "{}", new.stderr());
    assert_eq!(stall.version().await?, "1");
    Ok(())
}

#[tokio::test]
async fn a_command_that_cannot_be_executed_is_an_error_as_it_is_without_sockets() -> Outcome {
    let stall = Stall::new()?;
    let _first = stall.open().await?;
    let socket = stall.socket();
    let missing = stall.sandbox.deploy(["--socket", &socket, "no-such-program"]);
    stall.fails(missing, 127, &["`no-such-program` was not found"]).await?;
    let file = stall.sandbox.path().join("text");
    fs::write(&file, "no program")?;
    let text = stall.sandbox.deploy(["--socket", &socket, &file.display().to_string()]);
    stall.fails(text, 126, &["is not executable"]).await
}

#[tokio::test]
async fn a_wrapper_that_hides_listen_pid_is_named() -> Outcome {
    let stall = Stall::new()?;
    let mut first = stall.open().await?;
    let script = format!("python3 {} fd 3; true", stall.sandbox.programs().fixture("sockets.py"));
    let command = ["--socket", &stall.socket(), "--probation", "0", "sh", "-c", &script].map(str::to_owned);
    let mut new = stall.sandbox.deploy(command.clone()).env("DEAF", "1").start()?;
    let line = new.says("only waits for").await?;
    assert!(line.contains("`sh`") && line.contains("`python3`") && line.contains("`{fd}`"), "{line}");
    new.signal(Signal::INT);
    new.exit().await?;
    // It does no harm to a server that does not go by it.
    let mut new = stall.sandbox.deploy(command).env("VERSION", "2").start()?;
    new.says("up after").await?;
    assert_eq!(first.exit().await?.status, 0, "{}", first.stderr());
    assert_eq!(stall.version().await?, "2");
    Ok(())
}

#[tokio::test]
async fn an_address_that_another_program_holds_is_refused_before_the_command_is_executed() -> Outcome {
    let stall = Stall::new()?;
    let _first = stall.open().await?;
    let port = free_port();
    let _taken = TcpListener::bind(("127.0.0.1", port))?;
    let taken = format!("127.0.0.1:{port}");
    let words = ["--socket".to_owned(), format!("a={}", stall.socket()), "--socket".to_owned(), taken];
    let new = stall.sandbox.deploy(words.into_iter().chain(stall.server("systemd a")));
    stall.fails(new, 124, &["was not executed", &format!("pid {}", std::process::id())]).await
}

#[tokio::test]
async fn sockets_that_make_no_sense_are_refused_before_anything_is_started() -> Outcome {
    let sandbox = Sandbox::new()?;
    for (words, expected) in [
        (["--socket", "a=:80", "--socket", "a=:81", "x"], "two sockets have the name `a`"),
        (["--socket", "a=:80", "x", "{fd:b}", ""], "no socket has the name `b`"),
        (["--stay", "x", "{fd}", "", ""], "the server is passed no socket"),
        (["--socket", "mailer", "x", "", ""], "a name without a socket"),
    ] {
        let mut command = sandbox.serverswap(words).start()?;
        assert_eq!(command.exit().await?.status, 2, "{}", command.stderr());
        let stderr = command.stderr();
        assert!(stderr.contains(expected), "{stderr}");
    }
    Ok(())
}
