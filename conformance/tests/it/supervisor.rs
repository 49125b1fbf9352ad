//! The cases of the role supervisor, against our own commands and against commands that are none.

use std::path::PathBuf;

use serverswap_conformance::report::{Case, Outcome as CaseOutcome, Report, Role};
use serverswap_conformance::sandbox::Programs;
use serverswap_conformance::scenario::{Catalogue, Selection};
use serverswap_conformance::supervisor::{SupervisorCommand, SupervisorError, SupervisorSettings, run};
use serverswap_protocol::trace::Side;

use crate::PATIENT;
use crate::recordings::reports::accuse_nobody;

type Outcome = Result<(), Box<dyn std::error::Error>>;

fn command(words: &[&str]) -> SupervisorCommand {
    SupervisorCommand {
        words: words.iter().map(ToString::to_string).collect(),
        fake_server: PathBuf::from(env!("CARGO_BIN_EXE_serverswap-conformance")),
    }
}

fn deploy() -> String {
    Programs::find().serverswap_deploy.display().to_string()
}

fn selected(only: &str, command: &SupervisorCommand) -> Result<Report, Box<dyn std::error::Error>> {
    let settings = SupervisorSettings { budget: PATIENT };
    Ok(run(&Catalogue::embedded()?, &Selection::only(only), command, settings)?)
}

/// What went wrong in a case, and what was said.
fn account(case: &Case) -> String {
    let failed = case.checks.iter().filter(|check| !check.passed);
    let checks: Vec<String> = failed
        .map(|check| format!("{}: {}", check.name, check.message.as_deref().unwrap_or_default()))
        .collect();
    let lines: Vec<&str> = case.trace.iter().map(|line| line.line.as_str()).collect();
    format!("{} {:?}\n{}\n{}\n{}", case.id, case.outcome, checks.join("\n"), lines.join("\n"), case.stderr)
}

#[test]
fn serverswap_deploy_conforms_and_the_recordings_accuse_nobody() -> Outcome {
    let report = selected("supervisor", &command(&[&deploy()]))?;
    let bad: Vec<String> =
        report.cases.iter().filter(|case| case.outcome != CaseOutcome::Passed).map(account).collect();
    assert!(bad.is_empty(), "{}", bad.join("\n\n"));
    assert_eq!((report.subject.role, report.subject.name.as_str()), (Role::Supervisor, "serverswap"));
    assert!(report.cases.len() > 80, "{}", report.cases.len());
    accuse_nobody(&report, Side::Arbiter);
    Ok(())
}

#[test]
fn a_command_that_keeps_the_generation_from_its_server_fails_the_check_that_says_so() -> Outcome {
    let command = command(&[&deploy(), "env", "-u", "SERVERSWAP_GENERATION"]);
    let Err(error) = selected("supervisor/negotiate/greeting-first", &command) else {
        return Err("a server without a generation was taken".into());
    };
    assert!(error.to_string().contains("no `SERVERSWAP_GENERATION`"), "{error}");
    Ok(())
}

#[test]
fn a_command_that_supervises_nothing_is_named_with_what_it_did() -> Outcome {
    for (words, expected) in [
        (["sh", "-c", "echo no luck >&2; exit 3"].as_slice(), "the command ended with status 3"),
        (["env"].as_slice(), "no `SERVERSWAP_SOCKET`"),
    ] {
        let error = selected("supervisor", &command(words)).map(drop).expect_err("it is no supervisor");
        let text = error.to_string();
        assert!(matches!(error.downcast_ref(), Some(SupervisorError::NoSupervisor { .. })), "{text}");
        assert!(text.contains(expected), "{text}");
    }
    let error =
        selected("supervisor", &command(&["/nowhere/supervisor"])).map(drop).expect_err("it is not there");
    assert_eq!(error.to_string(), "cannot run `/nowhere/supervisor`: there is no such program");
    Ok(())
}

#[test]
fn a_case_that_there_is_not_is_named() -> Outcome {
    let error = selected("supervisor/negotiate/later", &command(&[&deploy()])).map(drop).expect_err("none");
    assert_eq!(error.to_string(), "there is no case `supervisor/negotiate/later` of the role supervisor");
    Ok(())
}
