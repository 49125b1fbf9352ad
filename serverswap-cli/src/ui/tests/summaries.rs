//! The summary at the end. The first question is whether a server still serves.

use std::path::PathBuf;

use super::*;
use crate::readiness::ReadyOption;
use crate::spawn::SpawnFailure;
use crate::supervisor::{GenerationSignal, ServerExit, StopSignal};

#[track_caller]
fn success(outcome: &RunOutcome, expected: &str) {
    assert_eq!(Summary::of(outcome, &StillServing::Unknown), Summary::Success(expected.to_owned()));
}

#[track_caller]
fn failure(outcome: &RunOutcome, still_serving: &StillServing, expected: &str) -> String {
    match Summary::of(outcome, still_serving) {
        Summary::Failure { error, hint } => {
            assert_eq!(error, expected);
            hint
        }
        Summary::Success(text) => panic!("{text}"),
    }
}

#[test]
fn a_first_start_is_served_and_a_later_one_is_swapped() {
    let mut done = outcome(RunEnding::Done, Reached::Up, vec![swap(":8080", ClaimStanding::Serving)]);
    success(&done, "done: :8080 served after 331 ms");
    done.facts.replaced = vec![4100];
    success(&done, "done: :8080 swapped in 331 ms");
}

#[test]
fn what_was_cut_short_is_said_with_numbers() {
    let mut done = outcome(RunEnding::Done, Reached::Up, vec![swap(":8080", ClaimStanding::Serving)]);
    done.facts.replaced = vec![4100, 4101, 4102];
    let cut = |pid, cut, signal, connections| CutShort { pid, cut, signal, connections };
    done.facts.cut_short = vec![
        cut(4100, Some(1), None, None),
        cut(4101, None, Some(GenerationSignal::Term), Some(3)),
        cut(4102, None, Some(GenerationSignal::Kill), None),
    ];
    success(
        &done,
        "done: :8080 swapped in 331 ms; pid 4100 closed 1 connection unfinished; pid 4101 got TERM with 3 \
         connections open; pid 4102 got KILL with an unknown number of connections open",
    );
    let json =
        outcome_json(&done, &StillServing::Unknown, &OutputTail::default(), &Summary::Success(String::new()));
    let expected = r#""cutShort":[{"pid":4100,"cut":1},{"pid":4101,"signal":"TERM","connections":3},{"pid":4102,"signal":"KILL"}]"#;
    assert!(json.contains(expected), "{json}");
}

#[test]
fn of_many_that_were_cut_short_the_first_are_named_and_the_others_counted() {
    let mut done = outcome(RunEnding::Done, Reached::Up, vec![swap(":8080", ClaimStanding::Serving)]);
    let term = |pid| CutShort { pid, cut: None, signal: Some(GenerationSignal::Term), connections: Some(0) };
    let named: String =
        (4100..4104).map(|pid| format!("; pid {pid} got TERM with no connection open")).collect();
    for (last, others) in [(4104, "1 more was"), (4105, "2 more were")] {
        done.facts.cut_short = (4100..=last).map(term).collect();
        success(&done, &format!("done: :8080 served after 331 ms{named}; {others} cut short"));
    }
}

#[test]
fn many_addresses_are_counted() {
    let addresses = (8080..9080).map(|port| swap(&format!(":{port}"), ClaimStanding::Serving)).collect();
    success(&outcome(RunEnding::Done, Reached::Up, addresses), "done: 1000 addresses served after 331 ms");
}

#[test]
fn the_other_good_ends_say_what_happened() {
    let serving = vec![swap(":8080", ClaimStanding::Serving)];
    let replaced = vec![swap(":8080", ClaimStanding::Replaced)];
    success(
        &outcome(RunEnding::Replaced, Reached::Up, replaced),
        "replaced: a newer generation serves :8080",
    );
    success(
        &outcome(RunEnding::Stopped(StopSignal::Terminate), Reached::Up, serving.clone()),
        "stopped by TERM after 28 s",
    );
    success(
        &outcome(RunEnding::Left(StopSignal::Interrupt), Reached::Up, serving.clone()),
        "left on INT: `node server.js` (pid 4242) keeps serving :8080",
    );
    success(
        &outcome(RunEnding::Ended, Reached::Up, serving),
        "`node server.js` (pid 4242) exited with status 0 after 28 s",
    );
}

