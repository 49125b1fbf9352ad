//! Drivers that break the contract: each is told what is wrong and that it is the driver's fault.

use serverswap_conformance::client::{ClientSettings, DriverCommand, SuiteError, introduce, run, smoke};
use serverswap_conformance::report::{Outcome, Report};
use serverswap_conformance::scenario::{Catalogue, Selection};

use crate::programs::{command, script};

/// A reply to `hello`, as a shell writes it.
const HELLO: &str = r#"echo '{"seq":1,"ok":true,"contract":1,"client":{"name":"bad","version":"1","language":"sh"},"protocol":[1],"level":1,"supports":[]}'"#;

/// A case for a driver that gets as far as `connect`.
const CONNECTS: &str = "id: connects\ntitle: It connects\nrole: client\nlevel: 1\nsince: \"1.0\"\nsteps:\n  - driver: {cmd: connect}\n  - accept: {on: a, check: connected}\n";

/// What is said about a driver that does not get past `hello`.
fn complaint(driver: &DriverCommand) -> String {
    introduce(driver, &ClientSettings::default()).expect_err("the driver is bad").to_string()
}

fn connects(driver: &DriverCommand) -> Report {
    let catalogue = Catalogue::of(vec![("connects.yaml".to_owned(), CONNECTS.to_owned())]).expect("right");
    run(&catalogue, &Selection::only("connects"), driver, &ClientSettings::default())
        .expect("it introduces itself")
}

/// How the one case of a report ended.
fn outcome(report: &Report) -> &Outcome {
    let [case] = report.cases.as_slice() else { panic!("one case: {report:?}") };
    &case.outcome
}

fn suite(report: &Report) -> &str {
    match outcome(report) {
        Outcome::Suite { why } => why,
        other @ (Outcome::Passed | Outcome::Failed | Outcome::Skipped { .. }) => {
            panic!("{other:?}: {report:?}")
        }
    }
}

#[test]
fn a_program_that_is_not_there_is_named() {
    let complaint = complaint(&command(["/no/such/driver"]));
    assert!(
        complaint.starts_with("cannot run the driver `/no/such/driver`: there is no such program"),
        "{complaint}"
    );
}

#[test]
fn fields_of_an_event_that_say_nothing_are_as_good_as_left_out() {
    let reply = r#"echo '{"seq":2,"ok":true,"supervised":true}'"#;
    let event = r#"echo '{"event":"waiting","op":"o1","waitingFor":null}'; echo '{"event":"waiting","op":"o1","waitingFor":""}'"#;
    let (_directory, driver) =
        script(&format!("read line; {HELLO}; read line; {reply}; {event}; cat >/dev/null"));
    let expected = "  - event: {event: waiting, op: o1, waitingFor: {$absent: true}, times: 2}\n";
    let scenario = CONNECTS.replace("  - accept: {on: a, check: connected}\n", expected);
    let catalogue = Catalogue::of(vec![("connects.yaml".to_owned(), scenario)]).expect("right");
    let report = run(&catalogue, &Selection::only("connects"), &driver, &ClientSettings::default());
    assert_eq!(*outcome(&report.expect("it introduces itself")), Outcome::Passed);
}

#[test]
fn a_program_that_is_not_executable_says_how_to_make_it_so() {
    let file = tempfile::NamedTempFile::new().expect("a file");
    let complaint = complaint(&command([file.path()]));
    assert!(complaint.ends_with("it is not executable; `chmod +x` makes it so"), "{complaint}");
}

#[test]
fn noise_before_the_first_reply_is_shown_and_is_the_drivers_fault() {
    let (_directory, driver) = script("echo 'Starting driver…'; cat >/dev/null");
    let complaint = complaint(&driver);
    assert!(complaint.contains("wrote `Starting driver…` to its standard output"), "{complaint}");
    assert!(complaint.contains("logs belong to standard error"), "{complaint}");
    assert!(complaint.contains("this is a fault of the driver, not of the suite"), "{complaint}");
}

