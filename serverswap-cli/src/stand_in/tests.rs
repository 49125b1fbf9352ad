//! Each test is a list of inputs and the actions that come out.

use super::*;

const SECOND: Duration = Duration::from_secs(1);

fn address(text: &str) -> Address {
    text.parse().expect("an address")
}

fn seconds(count: u32) -> Duration {
    SECOND * count
}

/// A stand-in, and what it did since the last look.
struct Story(StandIn);

impl Story {
    fn new(addresses: &[&str], option: ReadyOption) -> Story {
        Story(StandIn::new(addresses.iter().map(|text| address(text)).collect(), option))
    }

    /// The command runs since 0.
    fn started(option: ReadyOption) -> Story {
        let mut story = Story::new(&[":80"], option);
        story.on(StandInInput::Granted(address(":80")), 0);
        story.on(StandInInput::Executed, 0);
        story
    }

    fn on(&mut self, input: StandInInput, now: u32) -> Vec<StandInAction> {
        self.0.handle(input, seconds(now));
        std::iter::from_fn(|| self.0.next_action()).collect()
    }

    fn says(&mut self, message: &str, now: u32) -> Vec<StandInAction> {
        self.on(StandInInput::Notified(Notifications::parse(message.as_bytes())), now)
    }

    fn listens(&mut self, now: u32) -> Vec<StandInAction> {
        self.on(StandInInput::Looked(Seen::default()), now)
    }

    fn listens_not(&mut self, now: u32) -> Vec<StandInAction> {
        self.on(StandInInput::Looked(Seen { unawaited: vec![address(":80")], ..Seen::default() }), now)
    }

    fn is_unclear(&mut self, now: u32) -> Vec<StandInAction> {
        self.on(StandInInput::Looked(Seen { unclear: vec![address(":80")], ..Seen::default() }), now)
    }
}

fn serves() -> Vec<StandInAction> {
    vec![StandInAction::Serving(address(":80")), StandInAction::Up]
}

#[test]
fn the_command_is_executed_when_every_socket_is_granted() {
    let mut story = Story::new(&[":80", ":81"], ReadyOption::Either);
    let claims = [":80", ":81"].map(|text| StandInAction::Claim(address(text)));
    assert_eq!(std::iter::from_fn(|| story.0.next_action()).collect::<Vec<_>>(), claims);
    assert_eq!(story.on(StandInInput::Granted(address(":81")), 0), []);
    assert_eq!(story.on(StandInInput::Granted(address(":80")), 0), [StandInAction::Execute]);
}

#[test]
fn a_socket_that_is_refused_is_the_end_unless_a_newer_generation_has_it() {
    let refused = |code| StandInInput::Refused { address: address(":80"), code, message: "held".to_owned() };
    let mut story = Story::new(&[":80"], ReadyOption::Either);
    story.0.next_action();
    assert_eq!(story.on(refused(Code::Superseded), 0), []);
    let reason = NotReady::NotGranted {
        address: address(":80"),
        code: Code::AddressInUse,
        message: "held".to_owned(),
    };
    assert_eq!(story.on(refused(Code::AddressInUse), 0), [StandInAction::Fail(reason)]);
    assert_eq!(story.on(StandInInput::Granted(address(":80")), 0), []);
}

#[test]
fn a_server_that_listens_serves() {
    for option in [ReadyOption::Either, ReadyOption::Listening] {
        let mut story = Story::started(option);
        assert_eq!(story.0.watch(), Watch::Listening);
        assert_eq!(story.listens_not(1), []);
        assert_eq!(story.listens(2), serves());
        assert_eq!(story.0.watch(), Watch::Nothing);
    }
}

#[test]
fn a_server_that_uses_notify_before_it_listens_says_when_it_is_ready() {
    let mut story = Story::started(ReadyOption::Either);
    let loading = StandInAction::Status("loading".to_owned());
    assert_eq!(story.says("STATUS=loading", 1), [StandInAction::UsesNotify, loading.clone()]);
    assert_eq!((story.0.watch(), story.says("STATUS=loading", 1)), (Watch::Nothing, vec![loading]));
    assert_eq!(story.listens(2), [], "a look that was under way");
    assert_eq!(story.says("READY=1", 3), []);
    assert_eq!(story.listens(3), serves());
}

