use super::*;

/// Speaks for the process 12.
fn stand_in() -> Bench {
    let speaks_for = StandIn { pid: 12, stop_signal: 3, adopt: None };
    let now = Duration::from_secs(100);
    Bench { session: Session::stand_in(identity(), speaks_for, ConnectTimeouts::default(), now), now }
}

fn greet(bench: &mut Bench) -> &mut Bench {
    bench.receive(
        r#"{"type":"greeting","versions":[1],"arbiter":{"name":"serverswap","version":"0","pid":42},"capabilities":{"standIn":{}},"limits":{"lineBytes":65536,"fdsPerLine":128}}"#,
    )
}

/// Welcomed, and granted `:1` without a listener.
fn about_to_provide() -> Bench {
    let mut bench = stand_in();
    greet(bench.connect()).welcome();
    bench.call(Call::Provide { address: address(":1"), more: false }).expect("it can be claimed");
    bench.receive(r#"{"type":"granted","re":2,"address":":1"}"#);
    bench.actions();
    bench.events();
    bench
}

#[test]
fn its_hello_names_the_process_that_it_speaks_for() {
    let mut bench = stand_in();
    greet(bench.connect());
    let hello = bench.actions().pop().expect("it says something");
    assert!(
        hello.contains(r#""role":"server","generation":"7-9","standIn":{"pid":12,"stopSignal":3}"#),
        "{hello}"
    );
}

#[test]
fn it_does_not_speak_to_an_arbiter_that_would_take_it_for_the_server() {
    let mut bench = stand_in();
    bench.connect().greet();
    let actions = bench.actions().join("\n");
    assert!(!actions.contains("hello") && actions.contains("version_unsupported"), "{actions}");
    assert!(bench.events().join("\n").contains("standIn"));
}

#[test]
fn a_listener_that_was_granted_to_it_is_not_sent_back() {
    let mut bench = stand_in();
    greet(bench.connect()).welcome();
    bench.call(Call::Provide { address: address(":1"), more: false }).expect("it can be claimed");
    assert!(bench.actions().pop().expect("a claim").contains(r#""socket":"inherit","provide":true"#));
    bench.receive_with(r#"{"type":"granted","re":2,"address":":1","fds":["listener"]}"#, &[7]);
    bench.call(Call::Serving(address(":1"))).expect("it is held");
    assert_eq!(bench.actions(), [r#"{"type":"serving","address":":1"}"#]);
}

#[test]
fn the_listener_that_its_server_has_opened_is_sent_with_serving_and_in_every_later_hello() {
    let mut bench = about_to_provide();
    bench.session.provide(&address(":1"), 7).expect("it is held");
    assert_eq!(bench.actions(), [r#"{"type":"serving","address":":1","fds":["listener"]} +7"#]);
    bench.handle(SessionInput::Ended);
    greet(bench.connect());
    let hello = bench.actions().pop().expect("it says something");
    assert!(
        hello.contains(r#""holding":[{"address":":1","serving":true}]"#) && hello.ends_with("+7"),
        "{hello}"
    );
}

#[test]
fn what_was_opened_without_a_link_is_in_the_next_hello() {
    let mut bench = about_to_provide();
    bench.handle(SessionInput::Ended);
    bench.session.provide(&address(":1"), 7).expect("it is held");
    greet(bench.connect());
    let hello = bench.actions().pop().expect("it says something");
    assert!(hello.contains(r#""serving":true"#) && hello.ends_with("+7"), "{hello}");
}

#[test]
fn a_takedown_that_comes_before_the_listener_is_open_does_not_keep_it_from_being_sent() {
    let mut bench = about_to_provide();
    bench.receive(r#"{"type":"takedown","id":1,"address":":1","reason":"stopping","drainMs":5}"#);
    bench.session.provide(&address(":1"), 7).expect("it is held");
    assert_eq!(bench.actions(), [r#"{"type":"serving","address":":1","fds":["listener"]} +7"#]);
}

#[test]
fn nothing_is_provided_that_is_not_held() {
    let mut bench = stand_in();
    assert_eq!(bench.session.provide(&address(":1"), 7), Err(CallError::NotHeld(address(":1"))));
}
