//! The promises of the arbiter, held against everything that it says.

use serverswap::protocol::limits::LINE_BYTES_MAX;
use serverswap::protocol::line::encode;
use serverswap::protocol::message::{
    Error, Form, FromArbiter, Granted, Message, Role, Takedown, TakedownReason,
};
use serverswap::protocol::{Address, SocketMode};
use serverswap_cli::arbiter::{ArbiterAction, ConnectionId};

use super::program::{Held, Program};
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
            ArbiterAction::Signal { process, .. } => {
                let supervisors = self.programs.iter().filter(|one| one.role == Role::Supervisor);
                assert!(
                    !supervisors.map(|one| one.process).any(|one| one == process),
                    "a supervisor is ended"
                );
            }
            ArbiterAction::KeepListener { .. } | ArbiterAction::SignalGeneration { .. } => {}
            ArbiterAction::Open { .. } | ArbiterAction::Fetch { .. } | ArbiterAction::Poll { .. } => {
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
                assert!(matches!(asked, Some(Asked::Claim(..))), "{re} was not asked, or is answered twice");
            }
            FromArbiter::Error(error) => assert!(error.fatal && error.re.is_none(), "{error:?}"),
            FromArbiter::Progress(progress) => assert!(self.asked.contains_key(&(link, progress.re))),
            FromArbiter::Event(event) => {
                let Some(address) = event.address.filter(|_| !event.fds.is_empty()) else {
                    return;
                };
                if let Some(program) = self.at(link).filter(|one| one.is_alive()) {
                    assert_eq!((program.role, program.form), (Role::Supervisor, Form::Stay));
                    assert!(program.duplicates.insert(address), "a second duplicate");
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
        let socket = if fds.is_empty() { SocketMode::Bind } else { SocketMode::Inherit };
        self.is_answered(link, re, &[Asked::Claim(address.clone(), socket)]);
        let Some(program) = self.at(link).cloned() else {
            return;
        };
        let others = self.programs.iter().filter(|one| one.is_alive() && one.process != program.process);
        for other in others {
            let exclusive = |held: &Held| socket == SocketMode::Bind || held.socket == SocketMode::Bind;
            assert!(
                !other.held.get(&address).is_some_and(exclusive),
                "{address} has two holders: {} and {}",
                program.process.pid,
                other.process.pid
            );
            let kept = socket == SocketMode::Bind && other.duplicates.contains(&address);
            assert!(
                !kept || self.refused || self.lost,
                "{address} is granted while a duplicate of it is kept"
            );
            let serves = other.held.get(&address).is_some_and(|held| held.serving)
                && !self.stopped.contains(&other.generation);
            assert!(
                !serves || other.generation <= program.generation,
                "{address} is granted to an older generation than the one that serves it"
            );
        }
        let program = self.at(link).filter(|one| one.is_alive());
        if let Some(program) = program {
            program.draining.remove(&address);
            program.held.insert(address, Held { socket, serving: false, may_be_taken: false });
        }
    }

    fn taken_down(&mut self, link: ConnectionId, takedown: Takedown) {
        let Takedown { id, address, reason, .. } = takedown;
        let before = self.takedown_ids.insert(link, id);
        assert!(before.is_none_or(|before| before < id), "`id` does not rise");
        let refused = self.refused;
        let Some(program) = self.at(link).filter(|one| one.is_alive()) else {
            return;
        };
        assert!(program.handles.contains(&address), "{address}: it never said `onTakedown`");
        let Some(held) = program.held.get(&address).copied() else {
            return;
        };
        let second = program.takedowns.insert(address.clone(), id);
        assert_eq!(second, None, "{address}: a second takedown before the first was answered");
        let is_early = reason == TakedownReason::Replaced && held.socket == SocketMode::Inherit;
        assert!(!is_early || held.may_be_taken || refused, "{address} is taken before a newer one serves it");
    }

    /// An inherited address may be taken when a newer one serves it, or wants it exclusively.
    pub(super) fn note_who_may_be_taken(&mut self) {
        let programs = self.programs.clone();
        let claims = |program: &Program, address: &Address| {
            let bind = Asked::Claim(address.clone(), SocketMode::Bind);
            self.asked.iter().any(|((link, _), asked)| Some(*link) == program.link && *asked == bind)
        };
        let wants = |program: &Program, address: &Address| {
            program.held.get(address).is_some_and(|held| held.serving || held.socket == SocketMode::Bind)
                || claims(program, address)
        };
        for program in &mut self.programs {
            for (address, held) in &mut program.held {
                let newer = programs.iter().filter(|other| other.generation > program.generation);
                held.may_be_taken |= newer.clone().any(|other| wants(other, address));
            }
        }
    }

    fn at(&mut self, link: ConnectionId) -> Option<&mut Program> {
        self.programs.iter_mut().find(|one| one.link == Some(link))
    }
}
