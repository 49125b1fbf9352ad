//! Servers that have never heard of serverswap and bind for themselves: they are intercepted.

use std::path::Path;
use std::process::Command;

use rustix::process::Signal;
use serverswap_conformance::sandbox::{Invocation, LIMIT, Sandbox, Started, free_port};

use crate::Outcome;
use crate::processes::{ended, signal};
use crate::shop::nothing_failed;
use crate::sockets::{Result, Stall, UdpClient};

/// A stall whose server listens there by itself.
struct Bare {
    stall: Stall,
    server: Vec<String>,
}

impl Bare {
    /// `words` get the port as their last one.
    fn new(words: impl FnOnce(&Sandbox) -> Vec<String>) -> Result<Bare> {
        let stall = Stall::new()?;
        let port = stall.port();
        let server = words(&stall.sandbox).into_iter().chain([port]).collect();
        Ok(Bare { stall, server })
    }

    fn python() -> Result<Bare> {
        Bare::new(|sandbox| {
            vec!["python3".to_owned(), sandbox.programs().fixture("sockets.py"), "port".to_owned()]
        })
    }

    fn words(&self) -> Vec<String> {
        let options = ["--intercept", "--probation", "0"].map(str::to_owned);
        options.into_iter().chain(self.server.iter().cloned()).collect()
    }

    fn deploy(&self, version: u32) -> Invocation {
        self.stall.sandbox.deploy(self.words()).env("VERSION", version.to_string())
    }

    fn swap(&self, version: u32) -> Invocation {
        self.stall.sandbox.serverswap(self.words()).env("VERSION", version.to_string())
    }

    async fn up(&self, version: u32) -> Result<Started> {
        let mut started = self.deploy(version).start()?;
        started.says("up after").await?;
        Ok(started)
    }

    /// Two versions after the first one, under load.
    async fn swaps(&self) -> Outcome {
        let mut old = self.up(1).await?;
        let load = self.stall.load().await?;
        for version in [2, 3] {
            let new = self.up(version).await?;
            let exit = old.exit().await?;
            assert_eq!(exit.status, 0, "{}", old.stderr());
            old = new;
        }
        nothing_failed(load).await?;
        assert_eq!(self.stall.version().await?, "3");
        old.signal(Signal::TERM);
        assert_eq!(old.exit().await?.status, 0, "{}", old.stderr());
        Ok(())
    }
}

fn fixture(sandbox: &Sandbox, program: &str, file: &str) -> Vec<String> {
    vec![program.to_owned(), sandbox.programs().fixture(file)]
}

#[tokio::test]
async fn a_server_that_binds_for_itself_is_swapped_without_losing_a_request() -> Outcome {
    Bare::python()?.swaps().await
}

#[tokio::test]
async fn so_is_a_server_in_node() -> Outcome {
    Bare::new(|sandbox| fixture(sandbox, "node", "plain.js"))?.swaps().await
}

#[tokio::test]
async fn so_is_a_cluster_in_node() -> Outcome {
    let mut bare = Bare::new(|sandbox| fixture(sandbox, "node", "plain.js"))?;
    bare.server.push("2".to_owned());
    bare.swaps().await
}

#[tokio::test]
async fn so_is_a_static_program() -> Outcome {
    let folder = Sandbox::new()?;
    let program = folder.path().join("plain");
    let source = folder.programs().fixture("plain.go");
    let built =
        Command::new("go").args(["build", "-o"]).arg(&program).arg(&source).env("CGO_ENABLED", "0").status();
    if built.is_err() && std::env::var_os("CI").is_none() {
        eprintln!("there is no go: a static program is not tried");
        return Ok(());
    }
    assert!(built?.success());
    Bare::new(|_| vec![program.display().to_string()])?.swaps().await
}

#[tokio::test]
async fn a_server_that_was_left_alone_is_replaced_by_the_next_command_without_losing_a_request() -> Outcome {
    let bare = Bare::python()?;
    let mut first = bare.swap(1).start()?;
    assert_eq!(first.exit().await?.status, 0, "{}", first.stderr());
    let load = bare.stall.load().await?;
    let old = bare.stall.pid().await?;
    let mut second = bare.swap(2).start()?;
    assert_eq!(second.exit().await?.status, 0, "{}", second.stderr());
    ended(old).await?;
    nothing_failed(load).await?;
    assert_eq!(bare.stall.version().await?, "2");
    Ok(())
}

