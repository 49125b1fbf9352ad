//! A deploy that begins inside the served application, as a webhook's does.

use rustix::process::Signal;
use serverswap_conformance::sandbox::{Invocation, Sandbox, free_address};

use crate::Outcome;
use crate::processes::{ended, parent, signal};
use crate::shop::{Shop, configured, nothing_failed};

/// In the background of a shell that ends.
const BACKGROUND: &str = "nohup $DEPLOY &";

/// In the foreground, so that the shell of the old version waits for it, and then goes on.
const FOREGROUND: &str = "$DEPLOY; echo after the deploy";

/// By a wrapper that passes a TERM on, as npm does.
const PASSES_TERM_ON: &str = "trap 'kill $!' TERM; $DEPLOY & wait";

/// By a wrapper that clears the environment, as sudo does.
const CLEARED: &str = "env -i PATH=$PATH HOW=\"$HOW\" DEPLOY=\"$DEPLOY\" ADDRESS=$ADDRESS VERSION=$VERSION \
                       SERVERSWAP_DIR=$SERVERSWAP_DIR $DEPLOY; true";

fn webhook(sandbox: &Sandbox, how: &str) -> (Invocation, serverswap_protocol::Address) {
    let address = free_address();
    let deploy = sandbox.programs().serverswap_deploy.display().to_string();
    let fixture = sandbox.programs().fixture("webhook.js");
    // What is left of a version meets its drain deadline before it is killed.
    let limits = ["--probation", "0", "--drain-timeout", "1s", "--kill-timeout", "2s"];
    let options: Vec<String> = limits.into_iter().chain(["node", &fixture]).map(str::to_owned).collect();
    let again = format!("{deploy} {}", options.join(" "));
    let command = configured(sandbox.deploy(options), &address, 1);
    (command.env("HOW", how).env("DEPLOY", again), address)
}

/// Four versions, each but the first deployed by the one before.
async fn deploys_itself(how: &str) -> Outcome {
    let sandbox = Sandbox::new()?;
    let (first, address) = webhook(&sandbox, how);
    let mut serving = first.start()?;
    serving.prints("version 1 serves").await?;
    serving.says("up after").await?;
    let mut shop = Shop { sandbox, address, serving };
    let load = shop.load().await?;
    let mut supervisors = Vec::new();
    for version in 2..=4 {
        let (pid, _) = shop.ask().await?;
        supervisors.push(parent(pid)?);
        signal(pid, Signal::USR2)?;
        // What the later versions print goes to the same file.
        shop.serving.prints(&format!("version {version} serves")).await?;
        ended(pid).await?;
        // The third version comes while the first one's rest is there, and the fourth when it has ended: the shell that waits
        // for the next deploy included.
        if version > 2 {
            for supervisor in supervisors.drain(..) {
                ended(supervisor).await?;
            }
        }
    }
    assert_eq!(shop.serving.exit().await?.status, 0, "{}", shop.serving.stderr());
    nothing_failed(load).await.map_err(|error| format!("{error}\n{}", shop.serving.stderr()))?;
    assert_eq!(shop.ask().await?.1, "4", "{}", shop.serving.stderr());
    Ok(())
}

#[tokio::test]
async fn a_deploy_in_the_background_of_the_served_application_serves_on() -> Outcome {
    deploys_itself(BACKGROUND).await
}

#[tokio::test]
async fn a_deploy_for_which_a_shell_of_the_served_application_waits_serves_on() -> Outcome {
    deploys_itself(FOREGROUND).await
}

#[tokio::test]
async fn a_deploy_behind_a_wrapper_that_passes_a_term_on_serves_on() -> Outcome {
    deploys_itself(PASSES_TERM_ON).await
}

#[tokio::test]
async fn a_deploy_with_a_cleared_environment_inside_the_served_application_serves_on() -> Outcome {
    deploys_itself(CLEARED).await
}