#[test]
fn a_barrier_is_no_use_of_notify() {
    let mut story = Story::started(ReadyOption::Either);
    assert_eq!(story.says("BARRIER=1", 1), []);
    assert_eq!(story.listens(2), serves());
}

#[test]
fn only_ready_counts_with_notify() {
    let mut story = Story::started(ReadyOption::Notify);
    assert_eq!((story.0.watch(), story.listens(1)), (Watch::Nothing, vec![]));
    story.says("READY=1", 2);
    assert_eq!(story.listens(2), serves());
}

#[test]
fn ready_does_not_count_where_something_else_was_asked_for() {
    let options =
        [ReadyOption::Listening, ReadyOption::Exec("true".to_owned()), ReadyOption::After(seconds(9))];
    for option in options {
        let mut story = Story::started(option);
        let watch = story.0.watch();
        assert_eq!(story.says("READY=1", 1), []);
        assert_eq!(story.0.watch(), watch);
    }
}

#[test]
fn a_command_or_a_time_says_that_it_is_ready_and_it_has_to_listen_then() {
    let mut story = Story::started(ReadyOption::Exec("true".to_owned()));
    assert_eq!((story.0.watch(), story.listens(1)), (Watch::Probe, vec![]));
    story.on(StandInInput::ProbeSucceeded, 2);
    assert_eq!((story.0.watch(), story.listens(2)), (Watch::Listening, serves()));

    let mut story = Story::started(ReadyOption::After(seconds(3)));
    assert_eq!((story.0.watch(), story.0.deadline()), (Watch::Nothing, Some(seconds(3))));
    story.on(StandInInput::Tick, 2);
    assert_eq!(story.listens(2), []);
    story.on(StandInInput::Tick, 3);
    assert_eq!((story.listens(3), story.0.deadline()), (serves(), None));
}

#[test]
fn a_server_that_says_ready_and_does_not_listen_fails() {
    let mut story = Story::started(ReadyOption::Notify);
    story.says("READY=1", 1);
    assert_eq!(story.listens_not(5), []);
    let reason = NotReady::DoesNotListen { addresses: vec![address(":80")], said: ReadyOption::Notify };
    assert_eq!(story.listens_not(6), [StandInAction::Fail(reason)]);
    assert_eq!(story.listens(7), []);
}

#[test]
fn what_cannot_be_told_is_believed_if_it_is_said_and_never_by_itself() {
    let mut story = Story::started(ReadyOption::Either);
    assert_eq!(story.is_unclear(1), []);
    story.says("READY=1", 2);
    assert_eq!(story.is_unclear(2), serves());
}

#[test]
fn a_server_may_ask_for_more_time() {
    let time = Duration::from_secs(9);
    let mut story = Story::started(ReadyOption::Notify);
    assert_eq!(story.says("EXTEND_TIMEOUT_USEC=9000000", 1), [StandInAction::NeedsTime(time)]);
    story.says("READY=1", 2);
    story.listens(2);
    assert_eq!(story.says("EXTEND_TIMEOUT_USEC=9000000", 3), []);
    story.on(StandInInput::Takedown, 4);
    let said = story.says("STOPPING=1\nEXTEND_TIMEOUT_USEC=9000000", 5);
    assert_eq!(said, [StandInAction::Stopping, StandInAction::ExtendDrain(time)]);
}

#[test]
fn what_a_serving_server_says_is_passed_on() {
    let mut story = Story::started(ReadyOption::Either);
    story.listens(1);
    assert_eq!(story.says("RELOADING=1", 2), [StandInAction::Reloading]);
    assert_eq!(story.says("FDSTORE=1", 2), [StandInAction::StoreRefused]);
    assert_eq!(story.says("READY=1", 2), []);
}

