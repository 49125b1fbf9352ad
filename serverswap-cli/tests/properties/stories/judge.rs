//! The promises of the arbiter, held against everything that it says. Three of the guarantees have judges of their own
//! (`serverswap_protocol::trace::guarantees`), which `check-trace --guarantees` uses for recordings too.

use serverswap::protocol::SocketMode;
use serverswap::protocol::limits::LINE_BYTES_MAX;
use serverswap::protocol::line::encode;
use serverswap::protocol::message::{Error, Form, FromArbiter, Granted, Message, Role, Takedown};
use serverswap_cli::arbiter::{ArbiterAction, ArbiterEvent, ConnectionId, TerminationSignal};

use serverswap_protocol::trace::guarantees::Breach;

use super::program::{Held, Program, Speaker};
use super::story::{Asked, Story};

impl Story<'_> {
    pub(super) fn judge(&mut self, action: ArbiterAction) {
        match action {
            ArbiterAction::Send { link, message, listener } => {
                assert!(!self.closed.contains(&link), "a connection that has ended is sent {message:?}");
                assert_eq!(message.fds().len(), usize::from(listener.is_some()), "{message:?}");
                assert!(encode(&message).len() <= LINE_BYTES_MAX);
                self.receive(link, message);
            }
            ArbiterAction::Disconnect { link } => {
                if let Some(program) = self.at(link) {
                    program.loses_connection();
                }
            }
            ArbiterAction::CloseListener { address } => {
                let mut living = self.programs.iter().filter(|one| one.is_alive());
                let reads = |one: &Program| one.link.is_some() && one.has_listener_of(&address);
                assert!(!living.any(reads), "{address} loses the arbiter's duplicate while it is held");
            }
            ArbiterAction::Signal { process, generation, signal, .. } => {
                let stands_in = |one: &Program| one.process == process && one.speaker == Speaker::StandIn;
                assert!(
                    signal != TerminationSignal::Term || !self.programs.iter().any(stands_in),
                    "a server with a stand-in gets TERM instead of its stop signal"
                );
                self.answers.push(ArbiterEvent::SignalSent { generation, signal });
                let supervisors = self.programs.iter().filter(|one| one.role == Role::Supervisor);
                assert!(
                    !supervisors.map(|one| one.process).any(|one| one == process),
                    "a supervisor is ended"
                );
                self.judge.is_ended(&process.pid);
            }
            ArbiterAction::KeepListener { .. } | ArbiterAction::SignalGeneration { .. } => {}
            ArbiterAction::Open { .. }
            | ArbiterAction::Fetch { .. }
            | ArbiterAction::Poll { .. }
            | ArbiterAction::Look { .. } => {
                unreachable!("answered")
            }
        }
    }

    fn receive(&mut self, link: ConnectionId, message: FromArbiter) {
        match message {
            FromArbiter::Welcome(welcome) => self.is_answered(link, welcome.re, &[Asked::Hello]),
            FromArbiter::Granted(granted) => self.granted(link, granted),
            FromArbiter::Takedown(takedown) => self.taken_down(link, takedown),
            FromArbiter::Verdict(verdict) => self.is_answered(link, verdict.re, &[Asked::Verdict]),
            FromArbiter::Pong(pong) => self.is_answered(link, pong.re, &[Asked::Pong]),
            FromArbiter::Error(Error { re: Some(re), fatal: false, .. }) => {
                let asked = self.asked.remove(&(link, re));
                let Some(Asked::Claim(address, _)) = asked else {
                    panic!("{re} was not asked, or is answered twice")
                };
                if let Some(pid) = self.at(link).map(|program| program.process.pid) {
                    self.judge.claim_ends(&pid, &address);
                }
            }
            FromArbiter::Error(error) => assert!(error.fatal && error.re.is_none(), "{error:?}"),
            FromArbiter::Progress(progress) => assert!(self.asked.contains_key(&(link, progress.re))),
            FromArbiter::Event(event) => {
                let Some(address) = event.address.filter(|_| !event.fds.is_empty()) else {
                    return;
                };
                if let Some(program) = self.at(link).filter(|one| one.is_alive()) {
                    assert_eq!((program.role, program.form), (Role::Supervisor, Form::Stay));
                    assert!(program.duplicates.insert(address.clone()), "a second duplicate");
                    let pid = program.process.pid;
                    self.judge.keeps(&pid, &address);
                }
            }
            FromArbiter::Ping(_) | FromArbiter::Greeting(_) => panic!("{message:?}"),
        }
    }

    fn is_answered(&mut self, link: ConnectionId, re: u64, kinds: &[Asked]) {
        let asked = self.asked.remove(&(link, re));
        assert!(
            asked.is_some_and(|asked| kinds.contains(&asked)),
            "{re} was not asked, or is answered twice"
        );
    }

    fn granted(&mut self, link: ConnectionId, granted: Granted) {
        let Granted { re, address, fds } = granted;
        let asked = self.asked.remove(&(link, re));
        let Some(Asked::Claim(claimed, socket)) = asked else {
            panic!("{re} was not asked, or is answered twice")
        };
        assert_eq!(claimed, address);
        let is_owed = fds.is_empty() && socket == SocketMode::Inherit;
        assert!(fds.is_empty() || socket == SocketMode::Inherit, "a listener for `bind`");
        let Some(program) = self.at(link) else {
            return;
        };
        assert!(!is_owed || program.speaker == Speaker::StandIn, "no listener for `inherit`");
        let (pid, is_alive) = (program.process.pid, program.is_alive());
        let judged = self.judge.granted(&pid, &address, socket);
        // One that is to open the listener by itself has nothing yet: where the state was lost, the kernel decides.
        if !(is_owed && self.lost) {
            kept(judged);
        }
        if !is_alive {
            self.judge.releases(&pid, &address);
        }
        let program = self.at(link).filter(|one| one.is_alive());
        if let Some(program) = program {
            program.draining.remove(&address);
            program.held.insert(address, Held { socket, serving: false, is_owed });
        }
    }

    fn taken_down(&mut self, link: ConnectionId, takedown: Takedown) {
        let Takedown { id, address, reason, .. } = takedown;
        let before = self.takedown_ids.insert(link, id);
        assert!(before.is_none_or(|before| before < id), "`id` does not rise");
        let Some(program) = self.at(link).filter(|one| one.is_alive()) else {
            return;
        };
        let is_handled = program.handles.contains(&address) || program.speaker == Speaker::StandIn;
        assert!(is_handled, "{address}: it never said `onTakedown`");
        if !program.held.contains_key(&address) {
            return;
        }
        let second = program.takedowns.insert(address.clone(), id);
        assert_eq!(second, None, "{address}: a second takedown before the first was answered");
        let pid = program.process.pid;
        kept(self.judge.taken_down(&pid, &address, &reason));
    }

    fn at(&mut self, link: ConnectionId) -> Option<&mut Program> {
        self.programs.iter_mut().find(|one| one.link == Some(link))
    }
}

fn kept(judged: Result<(), Breach>) {
    if let Err(breach) = judged {
        panic!("{breach}");
    }
}
