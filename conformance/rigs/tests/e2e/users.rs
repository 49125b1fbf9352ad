//! Another user: kept out of our supervisor, and a user like any other with a directory of his own.

use std::fs::Permissions;
use std::os::unix::fs::{PermissionsExt, chown};
use std::path::Path;

use serverswap_conformance::sandbox::{Invocation, LIMIT, Sandbox, free_address};
use serverswap_load::{Target, ask};

use crate::Outcome;
use crate::shop::{Shop, configured};

/// Nobody in particular.
pub const OTHER: u32 = 12_345;

/// Prints what the socket says first, and that it is over.
const PROBE: &str = "require('net').connect(process.argv[1])
  .on('error', (error) => console.log(error.code))
  .on('data', (data) => process.stdout.write(data)).on('close', () => console.log('over'))";

pub fn is_root() -> bool {
    let is_root = rustix::process::getuid().is_root();
    if !is_root {
        println!("skipped: only root can run a program as another user");
    }
    is_root
}

pub fn as_other(sandbox: &Sandbox, command: &[String]) -> Invocation {
    let user = OTHER.to_string();
    let options = ["--reuid", &user, "--regid", &user, "--clear-groups"].map(str::to_owned);
    sandbox.command(Path::new("setpriv"), options.into_iter().chain(command.iter().cloned()))
}

fn open_to_all(path: &Path, mode: u32) -> std::io::Result<()> {
    std::fs::set_permissions(path, Permissions::from_mode(mode))
}

#[tokio::test]
async fn another_user_who_reaches_the_socket_receives_not_permitted_and_nothing_else() -> Outcome {
    if !is_root() {
        return Ok(());
    }
    let shop = Shop::open().await?;
    let socket = shop.sandbox.runtime_dir().join("serverswap.sock");
    for (path, mode) in [(shop.sandbox.path(), 0o755), (&shop.sandbox.runtime_dir(), 0o755), (&socket, 0o666)]
    {
        open_to_all(path, mode)?;
    }
    let command = ["node", "-e", PROBE, &socket.display().to_string()].map(str::to_owned);
    let mut probe = as_other(&shop.sandbox, &command).start()?;
    probe.prints("over").await?;
    let text = probe.stdout().to_owned();
    let lines: Vec<&str> = text.lines().collect();
    let error: serde_json::Value = serde_json::from_str(lines[0])?;
    assert_eq!((lines.len(), &error["code"], &error["fatal"]), (2, &"not_permitted".into(), &true.into()));
    assert_eq!(shop.ask().await?.1, "1");
    Ok(())
}

/// A sandbox that belongs to the other user; none where this test cannot run programs as him. The programs and
/// examples are where they are, so every folder above them has to let him in.
pub async fn his_sandbox() -> Result<Option<Sandbox>, Box<dyn std::error::Error>> {
    if !is_root() {
        return Ok(None);
    }
    let sandbox = Sandbox::new()?;
    chown(sandbox.path(), Some(OTHER), Some(OTHER))?;
    Ok(can_run(&sandbox).await?.then_some(sandbox))
}

pub fn his_deploy(sandbox: &Sandbox) -> Invocation {
    let program = sandbox.programs().serverswap_deploy.display().to_string();
    let words = [program, "--probation".to_owned(), "0".to_owned(), "node".to_owned()];
    as_other(sandbox, &[words.as_slice(), &[sandbox.programs().example("node/http.js")]].concat())
}

/// Whether the build can be run by somebody else: a checkout in a home folder cannot.
pub async fn can_run(sandbox: &Sandbox) -> Result<bool, Box<dyn std::error::Error>> {
    let program = sandbox.programs().serverswap.display().to_string();
    let read = format!("test -x '{program}' && test -r '{}'", sandbox.programs().example("node/http.js"));
    let mut test = as_other(sandbox, &["sh".to_owned(), "-c".to_owned(), read]).start()?;
    let can_run = test.exit().await?.status == 0;
    if !can_run {
        println!("skipped: user {OTHER} cannot read this build");
    }
    Ok(can_run)
}

#[tokio::test]
async fn a_user_without_rights_deploys_in_a_directory_of_his_own() -> Outcome {
    let Some(sandbox) = his_sandbox().await? else {
        return Ok(());
    };
    let address = free_address();
    let mut first = configured(his_deploy(&sandbox), &address, 1).start()?;
    first.prints("version 1 serves").await?;
    let mut second = configured(his_deploy(&sandbox), &address, 2).start()?;
    second.prints("version 2 serves").await?;
    assert_eq!(first.exit().await?.status, 0, "{}", first.stderr());
    assert_eq!(ask(&Target::try_from(&address)?, LIMIT).await?.version.as_deref(), Some("2"));
    assert_eq!(sandbox.remaining().len(), 2, "{:?}", sandbox.remaining());
    Ok(())
}

