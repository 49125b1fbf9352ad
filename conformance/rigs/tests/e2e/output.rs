//! Where a server's output goes: the server outlives what the command printed to.

use std::fs::File;
use std::io::{BufRead, BufReader};
use std::path::Path;

use rustix::process::Signal;
use serde_json::Value;
use serverswap_conformance::sandbox::{Invocation, LIMIT, Sandbox, Started, free_address};
use serverswap_load::{Target, ask};
use serverswap_protocol::Address;

use crate::Outcome;
use crate::pty::Pty;
use crate::shop::configured;

/// More than fit into what a server may still write unnoticed.
const REQUESTS: usize = 20;

/// A place where a person types a line of shell.
struct Shell {
    sandbox: Sandbox,
    address: Address,
}

impl Shell {
    fn new() -> Result<Shell, Box<dyn std::error::Error>> {
        Ok(Shell { sandbox: Sandbox::new()?, address: free_address() })
    }

    /// A line, in which `serverswap` and `serverswap-deploy` are those of this build, and `$SERVER` is a server
    /// that prints two lines for each request.
    fn line(&self, line: &str, version: u32) -> Invocation {
        let programs = self.sandbox.programs();
        let folder = programs.serverswap.parent().unwrap_or(Path::new("/")).display().to_string();
        let path = format!("{folder}:{}", std::env::var("PATH").unwrap_or_default());
        let command = self.sandbox.command(Path::new("bash"), ["-c", line]);
        let command = command.env("PATH", path).env("SERVER", programs.fixture("prints.js"));
        configured(command, &self.address, version)
    }

    /// Runs a line to its end.
    async fn run(&self, line: &str, version: u32) -> Result<Started, Box<dyn std::error::Error>> {
        let mut started = self.line(line, version).start()?;
        started.exit().await?;
        Ok(started)
    }

    /// The server answers whatever has become of its output, and prints for each request.
    async fn serves_on(&self, version: u32) -> Outcome {
        let target = Target::try_from(&self.address)?;
        for _ in 0..REQUESTS {
            assert_eq!(ask(&target, LIMIT).await?.version, Some(version.to_string()));
        }
        Ok(())
    }

    /// The content of every log in the state directory, one after the other.
    fn logs(&self) -> Result<String, Box<dyn std::error::Error>> {
        let mut text = String::new();
        for entry in std::fs::read_dir(self.sandbox.state_home().join("serverswap"))? {
            let path = entry?.path();
            if path.extension().is_some_and(|ending| ending == "log") {
                text.push_str(&std::fs::read_to_string(path)?);
            }
        }
        Ok(text)
    }
}

/// What is read until a line that contains `last`, which is included.
fn text_until(last: &str, output: File) -> String {
    let mut text = String::new();
    for line in BufReader::new(output).lines().map_while(Result::ok) {
        text.push_str(&line);
        if line.contains(last) {
            break;
        }
    }
    text
}

#[tokio::test]
async fn a_server_serves_on_when_the_terminal_of_its_command_is_closed() -> Outcome {
    for (version, line, last) in [
        (1, "serverswap node $SERVER", "done:"),
        (2, "serverswap-deploy node $SERVER", "up after"),
        (3, "serverswap-deploy node $SERVER 2>&1 | cat", "up after"),
    ] {
        let shell = Shell::new()?;
        let pty = Pty::open()?;
        let typed = format!("exec setsid --ctty --wait bash -c '{line}' <{0} >{0} 2>{0}", pty.path.display());
        let command = shell.line(&typed, version).start()?;
        let terminal = File::from(pty.master.try_clone()?);
        let shown = tokio::task::spawn_blocking(move || text_until(last, terminal));
        let shown = tokio::time::timeout(LIMIT, shown).await??;
        let starts = format!("version {version} starts");
        assert!(shown.contains(&starts), "its output is shown on the terminal: {shown}");
        drop(pty);
        shell.serves_on(version).await?;
        assert!(shell.logs()?.contains("was asked for"), "what it prints is in its log: {line}");
        drop(command);
    }
    Ok(())
}

#[tokio::test]
async fn a_pipe_is_free_when_the_command_has_left_and_has_what_was_printed_until_then() -> Outcome {
    let shell = Shell::new()?;
    let mut tee = shell.run("serverswap node $SERVER 2>&1 | tee log", 1).await?;
    assert!(tee.stdout().contains("version 1 starts") && tee.stdout().contains("done:"), "{}", tee.stdout());
    let mut substituted = shell.run("x=$(serverswap node $SERVER); echo \"it said: $x\"", 2).await?;
    let stdout = substituted.stdout().to_owned();
    // What the server prints when it serves may come after the command has left.
    assert!(stdout.starts_with("it said: version 2 starts\n"), "{stdout}{}", substituted.stderr());
    assert!(!stdout.contains("done:"), "{stdout}");
    shell.serves_on(2).await
}

