//! Well-known servers under load: those that every machine with these tests has.

use serverswap_rigs::servers::{self, Outcome};

async fn outcome(name: &str) -> Outcome {
    let nothing_installed = tempfile::tempdir().expect("a folder");
    let selected = servers::selected(&[name.to_owned()]).expect("there is one of that name");
    let table = servers::run(nothing_installed.path(), &selected).await.expect("it can be run");
    table.rows.into_iter().next().expect("one row").outcome
}

#[tokio::test]
async fn a_server_that_is_not_installed_is_said_and_is_no_fault() {
    assert!(matches!(outcome("axum").await, Outcome::NotInstalled));
}

#[tokio::test]
async fn a_server_is_measured_until_each_of_its_stop_signals_has_ended_it() {
    let Outcome::Measured { alone, .. } = outcome("http.server").await else { panic!("it was not measured") };
    let stops: Vec<&str> = alone.iter().map(|alone| alone.stop.name).collect();
    assert_eq!(stops, ["TERM", "INT"]);
    assert!(alone.iter().all(|alone| alone.answered > 1_000 && alone.ended_after.is_some()), "{alone:?}");
}
