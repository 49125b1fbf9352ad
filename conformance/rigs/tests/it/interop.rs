//! Drivers as old and new servers of each other, under the real supervisor.

use std::path::Path;

use serverswap_conformance::sandbox::Programs;
use serverswap_rigs::interop::{Driver, Handover, InteropError, SwapOutcome, run, selected};

type Outcome = Result<(), Box<dyn std::error::Error>>;

fn relay() -> &'static Path {
    Path::new(env!("CARGO_BIN_EXE_serverswap-rigs"))
}

fn known() -> Vec<Driver> {
    Driver::known(&Programs::find())
}

#[tokio::test]
async fn clients_of_three_languages_swap_with_each_other_and_lose_nothing() -> Outcome {
    let names = ["rust", "node", "pure-python"].map(str::to_owned);
    let interop = run(relay(), &selected(known(), &names)?).await?;
    assert!(interop.is_good(), "{:#?}", interop.cells);
    let swapped = interop.cells.iter().filter(|cell| matches!(cell.outcome, SwapOutcome::Swapped { .. }));
    assert_eq!(swapped.count(), 9);
    Ok(())
}

#[tokio::test]
async fn a_client_without_descriptors_takes_over_from_one_that_has_them_and_the_other_way_round() -> Outcome {
    let names = ["rust", "plain-node"].map(str::to_owned);
    let interop = run(relay(), &selected(known(), &names)?).await?;
    assert!(interop.is_good(), "{:#?}", interop.cells);
    let handovers = interop.cells.iter().map(|cell| match cell.outcome {
        SwapOutcome::Swapped { handover, .. } => Some(handover),
        SwapOutcome::Unable | SwapOutcome::Failed { .. } => None,
    });
    let exclusive = Some(Handover::Exclusive);
    assert_eq!(handovers.collect::<Vec<_>>(), [Some(Handover::Inherited), exclusive, exclusive, exclusive]);
    Ok(())
}

#[tokio::test]
async fn a_driver_that_ends_or_makes_noise_is_named_with_what_it_wrote() -> Outcome {
    let shell = |script: &str| Driver {
        name: "bad".to_owned(),
        command: ["sh", "-c", script].map(str::to_owned).to_vec(),
    };
    for (script, expected) in [
        ("echo no luck >&2; exit 3", "the old driver ended; awaited: the reply to `hello`"),
        ("read line; echo hello world; exec sleep 600", "the old driver breaks the contract"),
    ] {
        let interop = run(relay(), &[shell(script)]).await?;
        let SwapOutcome::Failed { why } = &interop.cells[0].outcome else {
            return Err(format!("{:?}", interop.cells).into());
        };
        assert!(why.contains(expected), "{why}");
    }
    Ok(())
}

#[tokio::test]
async fn a_driver_that_is_not_built_and_one_that_is_unknown_are_named() -> Outcome {
    let missing = Driver { name: "lost".to_owned(), command: vec!["/nowhere/driver".to_owned()] };
    let result = run(relay(), &[missing]).await;
    assert!(matches!(&result, Err(InteropError::Missing { name, .. }) if name == "lost"), "{result:?}");
    let error = selected(known(), &["cobol".to_owned()]).expect_err("there is none").to_string();
    assert_eq!(
        error,
        "no driver is named `cobol`; there are: rust, node, python, go, pure-python, plain-node"
    );
    Ok(())
}