#[test]
fn a_server_that_exits_early_leaves_the_old_one_and_says_so() {
    let early = outcome(RunEnding::Exited(ServerExit::Status(1)), Reached::Nothing, vec![]);
    let hint = failure(
        &early,
        &serves(4100, ":8080"),
        "`node server.js` (pid 4242) exited with status 1 after 28 s, before it claimed an address; pid 4100 still serves :8080",
    );
    assert_eq!(hint, "see the server's own messages above; try it on its own: `node server.js`");
}

#[test]
fn what_is_not_known_is_not_claimed() {
    let early = |addresses| outcome(RunEnding::Exited(ServerExit::Status(1)), Reached::Nothing, addresses);
    let start = "`node server.js` (pid 4242) exited with status 1 after 28 s, before it";
    failure(
        &early(vec![]),
        &StillServing::Unknown,
        &format!("{start} claimed an address; no other server was touched"),
    );
    // An exclusive claim that waits has taken the old holder down already.
    failure(
        &early(vec![swap("mailer", ClaimStanding::Waiting)]),
        &StillServing::Unknown,
        &format!("{start} served; it is not known which servers are serving now"),
    );
}

#[test]
fn an_address_that_nobody_serves_is_named() {
    let crash = outcome(
        RunEnding::Exited(ServerExit::Signal(11)),
        Reached::Up,
        vec![swap(":8080", ClaimStanding::Serving), swap(":8081", ClaimStanding::Serving)],
    );
    failure(
        &crash,
        &serves(4100, ":8081"),
        "`node server.js` (pid 4242) was killed by SIGSEGV 28 s after the start, while it was serving; pid 4100 still serves :8081 and :8080 is not served",
    );
}

#[test]
fn the_very_first_server_has_nobody_beside_it() {
    let early = outcome(RunEnding::Exited(ServerExit::Status(0)), Reached::Nothing, vec![]);
    let hint = failure(
        &early,
        &nobody(),
        "`node server.js` (pid 4242) exited with status 0 after 28 s, before it claimed an address; no other server was touched, and no server in this directory is serving",
    );
    assert!(hint.contains("readyFor"), "{hint}");
}

#[test]
fn a_claim_that_failed_is_the_reason_and_names_the_culprit() {
    let message = "`:8080` is held by pid 999 (`nginx`), which serverswap does not manage";
    let early = outcome(
        RunEnding::Exited(ServerExit::Status(1)),
        Reached::Nothing,
        vec![failed(":8080", Code::AddressInUse, message)],
    );
    let hint = failure(
        &early,
        &StillServing::Unknown,
        "`node server.js` (pid 4242) exited with status 1 after 28 s; not granted: `:8080` is held by pid 999 (`nginx`), which serverswap does not manage; no other server was touched",
    );
    assert!(hint.starts_with("stop the program that holds it"), "{hint}");
    // A foreign program does serve it: it would be wrong to report that it is not served.
    let error = "`node server.js` (pid 4242) exited with status 1 after 28 s; not granted: `:8080` is held by pid 999 (`nginx`), which serverswap does not manage; no other server was touched";
    failure(&early, &nobody(), error);
}

#[test]
fn a_claim_that_overlaps_another_address_says_who_serves_that_and_what_to_do() {
    let message = "`127.0.0.1:8080` overlaps `:8080`, which pid 4100 has in this directory";
    let early = outcome(
        RunEnding::Exited(ServerExit::Status(1)),
        Reached::Nothing,
        vec![failed("127.0.0.1:8080", Code::AddressOverlaps, message)],
    );
    let hint = failure(
        &early,
        &serves(4100, ":8080"),
        &format!(
            "`node server.js` (pid 4242) exited with status 1 after 28 s; not granted: {message}; pid 4100 still serves :8080"
        ),
    );
    assert!(hint.starts_with("claim the address as the other server has it"), "{hint}");
}

