//! Rehearsals of good servers and of bad ones: what is found, and that nothing else is.

use std::time::Duration;

use serverswap_conformance::rehearse::{Finding, Language, Rehearsal, RehearseError, Rehearsed, run};
use serverswap_conformance::sandbox::{Programs, free_address, free_port};
use serverswap_load::Failure;

type Outcome = Result<(), Box<dyn std::error::Error>>;

/// A rehearsal of `OPTIONS… env ADDRESS=… VERSION=1 SERVER`.
fn rehearsal(options: &str, server: &[String], swaps: u32) -> Rehearsal {
    let options = options.split(' ').map(str::to_owned);
    let environment = ["env".to_owned(), format!("ADDRESS={}", free_address()), "VERSION=1".to_owned()];
    let command = options.chain(environment).chain(server.iter().cloned()).collect();
    Rehearsal { command, swaps, address: None, path: "/".to_owned(), limit: Duration::from_secs(60) }
}

fn node(file: String) -> Vec<String> {
    vec!["node".to_owned(), file]
}

fn example(file: &str) -> Vec<String> {
    node(Programs::find().example(file))
}

fn fixture(file: &str) -> Vec<String> {
    node(Programs::find().fixture(file))
}

fn shell(script: &str) -> Vec<String> {
    ["sh", "-c", script].map(str::to_owned).to_vec()
}

async fn only_finding(rehearsal: Rehearsal) -> Result<Finding, Box<dyn std::error::Error>> {
    let rehearsed = run(&rehearsal).await?;
    assert!(!rehearsed.is_good());
    match rehearsed.findings.as_slice() {
        [finding] => Ok(finding.clone()),
        findings => Err(format!("{findings:#?}").into()),
    }
}

fn assert_good(rehearsed: &Rehearsed, swaps: usize) {
    assert_eq!(rehearsed.findings, []);
    assert_eq!(rehearsed.swaps.len(), swaps);
    assert!(rehearsed.tally.ok() > 0 && rehearsed.is_good() && rehearsed.model.is_some());
}

#[tokio::test]
async fn the_example_is_good_under_a_command_that_leaves() -> Outcome {
    assert_good(&run(&rehearsal("serverswap", &example("node/http.js"), 3)).await?, 3);
    Ok(())
}

#[tokio::test]
async fn the_example_is_good_under_a_command_that_stays() -> Outcome {
    assert_good(&run(&rehearsal("serverswap-deploy", &example("node/http.js"), 3)).await?, 3);
    assert_good(&run(&rehearsal("serverswap --stay", &example("node/http.js"), 1)).await?, 1);
    Ok(())
}

#[tokio::test]
async fn a_server_without_the_library_is_good_when_it_is_intercepted() -> Outcome {
    let mut server = fixture("plain.js");
    server.push(free_port().to_string());
    assert_good(&run(&rehearsal("serverswap --intercept --probation 0", &server, 2)).await?, 2);
    Ok(())
}

#[tokio::test]
async fn for_a_server_that_closes_idle_connections_at_once_its_keep_alive_clients_are_reported() -> Outcome {
    let rehearsed = run(&rehearsal("serverswap-deploy", &fixture("close.js"), 5)).await?;
    let of_a_close = |finding: &Finding| match finding {
        Finding::IdleClosed { .. } => true,
        Finding::Lost { failure, .. } => {
            matches!(failure, Failure::ReusedClosed | Failure::ReusedReset | Failure::ResetAfterSent)
        }
        Finding::DeployFailed { .. }
        | Finding::NotInTime { .. }
        | Finding::CommandFailed { .. }
        | Finding::Overran { .. }
        | Finding::LeftBehind { .. }
        | Finding::Recorded { .. } => false,
    };
    assert!(!rehearsed.is_good() && rehearsed.findings.iter().all(of_a_close), "{:#?}", rehearsed.findings);
    Ok(())
}

#[tokio::test]
async fn a_server_that_ends_well_without_a_claim_fails_its_first_start() -> Outcome {
    for program in ["serverswap", "serverswap-deploy"] {
        let finding = only_finding(rehearsal(program, &shell("exit 0"), 2)).await?;
        assert!(matches!(finding, Finding::DeployFailed { swap: 0, status: 122, .. }), "{finding:?}");
    }
    Ok(())
}

