//! `--adopt`: an address that a process holds which serverswap did not start.

use rustix::process::Signal;
use serverswap_conformance::sandbox::{LIMIT, Started, free_address};
use serverswap_load::ask;
use serverswap_protocol::Address;

use crate::Outcome;
use crate::shop::{configured, nothing_failed};
use crate::sockets::{Result, Stall};
use crate::users::{as_other, his_sandbox};

/// A server that serverswap did not start, at the address of a stall.
async fn foreign(stall: &Stall) -> Result<Started> {
    let mut words = stall.server(&format!("port {}", stall.port())).into_iter();
    let program = words.next().ok_or("no program")?;
    let mut foreign = stall.sandbox.command(program.as_ref(), words).start()?;
    foreign.prints("version 1 serves").await?;
    Ok(foreign)
}

#[tokio::test]
async fn the_first_deploy_over_a_foreign_server_loses_no_request() -> Outcome {
    let stall = Stall::new()?;
    let mut old = foreign(&stall).await?;
    let load = stall.load().await?;
    let mut first = stall.deploy(&["--adopt", "--probation", "300ms"], "systemd", 2).start()?;
    first.says(&format!("is taken over from pid {}", old.pid())).await?;
    first.says("up after").await?;
    assert_eq!(old.exit().await?.status, 0, "{}", old.stdout());
    assert!(old.stdout().contains("got SIGTERM"), "{}", old.stdout());
    nothing_failed(load).await?;
    assert_eq!(stall.version().await?, "2");
    let mut second = stall.deploy(&["--adopt", "--probation", "0"], "systemd", 3).start()?;
    second.says("up after").await?;
    assert_eq!(first.exit().await?.status, 0, "{}", first.stderr());
    assert!(!second.stderr().contains("is taken over from"), "{}", second.stderr());
    Ok(())
}

#[tokio::test]
async fn so_does_that_of_a_server_that_uses_the_library() -> Outcome {
    let stall = Stall::new()?;
    let mut old = foreign(&stall).await?;
    let load = stall.load().await?;
    let adopt = format!("--adopt={}", stall.address);
    let words = [adopt, "node".to_owned(), stall.sandbox.programs().example("node/http.js")];
    let mut new = configured(stall.sandbox.deploy(words), &stall.address, 2).start()?;
    new.says("up after").await?;
    assert_eq!(old.exit().await?.status, 0, "{}", old.stdout());
    nothing_failed(load).await?;
    assert_eq!(stall.version().await?, "2");
    Ok(())
}

#[tokio::test]
async fn without_the_option_the_error_offers_it_and_the_foreign_server_serves_on() -> Outcome {
    let stall = Stall::new()?;
    let old = foreign(&stall).await?;
    let mut new = stall.deploy(&[], "systemd", 2).start()?;
    assert_eq!(new.exit().await?.status, 124, "{}", new.stderr());
    let stderr = new.stderr().to_owned();
    assert!(stderr.contains(&format!("held by pid {}", old.pid())), "{stderr}");
    assert!(stderr.contains("take the address over without a gap with `--adopt=ADDRESS`"), "{stderr}");
    assert_eq!(stall.version().await?, "1");
    Ok(())
}

#[tokio::test]
async fn a_foreign_server_serves_on_if_the_new_one_fails_and_the_next_deploy_replaces_it() -> Outcome {
    let stall = Stall::new()?;
    let mut old = foreign(&stall).await?;
    let options = ["--adopt", "--ready", "notify", "--ready-timeout", "1s"];
    let mut failed = stall.deploy(&options, "systemd", 2).start()?;
    assert_eq!(failed.exit().await?.status, 124, "{}", failed.stderr());
    assert_eq!(stall.version().await?, "1");
    let load = stall.load().await?;
    let mut new = stall.deploy(&["--adopt", "--probation", "0"], "systemd", 3).start()?;
    new.says("up after").await?;
    assert_eq!(old.exit().await?.status, 0, "{}", old.stdout());
    nothing_failed(load).await?;
    assert_eq!(stall.version().await?, "3");
    Ok(())
}

#[tokio::test]
async fn a_foreign_server_at_another_address_that_is_in_the_way_is_named_with_its_own() -> Outcome {
    let stall = Stall::new()?;
    let old = foreign(&stall).await?;
    let every = Stall { address: format!(":{}", stall.port()).parse()?, sandbox: stall.sandbox };
    let mut new = every.deploy(&["--adopt"], "systemd", 2).start()?;
    assert_eq!(new.exit().await?.status, 125, "{}", new.stderr());
    let stderr = new.stderr().to_owned();
    let expected =
        format!("held by pid {} (`python3`), which cannot be taken over: it listens at", old.pid());
    assert!(stderr.contains(&expected), "{stderr}");
    assert!(
        stderr.contains(&format!(
            "hint: name the address as it has it, for example `--socket {}`",
            stall.address
        ))
    );
    let answer = ask(&(&stall.address as &Address).try_into()?, LIMIT).await?;
    assert_eq!(answer.version.as_deref(), Some("1"));
    old.signal(Signal::TERM);
    Ok(())
}

#[tokio::test]
async fn a_server_of_another_user_is_not_taken_over_and_serves_on() -> Outcome {
    let Some(sandbox) = his_sandbox().await? else {
        return Ok(());
    };
    let stall = Stall { sandbox, address: free_address() };
    let old = foreign(&stall).await?;
    let program = stall.sandbox.programs().serverswap_deploy.display().to_string();
    let options = ["--socket".to_owned(), stall.socket(), "--adopt".to_owned()];
    let words = [vec![program], options.to_vec(), stall.server("systemd")].concat();
    let mut new = as_other(&stall.sandbox, &words).start()?;
    assert_eq!(new.exit().await?.status, 125, "{}", new.stderr());
    let said = new.stderr();
    assert!(said.contains("cannot be taken over: it is another user's, or one that only root"), "{said}");
    assert!(said.contains("hint: run the command as root"), "{said}");
    assert_eq!(stall.version().await?, "1");
    old.signal(Signal::TERM);
    Ok(())
}

#[tokio::test]
async fn where_nobody_has_the_address_there_is_nothing_to_take_over() -> Outcome {
    let stall = Stall::new()?;
    let mut new = stall.deploy(&["--adopt"], "systemd", 1).start()?;
    new.says("up after").await?;
    assert_eq!(stall.version().await?, "1");
    Ok(())
}