#[test]
fn a_driver_that_never_answers_is_the_drivers_fault_and_its_log_is_shown() {
    let (_directory, driver) = script("echo 'waiting for a friend' >&2; cat >/dev/null");
    let complaint = complaint(&driver);
    assert!(
        complaint.contains("the driver's reply to `hello` was awaited and did not come within 5 s"),
        "{complaint}"
    );
    assert!(complaint.ends_with("its standard error:\nwaiting for a friend"), "{complaint}");
}

#[test]
fn a_driver_that_dies_says_how() {
    let (_directory, driver) = script("exit 3");
    let complaint = complaint(&driver);
    assert!(complaint.contains("but the driver ended with status 3"), "{complaint}");
}

#[test]
fn the_error_for_a_driver_of_another_contract_version_names_both_versions() {
    let hello = HELLO.replace(r#""contract":1"#, r#""contract":2"#);
    let (_directory, driver) = script(&format!("read line; {hello}; cat >/dev/null"));
    let complaint = complaint(&driver);
    assert!(complaint.contains("it speaks the contract version 2, and this suite speaks 1"), "{complaint}");
}

#[test]
fn the_error_for_a_reply_without_its_fields_names_what_is_missing() {
    let (_directory, driver) =
        script(r#"read line; echo '{"seq":1,"ok":true,"contract":1}'; cat >/dev/null"#);
    let complaint = complaint(&driver);
    assert!(
        complaint.contains("reply to `hello` breaks the contract: missing field `client`"),
        "{complaint}"
    );
}

#[test]
fn noise_in_the_middle_of_a_case_fails_the_suite_and_not_the_client() {
    let (_directory, driver) = script(&format!("read line; {HELLO}; read line; echo oops; cat >/dev/null"));
    let report = connects(&driver);
    let why = suite(&report);
    assert!(why.starts_with("the driver broke its contract: the driver wrote `oops`"), "{why}");
}

#[test]
fn a_reply_out_of_order_breaks_the_contract() {
    let (_directory, driver) =
        script(&format!(r#"read line; {HELLO}; read line; echo '{{"seq":7,"ok":true}}'; cat >/dev/null"#));
    let report = connects(&driver);
    let why = suite(&report);
    assert!(why.contains("there was no command with the `seq` 7"), "{why}");
}

#[test]
fn a_driver_that_dies_in_a_case_fails_it_whatever_was_expected() {
    let (_directory, driver) = script(&format!(
        r#"read line; {HELLO}; read line; echo '{{"seq":2,"ok":true,"supervised":true}}'; kill -9 $$"#
    ));
    let report = connects(&driver);
    assert_eq!(*outcome(&report), Outcome::Failed);
    let failed = report.cases[0].checks.iter().find(|check| !check.passed).expect("a failed check");
    assert_eq!(failed.name, "connected");
    let message = failed.message.clone().unwrap_or_default();
    assert!(message.contains("was awaited, but the driver ended by signal 9"), "{message}");
}

#[test]
fn a_driver_that_does_not_end_with_its_input_fails_the_smoke_test() {
    // It answers everything in the way of the contract and then stays.
    let answers = r#"
        read line; HELLO
        read line; echo '{"seq":2,"unsupported":true}'
        for seq in 3 4 5 6 7 8; do read line; echo "{\"seq\":$seq,\"ok\":true}"; done
        read line; echo '{"seq":9,"ok":true,"supervised":false}'
        for seq in 10 11; do read line; echo "{\"seq\":$seq,\"ok\":true}"; done
        exec tail -f /dev/null"#;
    let (_directory, driver) = script(&answers.replace("HELLO", HELLO));
    let report = smoke(&driver, &ClientSettings::default()).expect("it introduces itself");
    let failed: Vec<&str> = report.cases[0]
        .checks
        .iter()
        .filter(|check| !check.passed)
        .map(|check| check.name.as_str())
        .collect();
    assert_eq!(failed, ["clean-exit"]);
}

#[test]
fn a_selection_without_a_case_is_no_success() {
    let (_directory, driver) = script(&format!("read line; {HELLO}; cat >/dev/null"));
    let found =
        run(&Catalogue::default(), &Selection::only("core/no-such"), &driver, &ClientSettings::default());
    assert!(matches!(found, Err(SuiteError::NoCase(name)) if name == "core/no-such"));
}
