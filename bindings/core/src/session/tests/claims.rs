//! Claims and their ends.

use super::*;

#[test]
fn a_grant_hands_the_listener_over() {
    let mut bench = Bench::linked();
    bench.inherit(":1");
    bench.receive_with(r#"{"type":"granted","re":2,"address":":1","fds":["listener"]}"#, &[7]);
    assert_eq!(bench.events(), ["granted :1 +7"]);
}

#[test]
fn an_error_that_answers_a_claim_refuses_it_and_it_can_be_made_again() {
    let mut bench = Bench::linked();
    bench.bind("a").bind("b").actions();
    bench.receive(r#"{"type":"error","re":2,"code":"superseded","message":"8-1 is newer"}"#);
    assert_eq!(bench.events(), ["refused a superseded"]);
    bench.bind("a");
    assert_eq!(bench.actions(), [r#"{"type":"readyFor","id":4,"address":"a","socket":"bind"}"#]);
}

#[test]
fn progress_reports_what_a_claim_waits_for() {
    let mut bench = Bench::linked();
    bench.bind("a");
    bench.receive(r#"{"type":"progress","re":2,"waitingFor":"process 5 to let go"}"#);
    assert_eq!(bench.events(), [r#"waiting a Some("process 5 to let go")"#]);
}

#[test]
fn what_cannot_be_claimed_is_refused_with_the_reason() {
    let mut bench = Bench::linked();
    bench.bind("a");
    let mut claim =
        |text: &str, socket| bench.call(Call::ReadyFor { address: address(text), socket, more: false });
    assert_eq!(claim("a", SocketMode::Bind), Err(CallError::AlreadyClaimed(address("a"))));
    assert_eq!(claim("b", SocketMode::Inherit), Err(CallError::NotInheritable(address("b"))));
    bench.call(Call::Fail { reason: "no database".to_owned() }).expect("it is possible");
    let after = bench.call(Call::ReadyFor { address: address("c"), socket: SocketMode::Bind, more: false });
    assert_eq!(after, Err(CallError::Failed));
}

#[test]
fn fail_withdraws_the_claims_that_wait_and_nothing_that_is_held() {
    let mut bench = Bench::serving();
    bench.bind("a").actions();
    bench.call(Call::Fail { reason: "no database".to_owned() }).expect("it is possible");
    assert_eq!(bench.events(), ["refused a withdrawn"]);
    assert_eq!(bench.call(Call::Serving(address(":1"))), Ok(()));
}

#[test]
fn a_reason_is_cut_to_the_longest_text_between_two_characters() {
    let mut bench = Bench::linked();
    bench.call(Call::Fail { reason: "é".repeat(2_000) }).expect("it is possible");
    let Some(SessionAction::Send(FromClient::Fail(fail), _)) = bench.session.next_action() else {
        panic!("`fail` is said at once");
    };
    assert_eq!(fail.reason, "é".repeat(1_024));
}

#[test]
fn a_grant_of_a_withdrawn_claim_is_closed_and_never_shown() {
    let mut bench = Bench::linked();
    bench.inherit(":1").actions();
    bench.call(Call::Released(address(":1"))).expect("claimed");
    assert_eq!(bench.events(), ["refused :1 withdrawn"]);
    bench.receive_with(r#"{"type":"granted","re":2,"address":":1","fds":["listener"]}"#, &[7]);
    assert_eq!(bench.actions(), [r#"{"type":"released","address":":1"}"#]);
    assert_eq!(bench.events(), [""; 0]);
}

#[test]
fn an_answer_to_what_is_not_open_breaks_the_link_off() {
    let answers = [
        r#"{"type":"granted","re":2,"address":"a"}"#,
        r#"{"type":"error","re":2,"code":"superseded","message":"8-1 is newer"}"#,
        r#"{"type":"progress","re":2}"#,
    ];
    for second in answers {
        let mut bench = Bench::linked();
        bench.bind("a").receive(answers[1]).events();
        bench.receive(second);
        assert!(bench.events()[0].starts_with("error out_of_order"), "{second}");
    }
}

#[test]
fn a_grant_of_another_address_than_the_claims_breaks_the_link_off() {
    let mut bench = Bench::linked();
    bench.bind("a").receive(r#"{"type":"granted","re":2,"address":"b"}"#);
    assert_eq!(bench.events().last().map(String::as_str), Some("refused a out_of_order"));
}

#[test]
fn a_grant_of_a_withdrawn_claim_does_not_end_the_next_claim_of_the_address() {
    let mut bench = Bench::linked();
    bench.inherit(":1").actions();
    bench.call(Call::Released(address(":1"))).expect("claimed");
    bench.inherit(":1").actions();
    bench.events();
    bench.receive_with(r#"{"type":"granted","re":2,"address":":1","fds":["listener"]}"#, &[7]);
    assert_eq!((bench.actions(), bench.events()), (vec![], vec![]));
    bench.receive_with(r#"{"type":"granted","re":3,"address":":1","fds":["listener"]}"#, &[8]);
    assert_eq!(bench.events(), ["granted :1 +8"]);
}

#[test]
fn the_answer_to_a_withdrawal_causes_no_event() {
    let mut bench = Bench::linked();
    bench.bind("a");
    bench.call(Call::Released(address("a"))).expect("claimed");
    bench.events();
    bench.receive(r#"{"type":"error","re":2,"code":"withdrawn","message":"as you say"}"#);
    assert_eq!(bench.events(), [""; 0]);
}

#[test]
fn an_address_that_is_released_before_its_grant_was_delivered_counts_as_withdrawn() {
    let mut bench = Bench::linked();
    bench.bind("a").receive(r#"{"type":"granted","re":2,"address":"a"}"#);
    bench.call(Call::Released(address("a"))).expect("held");
    assert_eq!(bench.events(), ["refused a withdrawn"]);
}

#[test]
fn a_grant_with_a_listener_too_many_or_too_few_is_a_fault_of_the_arbiter() {
    let cases: [(SocketMode, &[u32]); 2] = [(SocketMode::Inherit, &[]), (SocketMode::Bind, &[7])];
    for (socket, listeners) in cases {
        let mut bench = Bench::linked();
        bench.claim(":1", socket);
        bench.receive_with(r#"{"type":"granted","re":2,"address":":1"}"#, listeners);
        let events = bench.events();
        assert_eq!(events.last().map(String::as_str), Some("refused :1 descriptor_mismatch"), "{socket:?}");
    }
}

#[test]
fn without_a_supervisor_every_claim_is_granted_at_once_and_nothing_is_sent() {
    let mut bench = Bench::alone();
    bench.bind("a").inherit(":1").inherit(":2");
    assert_eq!(bench.actions(), ["open :1", "open :2"]);
    let refusal = Refusal { code: Code::AddressInUse, message: "taken".into() };
    bench.handle(SessionInput::Opened { address: address(":1"), listener: Ok(7) });
    bench.handle(SessionInput::Opened { address: address(":2"), listener: Err(refusal) });
    assert_eq!(bench.events(), ["granted a", "granted :1 +7", "refused :2 address_in_use"]);
    bench.call(Call::Serving(address(":1"))).expect("held");
    bench.call(Call::OnTakedown(address(":1"))).expect("it is possible");
    bench.call(Call::Released(address(":1"))).expect("held");
    bench.call(Call::ServerUp).expect("it is possible");
    assert_eq!((bench.actions(), bench.session.deadline()), (vec![], None));
}