#[test]
fn a_privileged_port_says_which_right_is_missing() {
    let late = outcome(
        RunEnding::NotUp,
        Reached::Nothing,
        vec![failed(":80", Code::AddressNotPermitted, "permission denied")],
    );
    let hint = failure(
        &late,
        &nobody(),
        "`node server.js` (pid 4242) was not up within 1 min: `:80` was not granted: permission denied; :80 is not served",
    );
    assert!(hint.contains("cap_net_bind_service"), "{hint}");
}

#[test]
fn a_server_that_hangs_says_how_far_it_came() {
    let late = |addresses| outcome(RunEnding::NotUp, Reached::Nothing, addresses);
    let old = serves(4100, ":8080");
    let cases = [
        (vec![], "`node server.js` (pid 4242) claimed no address within 1 min"),
        (
            vec![swap(":8080", ClaimStanding::Waiting)],
            "`node server.js` (pid 4242) was not up within 1 min: its claim for :8080 was still waiting",
        ),
        (
            vec![swap(":8080", ClaimStanding::Granted)],
            "`node server.js` (pid 4242) was not up within 1 min: it was granted :8080 but did not serve it",
        ),
    ];
    for (addresses, expected) in cases {
        failure(&late(addresses), &old, &format!("{expected}; pid 4100 still serves :8080"));
    }
}

#[test]
fn a_late_server_that_serves_goes_on_and_is_not_called_the_old_one() {
    failure(
        &outcome(RunEnding::NotUpKept, Reached::Serving, vec![swap(":8080", ClaimStanding::Serving)]),
        &serves(4242, ":8080"),
        "`node server.js` (pid 4242) did not report that it was up within 1 min; pid 4242 keeps serving :8080",
    );
}

#[test]
fn the_other_bad_ends_say_what_happened() {
    let old = serves(4100, ":8080");
    let lost = vec![swap(":8080", ClaimStanding::Superseded)];
    let cases = [
        (
            outcome(RunEnding::Superseded, Reached::Nothing, lost),
            "`node server.js` (pid 4242) was superseded: a newer generation claims or holds :8080",
        ),
        (
            outcome(RunEnding::SaidFail("no database".to_owned()), Reached::Nothing, vec![]),
            "`node server.js` (pid 4242) sent `fail`: no database",
        ),
        (
            outcome(RunEnding::Interrupted(StopSignal::Interrupt), Reached::Nothing, vec![]),
            "received INT before `node server.js` (pid 4242) was up, and ended it",
        ),
    ];
    for (outcome, expected) in cases {
        failure(&outcome, &old, &format!("{expected}; pid 4100 still serves :8080"));
    }
}

#[test]
fn a_signal_before_the_start_says_that_nothing_was_started() {
    let mut interrupted = outcome(RunEnding::Interrupted(StopSignal::Interrupt), Reached::Nothing, vec![]);
    interrupted.facts.pid = None;
    let expected = "received INT before `node server.js` was started; pid 4100 still serves :8080";
    failure(&interrupted, &serves(4100, ":8080"), expected);
}

#[test]
fn a_claim_that_failed_beside_one_that_serves_is_an_error() {
    let addresses = vec![
        swap(":8080", ClaimStanding::Serving),
        failed(":80", Code::AddressNotPermitted, "permission denied"),
    ];
    failure(
        &outcome(RunEnding::DoneInPart, Reached::Up, addresses),
        &serves(4242, ":8080"),
        "`node server.js` (pid 4242) is up, but `:80` was not granted: permission denied; pid 4242 keeps serving :8080 and :80 is not served",
    );
}