#[tokio::test]
async fn a_privileged_port_without_the_right_is_refused_and_the_old_server_serves_on() -> Outcome {
    let first_free = std::fs::read_to_string("/proc/sys/net/ipv4/ip_unprivileged_port_start")?;
    if first_free.trim().parse::<u16>()? <= 80 {
        println!("skipped: port 80 is open to everybody on this machine");
        return Ok(());
    }
    let Some(sandbox) = his_sandbox().await? else {
        return Ok(());
    };
    let address = free_address();
    let mut first = configured(his_deploy(&sandbox), &address, 1).start()?;
    first.prints("version 1 serves").await?;
    let mut refused = his_deploy(&sandbox).env("ADDRESS", "127.0.0.1:80").env("VERSION", "2").start()?;
    let exit = refused.exit().await?;
    let stderr = refused.stderr();
    assert_ne!(exit.status, 0);
    let last: Vec<&str> = stderr.lines().rev().take(2).collect();
    assert!(last[1].contains(" error: ") && last[1].contains("may not be opened"), "{stderr}");
    assert!(last[0].contains(" hint: a port below 1024"), "{stderr}");
    assert_eq!(ask(&Target::try_from(&address)?, LIMIT).await?.version.as_deref(), Some("1"));
    assert_eq!(sandbox.remaining().len(), 2, "{:?}", sandbox.remaining());
    Ok(())
}

#[tokio::test]
async fn a_runtime_directory_of_another_user_is_refused() -> Outcome {
    let Some(sandbox) = his_sandbox().await? else {
        return Ok(());
    };
    std::fs::create_dir(sandbox.runtime_dir())?;
    let mut refused = his_deploy(&sandbox).start()?;
    assert_eq!(refused.exit().await?.status, 125);
    let text = refused.stderr();
    assert!(text.contains("belongs to uid 0, not to uid 12345") && text.contains("hint: "), "{text}");
    Ok(())
}

#[tokio::test]
async fn root_looks_into_the_directory_of_another_user_and_acts_there_as_that_user() -> Outcome {
    let Some(sandbox) = his_sandbox().await? else {
        return Ok(());
    };
    let address = free_address();
    let mut first = configured(his_deploy(&sandbox), &address, 1).start()?;
    first.says("now served by").await?;
    let mut status = sandbox.serverswap(["status", &address.to_string()]).start()?;
    assert_eq!(status.exit().await?.status, 0, "{}", status.stderr());
    let file = sandbox.programs().example("node/http.js");
    let mut second = configured(sandbox.deploy(["node", &file]), &address, 2).start()?;
    second.says("acting as uid 12345, the owner of").await?;
    second.prints("version 2 serves").await?;
    assert_eq!(first.exit().await?.status, 0, "{}", first.stderr());
    for process in sandbox.remaining() {
        let owner = std::fs::metadata(format!("/proc/{}", process.pid))?;
        assert_eq!(std::os::unix::fs::MetadataExt::uid(&owner), OTHER, "{process:?}");
    }
    // The same user finds it.
    let mut third = configured(his_deploy(&sandbox), &address, 3).start()?;
    third.prints("version 3 serves").await?;
    assert_eq!(second.exit().await?.status, 0, "{}", second.stderr());
    Ok(())
}

#[tokio::test]
async fn a_user_without_a_session_meets_the_server_that_was_started_in_one() -> Outcome {
    let Some(sandbox) = his_sandbox().await? else {
        return Ok(());
    };
    let address = free_address();
    let session = sandbox.path().join("session");
    std::fs::create_dir(&session)?;
    chown(&session, Some(OTHER), Some(OTHER))?;
    let deploy = |version, runtime: &Path| {
        let command = configured(his_deploy(&sandbox), &address, version);
        command.env("SERVERSWAP_DIR", "").env("XDG_RUNTIME_DIR", runtime)
    };
    // As cron starts it: without a session the place is `/tmp/serverswap-UID`.
    let mut first = deploy(1, Path::new("")).start()?;
    first.prints("version 1 serves").await?;
    let mut second = deploy(2, &session).start()?;
    second.prints("version 2 serves").await?;
    assert_eq!(first.exit().await?.status, 0, "{}", second.stderr());
    second.signal(rustix::process::Signal::TERM);
    second.exit().await?;
    std::fs::remove_dir_all(format!("/tmp/serverswap-{OTHER}"))?;
    Ok(())
}

#[tokio::test]
async fn everything_in_the_runtime_directory_is_for_its_owner_alone() -> Outcome {
    let mut shop = Shop::open().await?;
    shop.serving.says("up after").await?;
    let directory = shop.sandbox.runtime_dir();
    let mode = |path: &Path| Ok::<_, std::io::Error>(path.symlink_metadata()?.permissions().mode() & 0o7777);
    assert_eq!(mode(&directory)?, 0o700);
    for name in ["lock", "serverswap.sock", "state.json"] {
        assert_eq!(mode(&directory.join(name))?, 0o600, "{name}");
    }
    Ok(())
}