#[tokio::test]
async fn a_server_serves_on_when_the_reader_of_the_pipe_has_ended() -> Outcome {
    let shell = Shell::new()?;
    shell.run("serverswap node $SERVER 2>&1 | head -1", 1).await?;
    let mut waited = shell.sandbox.serverswap(["status"]).start()?;
    waited.exit().await?;
    let mut deploy = shell.run("serverswap node $SERVER 2>&1 | true; echo ${PIPESTATUS[0]}", 2).await?;
    assert_eq!(deploy.stdout().to_owned(), "0\n", "{}", deploy.stderr());
    shell.serves_on(2).await
}

#[tokio::test]
async fn with_json_stdout_has_the_outcome_and_nothing_else() -> Outcome {
    let shell = Shell::new()?;
    for (version, line) in
        [(1, "serverswap --json node $SERVER | cat"), (2, "serverswap --json node $SERVER")]
    {
        let mut deploy = shell.run(line, version).await?;
        let outcome: Value = serde_json::from_str(deploy.stdout())?;
        assert_eq!(outcome["outcome"], "done", "{}", deploy.stderr());
        assert!(deploy.stderr().contains(&format!("version {version} starts")), "it is copied to stderr");
    }
    shell.serves_on(2).await
}

#[tokio::test]
async fn what_a_failed_server_printed_is_above_the_error() -> Outcome {
    let shell = Shell::new()?;
    let line = "serverswap sh -c 'echo out; echo no database >&2; exit 3' 2>&1 | cat; echo ${PIPESTATUS[0]}";
    let mut deploy = shell.run(line, 1).await?;
    let text = deploy.stdout().to_owned();
    let place = |words: &str| text.find(words).ok_or(format!("`{words}` is not in: {text}"));
    // While it runs, its lines are copied between our own.
    assert!(place("\nout\n")? < place("error: ")?, "{text}");
    assert!(place("\nno database\n")? < place("error: ")?, "{text}");
    assert!(text.ends_with("\n3\n"), "{text}");
    Ok(())
}

#[tokio::test]
async fn a_file_of_ones_choice_gets_both_streams_and_null_gets_neither() -> Outcome {
    let shell = Shell::new()?;
    let file = shell.sandbox.path().join("app.log");
    std::fs::write(&file, "kept\n")?;
    let mut deploy = shell.run("serverswap --output app.log node $SERVER", 1).await?;
    assert_eq!(deploy.stdout().to_owned(), "", "{}", deploy.stderr());
    shell.serves_on(1).await?;
    let text = std::fs::read_to_string(&file)?;
    for words in ["kept\n", "version 1 serves", "was asked for", "answers"] {
        assert!(text.contains(words), "`{words}` is not in: {text}");
    }
    let mut failed = shell.run("serverswap --output app.log sh -c 'echo no database; exit 3'", 2).await?;
    assert!(failed.stderr().contains("the end of its output:"), "{}", failed.stderr());
    assert!(failed.stderr().contains("    no database\n"), "{}", failed.stderr());
    let mut silent = shell.run("serverswap --output null node $SERVER", 3).await?;
    assert!(!silent.stderr().contains("version 3 starts"), "{}", silent.stderr());
    shell.serves_on(3).await?;
    let kept = std::fs::read_dir(shell.sandbox.state_home().join("serverswap"))?;
    let kept: Vec<_> = kept.flatten().map(|entry| entry.file_name()).collect();
    assert_eq!(kept, ["history.jsonl"], "there is no log of what goes elsewhere");
    Ok(())
}

#[tokio::test]
async fn a_file_that_cannot_be_opened_starts_nothing() -> Outcome {
    let shell = Shell::new()?;
    let mut deploy = shell.run("serverswap --output /no/such/log node $SERVER; exit $?", 1).await?;
    assert_eq!(deploy.exit().await?.status, 125);
    assert!(deploy.stderr().contains("`/no/such/log` cannot be opened"), "{}", deploy.stderr());
    Ok(())
}

#[tokio::test]
async fn a_service_whose_stderr_is_a_pipe_keeps_it_when_its_supervisor_is_killed() -> Outcome {
    let shell = Shell::new()?;
    // As a container or a service manager has it: no terminal, and a reader that outlives everything.
    let line = "setsid --wait env -u SSH_CONNECTION serverswap-deploy node $SERVER 2>&1 | cat";
    let mut service = shell.line(line, 1).start()?;
    service.prints("up after").await?;
    let remaining = shell.sandbox.remaining();
    let supervisor = remaining.iter().find(|process| process.command.starts_with("serverswap-deploy"));
    crate::processes::signal(supervisor.ok_or("it stays")?.pid, Signal::KILL)?;
    shell.serves_on(1).await?;
    service.prints("version 1 answers").await?;
    Ok(())
}