#[test]
fn a_command_that_cannot_be_started_says_what_to_do() {
    let not_started = |failure| RunOutcome {
        facts: RunFacts { pid: None, ..outcome(RunEnding::Done, Reached::Nothing, vec![]).facts },
        ending: RunEnding::NotStarted(failure),
    };
    let program = || "nodee".to_owned();
    let missing = not_started(SpawnFailure::NotFound { program: program() });
    let hint =
        failure(&missing, &StillServing::Unknown, "`nodee` was not found; no other server was touched");
    assert_eq!(hint, "check the spelling, or use its path: `serverswap ./nodee`");
    let refused = not_started(SpawnFailure::NotExecutable { program: program(), errno: libc::EACCES });
    let hint = failure(
        &refused,
        &StillServing::Unknown,
        "`nodee` is not executable: Permission denied (os error 13); no other server was touched",
    );
    assert_eq!(hint, "make it executable: `chmod +x nodee`");
    assert_eq!((missing.status(), refused.status()), (127, 126));
}

#[test]
fn every_status_of_an_end_is_in_the_table() {
    let endings = [
        (RunEnding::DoneInPart, "123"),
        (RunEnding::Superseded, "120"),
        (RunEnding::SaidFail(String::new()), "121"),
        (RunEnding::Exited(ServerExit::Status(0)), "122"),
        (RunEnding::NotUp, "124"),
        (RunEnding::NotUpKept, "124"),
    ];
    for (ending, expected) in endings {
        let status = outcome(ending, Reached::Nothing, vec![]).status().to_string();
        assert_eq!(status, expected);
        assert!(EXIT_STATUSES.iter().any(|(listed, _)| *listed == status), "{status}");
    }
}

#[test]
fn where_descriptors_have_run_out_the_hint_is_about_them() {
    let (directory, errno) = (|| PathBuf::from("/run/serverswap"), libc::EMFILE);
    for fault in [
        SetupError::DirectoryUnusable { directory: directory(), errno },
        SetupError::Lock { path: directory().join("lock"), errno },
        SetupError::System { what: "epoll_create1", errno },
        SetupError::ArbiterRefused {
            directory: directory(),
            code: Code::Exhausted,
            message: "none is left".to_owned(),
        },
    ] {
        let Summary::Failure { hint, .. } = fault.summary(StillTrue::NothingStarted) else {
            panic!("{fault} is no success");
        };
        assert!(hint.contains("`ulimit -n`"), "{fault}: {hint}");
    }
}

#[test]
fn a_fault_of_ours_says_what_is_still_true_and_what_to_do() {
    let directory = || PathBuf::from("/run/serverswap");
    let errors = [
        (
            SetupError::DirectoryOwner { directory: directory(), owner: 0, uid: 7 },
            "the runtime directory `/run/serverswap` belongs to uid 0, not to uid 7; nothing was started, and no other server was touched",
        ),
        (
            SetupError::DirectorySymlink { directory: directory() },
            "the runtime directory `/run/serverswap` is a symbolic link, which is not accepted; nothing was started, and no other server was touched",
        ),
        (
            SetupError::DirectoryTooLong { directory: directory(), length: 120, limit: 107 },
            "the runtime directory `/run/serverswap` is too long for a socket path: 120 bytes, at most 107; nothing was started, and no other server was touched",
        ),
        (
            SetupError::ArbiterNotResponding { directory: directory(), pid: 99 },
            "the arbiter (pid 99) of `/run/serverswap` did not answer within 5 s; nothing was started, and no other server was touched",
        ),
    ];
    for (fault, expected) in errors {
        let Summary::Failure { error, hint } = fault.summary(StillTrue::NothingStarted) else {
            panic!("{fault} is no success");
        };
        assert_eq!((error.as_str(), hint.is_empty()), (expected, false));
    }
}

/// A server that is passed its socket, and was granted it.
fn passed(option: ReadyOption, not_ready: Option<NotReady>) -> RunOutcome {
    let mut end = outcome(RunEnding::NotUp, Reached::Nothing, vec![swap(":8080", ClaimStanding::Granted)]);
    (end.facts.starts, end.facts.not_ready) = (Starts::Observed(option), not_ready);
    end
}

