//! Whoever dies, at whatever point: a part of the fault matrix (`make faults` plays all of it).
//!
//! The programs of this build are needed with the feature `points`: `make test` builds them so.

use std::ops::ControlFlow;

use serverswap_rigs::faults::{self, Extent, Selection};

type Outcome = Result<(), Box<dyn std::error::Error>>;

/// Every so manieth point, so that this takes some seconds.
const STEP: usize = 9;

#[test]
fn kill_9_of_anyone_at_a_point_of_a_handover_loses_only_what_a_killed_server_had_accepted() -> Outcome {
    let selection = Selection { extent: Extent::EveryNth(STEP), only: None };
    let matrix = faults::run(&selection, 3, &|_, _| ControlFlow::Continue(()))?;
    assert_eq!(matrix.red().count(), 0, "{}", matrix.render());
    Ok(())
}

#[tokio::test]
async fn of_64_deploys_in_the_same_instant_one_serves_and_no_request_is_lost() -> Outcome {
    let outcome = faults::at_once(64).await?;
    assert_eq!(outcome.wrong, Vec::<String>::new());
    Ok(())
}