#[tokio::test]
async fn so_is_one_whose_supervisor_was_killed() -> Outcome {
    let bare = Bare::python()?;
    let mut first = bare.up(1).await?;
    first.signal(Signal::KILL);
    first.exit().await?;
    let load = bare.stall.load().await?;
    let old = bare.stall.pid().await?;
    let _second = bare.up(2).await?;
    ended(old).await?;
    nothing_failed(load).await?;
    assert_eq!(bare.stall.version().await?, "2");
    Ok(())
}

#[tokio::test]
async fn a_server_whose_supervisor_was_killed_can_still_bind() -> Outcome {
    let (sandbox, first, second) = (Sandbox::new()?, free_port(), free_port());
    let program = format!(
        "import signal, socket, threading\n\
         def serve(port):\n    s = socket.create_server(('127.0.0.1', port))\n    while True: s.accept()[0].close()\n\
         signal.pthread_sigmask(signal.SIG_BLOCK, [signal.SIGUSR1])\n\
         threading.Thread(target=serve, args=[{first}], daemon=True).start()\n\
         signal.sigwait([signal.SIGUSR1])\n\
         threading.Thread(target=serve, args=[{second}], daemon=True).start()\n\
         signal.pause()"
    );
    let mut deploy = sandbox.deploy(["--intercept", "--json", "python3", "-c", &program]).start()?;
    deploy.says("up after").await?;
    let server = sandbox
        .remaining()
        .into_iter()
        .find(|one| one.variable("SERVERSWAP_GENERATION").is_some())
        .ok_or("there is no server")?;
    deploy.signal(Signal::KILL);
    deploy.exit().await?;
    signal(server.pid, Signal::USR1)?;
    let began = std::time::Instant::now();
    while std::net::TcpStream::connect(("127.0.0.1", second)).is_err() {
        assert!(began.elapsed() < LIMIT, "it never listened");
        tokio::task::yield_now().await;
    }
    Ok(())
}

#[tokio::test]
async fn a_unix_path_that_each_server_unlinks_is_handed_over() -> Outcome {
    let sandbox = Sandbox::new()?;
    let path = sandbox.path().join("app.sock").display().to_string();
    let address = format!("unix:{path}").parse()?;
    let server = ["python3".to_owned(), sandbox.programs().fixture("sockets.py"), "path".to_owned(), path];
    let bare = Bare { stall: Stall { sandbox, address }, server: server.into() };
    let mut first = bare.up(1).await?;
    let _second = bare.up(2).await?;
    assert_eq!(first.exit().await?.status, 0, "{}", first.stderr());
    assert_eq!(bare.stall.version().await?, "2");
    Ok(())
}

#[tokio::test]
async fn a_udp_port_is_handed_over_with_what_has_arrived() -> Outcome {
    let (sandbox, port) = (Sandbox::new()?, free_port());
    let client = UdpClient::of(port)?;
    let words =
        ["--intercept", "python3", &sandbox.programs().fixture("sockets.py"), "udp", &port.to_string()];
    for version in ["1", "2"] {
        let mut command = sandbox.serverswap(words).env("VERSION", version).start()?;
        let exit = command.exit().await?;
        assert_eq!(exit.status, 0, "{}", command.stderr());
        assert_eq!(client.ask()?, format!("version {version}"));
    }
    Ok(())
}

#[tokio::test]
async fn an_interception_inside_another_one_is_an_error_before_the_server_is_started() -> Outcome {
    let (sandbox, other) = (Sandbox::new()?, Sandbox::new()?);
    let (inner, directory) =
        (sandbox.programs().built("serverswap"), other.runtime_dir().display().to_string());
    let started = other.path().join("started").display().to_string();
    let words = ["--intercept", &inner, "--dir", &directory, "--intercept", "touch", &started];
    let mut outer = sandbox.deploy(words).start()?;
    outer.exit().await?;
    let said = outer.stdout().to_owned() + outer.stderr();
    assert!(said.contains("the kernel allows that once"), "{said}");
    assert!(!Path::new(&started).exists());
    Ok(())
}