#[test]
fn a_wrapper_is_named_once_and_not_at_once() {
    let wrapper = Wrapper { name: "sh".to_owned(), child: 7, child_name: "node".to_owned() };
    let seen = || {
        let wrapper = Some(wrapper.clone());
        StandInInput::Looked(Seen { unawaited: vec![address(":80")], wrapper, ..Seen::default() })
    };
    let mut story = Story::started(ReadyOption::Either);
    assert_eq!(story.on(seen(), 0), []);
    assert_eq!(story.on(seen(), 1), [StandInAction::Wrapped(wrapper.clone())]);
    assert_eq!(story.on(seen(), 2), []);
}

/// One that is intercepted, whose command runs since 0.
fn intercepted(option: ReadyOption) -> Story {
    let mut story = Story(StandIn::intercepted(option));
    assert_eq!(story.0.next_action(), Some(StandInAction::Execute));
    story.on(StandInInput::Executed, 0);
    story
}

#[test]
fn what_an_intercepted_server_binds_is_claimed_then() {
    let mut story = intercepted(ReadyOption::Either);
    assert_eq!(story.on(StandInInput::Looked(Seen::default()), 0), [], "there is nothing to serve yet");
    assert_eq!(story.on(StandInInput::Wants(address(":80")), 0), [StandInAction::Claim(address(":80"))]);
    assert_eq!(story.on(StandInInput::Granted(address(":80")), 0), []);
    assert_eq!(story.listens_not(0), []);
    assert_eq!(story.listens(0), serves());
}

#[test]
fn an_address_that_is_bound_later_is_served_when_somebody_waits_there() {
    let mut story = intercepted(ReadyOption::Either);
    story.on(StandInInput::Wants(address(":80")), 0);
    story.listens(0);
    assert_eq!(story.0.watch(), Watch::Nothing);
    assert_eq!(story.on(StandInInput::Wants(address(":81")), 1), [StandInAction::Claim(address(":81"))]);
    assert_eq!(story.0.watch(), Watch::Listening);
    let not_yet = Seen { unawaited: vec![address(":81")], ..Seen::default() };
    assert_eq!(story.on(StandInInput::Looked(not_yet), 1), []);
    assert_eq!(story.listens(1), [StandInAction::Serving(address(":81"))]);
    assert_eq!(story.0.watch(), Watch::Nothing);
}

#[test]
fn an_address_that_was_only_probed_is_not_waited_for() {
    let mut story = intercepted(ReadyOption::Either);
    story.on(StandInInput::Wants(address(":81")), 0);
    story.on(StandInInput::Wants(address(":80")), 0);
    assert_eq!(story.on(StandInInput::Abandoned(address(":81")), 1), []);
    assert_eq!(story.0.addresses(), [address(":80")]);
    assert_eq!(story.listens(1), serves());
}

#[test]
fn an_intercepted_server_that_has_bound_nothing_is_not_looked_at() {
    let mut story = intercepted(ReadyOption::Either);
    assert_eq!(story.0.watch(), Watch::Nothing);
    story.on(StandInInput::Wants(address(":80")), 1);
    assert_eq!(story.0.watch(), Watch::Listening);
}

#[test]
fn an_intercepted_server_whose_bind_is_refused_goes_on_without_that_address() {
    let (code, message) = (Code::AddressInUse, "held".to_owned());
    let refused = StandInInput::Refused { address: address(":81"), code, message };
    let mut story = intercepted(ReadyOption::Either);
    story.on(StandInInput::Wants(address(":80")), 0);
    assert_eq!(story.listens(1), serves());
    story.on(StandInInput::Wants(address(":81")), 2);
    assert_eq!(story.on(refused, 2), []);
    assert_eq!((story.0.addresses(), story.0.watch()), ([address(":80")].as_slice(), Watch::Nothing));
}

#[test]
fn a_wrapper_hides_nothing_from_an_intercepted_server() {
    let mut story = intercepted(ReadyOption::Either);
    story.on(StandInInput::Wants(address(":80")), 0);
    let wrapper = Some(Wrapper { name: "npm".to_owned(), child: 7, child_name: "node".to_owned() });
    let seen = Seen { unawaited: vec![address(":80")], wrapper, ..Seen::default() };
    assert_eq!(story.on(StandInInput::Looked(seen), 60), []);
}