#[tokio::test]
async fn the_error_of_a_server_that_ends_is_shown_whole() -> Outcome {
    let server =
        ["node", "-e", "function connect() { throw new Error('no database') }\nconnect()"].map(str::to_owned);
    for program in ["serverswap", "serverswap-deploy"] {
        let finding = only_finding(rehearsal(program, &server, 1)).await?;
        let Finding::DeployFailed { said, .. } = finding else { return Err(format!("{finding:?}").into()) };
        assert!(said.iter().any(|line| line.contains("Error: no database")), "{said:#?}");
    }
    Ok(())
}

#[tokio::test]
async fn a_server_that_is_never_ready_fails_its_first_start() -> Outcome {
    let options = "serverswap-deploy --ready-timeout 300ms";
    let finding = only_finding(rehearsal(options, &shell("sleep 600"), 2)).await?;
    assert!(matches!(finding, Finding::DeployFailed { swap: 0, status: 124, .. }), "{finding:?}");
    Ok(())
}

#[tokio::test]
async fn the_child_that_a_server_leaves_behind_is_reported() -> Outcome {
    let rehearsed = run(&rehearsal("serverswap-deploy", &fixture("leaves-child.js"), 1)).await?;
    // Each of the two generations leaves one.
    let is_reported =
        |finding: &Finding| matches!(finding, Finding::LeftBehind { command, .. } if command == "sleep 600");
    assert!(rehearsed.findings.len() == 2 && rehearsed.findings.iter().all(is_reported), "{rehearsed:#?}");
    Ok(())
}

#[tokio::test]
async fn a_server_that_never_finishes_its_drain_is_reported_as_overrun() -> Outcome {
    let rehearsed =
        run(&rehearsal("serverswap-deploy --drain-timeout 8s", &fixture("never-done.js"), 1)).await?;
    let overran = |finding: &Finding| matches!(finding, Finding::Overran { swap: 1, .. });
    assert!(rehearsed.findings.iter().any(overran), "{:#?}", rehearsed.findings);
    Ok(())
}

#[tokio::test]
async fn a_worker_that_a_start_script_waits_for_is_named_and_not_the_server() -> Outcome {
    let server = Programs::find().example("node/http.js");
    let script = shell(&format!("sleep 600 & node {server}; wait"));
    let rehearsed = run(&rehearsal("serverswap-deploy --drain-timeout 8s", &script, 1)).await?;
    let [Finding::Overran { swap: 1, beside, .. }] = rehearsed.findings.as_slice() else {
        return Err(format!("{:#?}", rehearsed.findings).into());
    };
    assert!(beside.iter().any(|process| process.command == "sleep 600"), "{beside:?}");
    assert_eq!(rehearsed.language, Language::Node);
    Ok(())
}

#[tokio::test]
async fn a_server_that_refuses_what_it_accepted_while_it_drains_does_so_in_swaps_only() -> Outcome {
    let server = fixture("refuses-while-draining.js");
    let rehearsed = run(&rehearsal("serverswap-deploy", &server, 5)).await?;
    let refused = |finding: &Finding| matches!(finding, Finding::Lost { failure: Failure::BadStatus, in_swaps, between } if in_swaps > between);
    assert!(rehearsed.findings.iter().all(refused) && !rehearsed.is_good(), "{:#?}", rehearsed.findings);
    Ok(())
}

#[tokio::test]
async fn a_path_that_is_not_there_is_a_bad_status_and_another_one_is_good() -> Outcome {
    let bad = rehearsal("serverswap", &fixture("not-found.js"), 1);
    let good = Rehearsal { path: "/health".to_owned(), ..bad.clone() };
    let finding = only_finding(bad).await?;
    assert!(matches!(finding, Finding::Lost { failure: Failure::BadStatus, .. }), "{finding:?}");
    assert_good(&run(&good).await?, 1);
    Ok(())
}

#[tokio::test]
async fn a_server_that_fails_in_the_second_start_leaves_the_first_one_in_service() -> Outcome {
    let once = tempfile::tempdir()?;
    let mark = once.path().join("started").display().to_string();
    let server = Programs::find().example("node/http.js");
    let script = format!("mkdir {mark} || exit 7; exec node {server}");
    let finding = only_finding(rehearsal("serverswap-deploy", &shell(&script), 3)).await?;
    assert!(matches!(finding, Finding::DeployFailed { swap: 1, status: 7, .. }), "{finding:?}");
    Ok(())
}

#[tokio::test]
async fn a_name_without_a_socket_cannot_be_rehearsed() -> Outcome {
    let result = run(&rehearsal("serverswap", &fixture("mailer.js"), 1)).await;
    assert!(matches!(result, Err(RehearseError::Target(_))), "{result:?}");
    Ok(())
}
