//! Addresses and directories that cannot be had: a clear error, and nothing is touched.

use std::net::TcpListener;
use std::os::unix::fs::symlink;

use serverswap_conformance::sandbox::{Sandbox, free_port};

use crate::Outcome;
use crate::shop::Shop;

#[tokio::test]
async fn an_address_that_another_program_holds_is_refused_with_its_pid_and_name() -> Outcome {
    let shop = Shop::open().await?;
    let port = free_port();
    let _taken = TcpListener::bind(("127.0.0.1", port))?;
    let mut command = shop.deploy(2).env("ADDRESS", format!("127.0.0.1:{port}")).start()?;
    let exit = command.exit().await?;
    let stderr = command.stderr();
    assert_ne!(exit.status, 0);
    assert!(stderr.contains(&format!("pid {}", std::process::id())), "{stderr}");
    assert_eq!(shop.ask().await?.1, "1");
    Ok(())
}

#[tokio::test]
async fn a_text_that_is_no_address_is_refused_with_what_to_write_instead() -> Outcome {
    let shop = Shop::open().await?;
    let mut command = shop.deploy(2).env("ADDRESS", "localhost:8080").start()?;
    let exit = command.exit().await?;
    let stderr = command.stderr();
    assert_ne!(exit.status, 0);
    assert!(stderr.contains("names are not looked up"), "{stderr}");
    assert_eq!(shop.ask().await?.1, "1");
    Ok(())
}

/// `serverswap-deploy true` in a runtime directory that is not usable.
async fn in_directory(directory: &std::path::Path, words: &str) -> Outcome {
    let sandbox = Sandbox::new()?;
    let mut command = sandbox.deploy(["true"]).env("SERVERSWAP_DIR", directory).start()?;
    let exit = command.exit().await?;
    let stderr = command.stderr();
    assert_eq!(exit.status, 125, "{stderr}");
    assert!(stderr.contains(words), "`{words}` is not in: {stderr}");
    assert!(stderr.contains("hint: "), "{stderr}");
    Ok(())
}

#[tokio::test]
async fn a_runtime_directory_that_is_a_symlink_is_refused() -> Outcome {
    let folder = tempfile::tempdir()?;
    std::fs::create_dir(folder.path().join("real"))?;
    symlink(folder.path().join("real"), folder.path().join("link"))?;
    in_directory(&folder.path().join("link"), "symbolic link").await
}

#[tokio::test]
async fn a_runtime_directory_that_is_too_long_for_a_socket_is_refused() -> Outcome {
    let folder = tempfile::tempdir()?;
    in_directory(&folder.path().join("d".repeat(100)), "too long").await
}

#[tokio::test]
async fn a_wrong_option_is_a_usage_error() -> Outcome {
    let sandbox = Sandbox::new()?;
    let mut command = sandbox.deploy(["--ready-timeout", "soon", "true"]).start()?;
    let exit = command.exit().await?;
    assert_eq!(exit.status, 2, "{}", command.stderr());
    assert!(command.stderr().contains("soon"));
    Ok(())
}
