//! A sandbox knows what runs in it, hears what it says, and ends all of it.

use std::path::Path;

use rustix::process::Signal;
use serverswap_conformance::sandbox::{Invocation, Sandbox, SandboxError, Started};

type Outcome = Result<(), Box<dyn std::error::Error>>;

fn shell(sandbox: &Sandbox, script: &str) -> Invocation {
    sandbox.command(Path::new("/bin/sh"), ["-c", script])
}

#[tokio::test]
async fn the_output_of_a_program_is_read_line_by_line() -> Outcome {
    let sandbox = Sandbox::new()?;
    let mut program = shell(&sandbox, "echo one; echo two >&2; echo three >&2; exit 7").start()?;
    assert_eq!(program.says("three").await?, "three");
    assert_eq!(program.exit().await?.status, 7);
    assert_eq!(program.stdout(), "one\n");
    assert_eq!(program.stderr(), "two\nthree\n");
    Ok(())
}

#[tokio::test]
async fn a_program_that_ends_without_the_expected_text_is_an_error_with_all_its_output() -> Outcome {
    let sandbox = Sandbox::new()?;
    let mut program = shell(&sandbox, "echo no luck >&2; exit 3").start()?;
    let error = program.says("ready").await.map(drop);
    assert!(
        matches!(&error, Err(SandboxError::Ended { status: 3, said, .. }) if said == "no luck\n"),
        "{error:?}"
    );
    Ok(())
}

#[tokio::test]
async fn what_is_printed_after_the_program_has_ended_is_read_too() -> Outcome {
    let sandbox = Sandbox::new()?;
    let script = "mkfifo gate; { read word < gate; echo late; } & exit 0";
    let mut program = shell(&sandbox, script).start()?;
    program.exit().await?;
    std::fs::write(sandbox.path().join("gate"), "go\n")?;
    assert_eq!(program.prints("late").await?, "late");
    Ok(())
}

#[tokio::test]
async fn a_death_by_a_signal_is_128_and_its_number() -> Outcome {
    let sandbox = Sandbox::new()?;
    let mut program = shell(&sandbox, "echo begun; sleep 600").start()?;
    program.prints("begun").await?;
    program.signal(Signal::TERM);
    assert_eq!(program.exit().await?.status, 128 + 15);
    Ok(())
}

#[tokio::test]
async fn the_end_of_a_world_is_the_end_of_every_process_in_it_wherever_it_has_hidden() -> Outcome {
    let sandbox = Sandbox::new()?;
    let mut program = shell(&sandbox, "setsid sh -c 'echo hidden; exec sleep 600' & exit 0").start()?;
    program.exit().await?;
    program.prints("hidden").await?;
    let remaining = sandbox.remaining();
    assert_eq!(remaining.len(), 1, "{remaining:?}");
    sandbox.end();
    assert!(sandbox.remaining().is_empty());
    Ok(())
}

#[tokio::test]
async fn a_program_that_is_not_built_is_named_with_what_to_do() -> Outcome {
    let sandbox = Sandbox::new()?;
    let missing: Result<Started, SandboxError> =
        sandbox.command(Path::new("/nowhere/serverswap"), [""; 0]).start();
    let error = missing.err().ok_or("there is no such program")?.to_string();
    assert_eq!(
        error,
        "there is no `/nowhere/serverswap`; `make build` makes it, or `SERVERSWAP_BIN_DIR` says where it is"
    );
    Ok(())
}
