//! What a terminal does to its foreground group: it reaches the supervisor and nobody else.

use std::path::Path;

use rustix::process::{Pid, Signal, kill_process_group};

use crate::Outcome;
use crate::pty::Pty;
use crate::shop::Shop;

/// The test starts every command in a group of its own, as a shell does.
fn to_the_group_of(pid: u32, signal: Signal) -> Outcome {
    let group = Pid::from_raw(i32::try_from(pid)?).ok_or("no group")?;
    Ok(kill_process_group(group, signal)?)
}

#[tokio::test]
async fn a_closed_terminal_ends_neither_a_deploy_nor_a_server() -> Outcome {
    let mut shop = Shop::open().await?;
    rustix::fs::mkfifoat(
        rustix::fs::CWD,
        shop.sandbox.path().join("gate"),
        rustix::fs::Mode::RUSR | rustix::fs::Mode::WUSR,
    )?;
    let pty = Pty::open()?;
    let deploy = format!(
        "exec setsid --ctty --wait {} sh -c 'echo begun; read line < gate; exit 7' <{}",
        shop.sandbox.programs().serverswap_deploy.display(),
        pty.path.display()
    );
    let mut deploy = shop.sandbox.command(Path::new("sh"), ["-c", &deploy]).start()?;
    deploy.prints("begun").await?;
    drop(pty);
    deploy.says("HUP").await?;
    std::fs::write(shop.sandbox.path().join("gate"), "go on\n")?;
    assert_eq!(deploy.exit().await?.status, 7, "{}", deploy.stderr());
    assert_eq!(shop.replace(2).await?.status, 0);
    Ok(())
}

#[tokio::test]
async fn ctrl_c_before_the_new_server_is_up_does_not_reach_the_old_one() -> Outcome {
    let shop = Shop::open().await?;
    let (old, _) = shop.ask().await?;
    let deploy = shop.sandbox.serverswap(["sh", "-c", "trap 'echo INT' INT; echo begun; sleep 600"]);
    let mut deploy = deploy.start()?;
    deploy.prints("begun").await?;
    to_the_group_of(deploy.pid(), Signal::INT)?;
    assert_eq!(deploy.exit().await?.status, 128 + 2, "{}", deploy.stderr());
    assert!(!deploy.stdout().contains("INT"), "it is TERM that the new server gets");
    assert_eq!(shop.ask().await?, (old, "1".to_owned()));
    assert_eq!(shop.sandbox.remaining().len(), 2, "{:?}", shop.sandbox.remaining());
    Ok(())
}