#[tokio::test]
async fn logs_shows_what_a_server_prints_and_what_the_one_before_it_printed() -> Outcome {
    let shell = Shell::new()?;
    shell.run("serverswap node $SERVER | cat", 1).await?;
    shell.serves_on(1).await?;
    shell.run("serverswap node $SERVER | cat", 2).await?;
    let mut failed = shell.run("serverswap sh -c 'echo no database; exit 3' | cat", 3).await?;
    assert!(failed.stdout().contains("no database"));
    let logs = async |arguments: &str| {
        let mut logs = shell.run(&format!("serverswap logs {arguments}"), 0).await?;
        Ok::<_, Box<dyn std::error::Error>>((logs.exit().await?.status, logs.stdout().to_owned()))
    };
    let address = shell.address.to_string();
    let (status, newest) = logs("").await?;
    assert_eq!((status, newest.as_str()), (0, "no database\n"), "the newest generation failed");
    let (_, serving) = logs(&address).await?;
    assert!(serving.starts_with("version 2 starts\n"), "{serving}");
    let (_, before) = logs(&format!("--previous {address}")).await?;
    assert!(before.contains("version 1 was asked for"), "{before}");
    assert_eq!(logs("nobody").await?, (3, String::new()));
    Ok(())
}

#[tokio::test]
async fn logs_follows_a_server_until_it_has_ended() -> Outcome {
    let shell = Shell::new()?;
    shell.run("serverswap node $SERVER 2>&1 | cat", 1).await?;
    let mut follow = shell.line(&format!("serverswap logs -f {}", shell.address), 0).start()?;
    follow.prints("version 1 starts").await?;
    shell.serves_on(1).await?;
    follow.prints("version 1 was asked for").await?;
    follow.prints("version 1 answers").await?;
    shell.run("serverswap node $SERVER 2>&1 | cat", 2).await?;
    assert_eq!(follow.exit().await?.status, 0, "{}", follow.stderr());
    assert!(follow.stderr().contains("no process can write to this log"), "{}", follow.stderr());
    Ok(())
}

#[tokio::test]
async fn logs_says_where_the_output_goes_instead() -> Outcome {
    let shell = Shell::new()?;
    shell.run("serverswap --output app.log node $SERVER", 1).await?;
    let mut logs = shell.run("serverswap logs", 0).await?;
    let file = shell.sandbox.path().join("app.log");
    assert_eq!(logs.exit().await?.status, 3);
    assert!(logs.stderr().contains(&format!("its output goes to `{}`", file.display())), "{}", logs.stderr());
    assert!(logs.stderr().contains(&format!("`tail -f {}`", file.display())), "{}", logs.stderr());
    Ok(())
}

#[tokio::test]
async fn a_result_that_cannot_be_written_is_an_error_and_a_reader_that_has_gone_is_none() -> Outcome {
    let shell = Shell::new()?;
    let mut deploy = shell.run("serverswap --json node $SERVER >/dev/full", 1).await?;
    assert_eq!(deploy.exit().await?.status, 125, "{}", deploy.stderr());
    assert!(deploy.stderr().contains("cannot be written to stdout: No space left"), "{}", deploy.stderr());
    shell.serves_on(1).await?;
    for tool in ["status", "status --json", "completions bash", "man", "--help", "--version"] {
        let mut full = shell.run(&format!("serverswap {tool} >/dev/full"), 0).await?;
        assert_eq!(full.exit().await?.status, 125, "{tool}: {}", full.stderr());
        let mut closed = shell.run(&format!("serverswap {tool} | true; exit ${{PIPESTATUS[0]}}"), 0).await?;
        assert_eq!(closed.exit().await?.status, 0, "{tool}: {}", closed.stderr());
    }
    Ok(())
}

#[tokio::test]
async fn a_deploy_inside_the_served_application_prints_to_nothing_of_the_old_generation() -> Outcome {
    let shell = Shell::new()?;
    let webhook = shell.sandbox.programs().fixture("webhook.js");
    // The reader of the pipe ends with the old generation.
    let how = "serverswap-deploy node $SERVER 2>&1 | cat";
    let mut first =
        shell.line(&format!("exec serverswap-deploy node {webhook}"), 1).env("HOW", how).start()?;
    first.says("up after").await?;
    let pid = ask(&Target::try_from(&shell.address)?, LIMIT).await?.pid.ok_or("no pid")?;
    crate::processes::signal(pid, Signal::USR2)?;
    assert_eq!(first.exit().await?.status, 0, "{}", first.stderr());
    shell.serves_on(2).await?;
    assert!(shell.logs()?.contains("version 2 was asked for"), "{}", first.stderr());
    Ok(())
}
