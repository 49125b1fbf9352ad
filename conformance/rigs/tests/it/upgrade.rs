//! `upgrade`: two builds in turn. Here both are this one, or requests fail with one.

use std::os::unix::fs::symlink;
use std::path::Path;

use serverswap_conformance::sandbox::{Programs, SandboxError};
use serverswap_rigs::upgrade::{Build, DEPLOYS_MIN, Upgrade, UpgradeError, run};

use crate::executable::executable;

type Outcome = Result<(), Box<dyn std::error::Error>>;

fn from(folder: &Path) -> Upgrade {
    Upgrade { from: folder.to_owned(), deploys: DEPLOYS_MIN }
}

#[tokio::test]
async fn a_build_is_upgraded_to_itself_and_back_and_loses_nothing() -> Outcome {
    let programs = Programs::find();
    let upgraded = run(&from(programs.serverswap.parent().ok_or("no folder")?)).await?;
    assert!(upgraded.is_good(), "{:?}, {:?}", upgraded.wrong, upgraded.tally.failed_by_kind());
    assert_eq!((upgraded.forth, upgraded.back), (DEPLOYS_MIN / 2, DEPLOYS_MIN / 2));
    assert!([Build::Other, Build::This].iter().all(|build| upgraded.killed.contains(build)));
    Ok(())
}

#[tokio::test]
async fn a_build_with_which_requests_fail_is_not_good() -> Outcome {
    let (programs, folder) = (Programs::find(), tempfile::tempdir()?);
    for program in [&programs.serverswap, &programs.serverswap_deploy] {
        symlink(program, folder.path().join(program.file_name().ok_or("no name")?))?;
    }
    let server = folder.path().join("on-tokio");
    executable(
        &server,
        &format!("#!/bin/sh\nADDRESS=$1 exec node {}\n", programs.fixture("flaky.js")),
        0o755,
    );
    let upgraded = run(&from(folder.path())).await?;
    assert!(upgraded.tally.failed() > 0 && !upgraded.is_good());
    Ok(())
}

#[tokio::test]
async fn a_folder_without_the_programs_is_an_error() -> Outcome {
    let folder = tempfile::tempdir()?;
    let ended = run(&from(folder.path())).await;
    assert!(matches!(ended, Err(UpgradeError::Sandbox(SandboxError::Missing { .. }))), "{ended:?}");
    Ok(())
}