#[test]
fn a_server_that_is_not_ready_in_time_is_told_by_what_was_waited_for() {
    let hint = failure(
        &passed(ReadyOption::Notify, None),
        &StillServing::Unknown,
        "`node server.js` (pid 4242) was not ready for :8080 within 1 min: it did not say READY=1 on its NOTIFY_SOCKET; \
         it is not known which servers are serving now",
    );
    assert_eq!(
        hint,
        "if it does not use sd_notify(3): leave `--ready notify` out; if it just needs more time: `--ready-timeout 5m`"
    );
}

#[test]
fn a_server_that_uses_notify_by_itself_is_told_that_this_is_why_it_is_awaited() {
    let mut end = passed(ReadyOption::Either, None);
    end.facts.starts = Starts::Notifying;
    let hint = failure(
        &end,
        &StillServing::Unknown,
        "`node server.js` (pid 4242) was not ready for :8080 within 1 min: it uses sd_notify(3), and did not say \
         READY=1; it is not known which servers are serving now",
    );
    assert!(hint.starts_with("to go by its listening instead: `--ready listening`"), "{hint}");
}

#[test]
fn a_server_that_is_said_to_be_ready_and_does_not_listen_is_told_how_it_finds_its_socket() {
    let addresses = vec![address(":8080")];
    let reason = NotReady::DoesNotListen { addresses, said: ReadyOption::After(Duration::from_secs(2)) };
    let hint = failure(
        &passed(ReadyOption::After(Duration::from_secs(2)), Some(reason)),
        &StillServing::Unknown,
        "`node server.js` (pid 4242) has run for 2 s, but does not listen on the socket of :8080; it is not \
         known which servers are serving now",
    );
    assert!(hint.contains("`LISTEN_FDS`") && hint.contains("`{fd}`"), "{hint}");
}

#[test]
fn a_socket_that_is_not_granted_is_told_as_the_claim_of_a_server_is() {
    let (code, message) = (Code::AddressInUse, ":8080 is held by pid 7".to_owned());
    let reason = NotReady::NotGranted { address: address(":8080"), code, message };
    let hint = failure(
        &passed(ReadyOption::Either, Some(reason)),
        &StillServing::Unknown,
        "`node server.js` (pid 4242) was not executed: not granted: :8080 is held by pid 7; it is not known \
         which servers are serving now",
    );
    assert!(hint.starts_with("stop the program that holds it"), "{hint}");
}

#[test]
fn what_cannot_be_taken_over_is_said_with_who_has_it_and_why() {
    let not_adopted = |pid: Option<u32>, why| {
        let program = pid.map(|_| "nginx".to_owned());
        let error = SetupError::NotAdopted { address: address(":80"), pid, program, why };
        match error.summary(StillTrue::NothingStarted) {
            Summary::Failure { error, hint } => (error, hint),
            Summary::Success(text) => panic!("{text}"),
        }
    };
    let still = "nothing was started, and no other server was touched";
    let (error, hint) = not_adopted(None, NotAdoptable::Unseen);
    assert_eq!(
        error,
        format!(
            "`:80` is held by a process that cannot be seen from here, which cannot be taken over: it is another user's, or one \
             that only root may look into, such as a program with file capabilities; {still}"
        )
    );
    assert_eq!(hint, "run the command as root");
    let (error, hint) = not_adopted(Some(9), NotAdoptable::not_permitted(1));
    assert_eq!(
        error,
        format!(
            "`:80` is held by pid 9 (`nginx`), which cannot be taken over: kernel.yama.ptrace_scope is 1, so that only \
             root may take a socket of a process that it has not started; {still}"
        )
    );
    assert!(hint.contains("sysctl kernel.yama.ptrace_scope=0"), "{hint}");
    let (error, _) = not_adopted(Some(9), NotAdoptable::not_permitted(0));
    assert!(error.contains("a program with file capabilities"), "{error}");
}
