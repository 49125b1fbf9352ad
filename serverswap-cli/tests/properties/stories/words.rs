//! What a program says: any message at any moment, with what it then is true about itself.

use serverswap::protocol::message::{
    Closed, Code, Error, Fail, FromClient, LISTENER, OnTakedown, Ping, Pong, Progress, ReadyFor, Released,
    Role, ServerUp, Serving, Stop, TimedOut,
};
use serverswap::protocol::{Address, SocketMode};
use serverswap_cli::arbiter::ArbiterEvent;

use super::program::Speaker;
use super::story::{Asked, Story};

impl Story<'_> {
    /// Something that `who` says on its connection.
    pub(super) fn say(&mut self, who: usize) -> ArbiterEvent {
        let link = self.programs[who].link.expect("only who is connected says anything");
        let addresses = self.addresses.clone();
        let address = self.choices.one_of(&addresses).clone();
        // Now and then out of its role: then its connection ends.
        let kind = match (self.programs[who].role, self.choices.once_in(32)) {
            (Role::Server, false) => self.choices.below(13),
            (Role::Supervisor | Role::Observer, false) => 10 + self.choices.below(6),
            (_, true) => self.choices.below(16),
        };
        let message = match kind {
            0..=2 => self.claim(who, address),
            3..=4 => self.serve(who, address),
            5 => {
                self.programs[who].handles.insert(address.clone());
                FromClient::OnTakedown(OnTakedown { address })
            }
            6..=7 => self.release(who, address),
            8 => {
                let re = self.programs[who].takedowns.get(&address).copied().unwrap_or(1);
                let extend_ms = self.choices.once_in(4).then_some(86_400_000);
                FromClient::Progress(Progress { re, connections: Some(3), extend_ms, ..Progress::default() })
            }
            9 => FromClient::ServerUp(ServerUp {}),
            10 => FromClient::Ping(Ping { id: self.ask(who, Asked::Pong) }),
            11 => FromClient::Pong(Pong { re: 1 }),
            12 => match self.choices.once_in(2) {
                true => FromClient::Fail(Fail { reason: "no database".to_owned() }),
                false => {
                    let re = self.programs[who].takedowns.remove(&address);
                    let message = "cannot".to_owned();
                    FromClient::Error(Error { re, code: Code::Internal, message, fatal: false })
                }
            },
            13 => {
                self.judge.may_stop(self.programs[who].generation);
                FromClient::TimedOut(TimedOut { id: self.ask(who, Asked::Verdict) })
            }
            14 => {
                self.programs[who].duplicates.remove(&address);
                self.judge.closes(&self.programs[who].process.pid, &address);
                FromClient::Closed(Closed { address })
            }
            _ => {
                self.judge.may_stop(self.programs[who].generation);
                FromClient::Stop(Stop {})
            }
        };
        let liveness = self.programs[who].liveness();
        ArbiterEvent::Received { link, message, liveness }
    }

    /// A new number, or one that was used.
    fn ask(&mut self, who: usize, asked: Asked) -> u64 {
        let is_used = self.choices.once_in(32);
        let program = &mut self.programs[who];
        if is_used {
            return program.last_id;
        }
        program.last_id += 1;
        let (id, link) = (program.last_id, program.link.expect("it is connected"));
        let pid = program.process.pid;
        if let Asked::Claim(address, socket) = &asked {
            self.judge.claims(&pid, address, *socket);
        }
        self.asked.insert((link, id), asked);
        id
    }

    fn claim(&mut self, who: usize, address: Address) -> FromClient {
        let drawn = *self.choices.one_of(&[SocketMode::Inherit, SocketMode::Inherit, SocketMode::Bind]);
        let provide = self.programs[who].speaker == Speaker::StandIn;
        // Without a state, one that has bound nothing yet cannot be told from one that is to open its listener.
        let socket = if provide { SocketMode::Inherit } else { drawn };
        let id = self.ask(who, Asked::Claim(address.clone(), socket));
        FromClient::ReadyFor(ReadyFor { id, address, socket, more: self.choices.once_in(8), provide })
    }

    fn serve(&mut self, who: usize, address: Address) -> FromClient {
        let is_owed = self.programs[who].held.get(&address).is_some_and(|held| held.is_owed);
        if is_owed && self.programs.iter().any(|one| one.has_socket_of(&address)) {
            // The kernel refuses its bind(2).
            return self.release(who, address);
        }
        let program = &mut self.programs[who];
        // The messages of a server that is dead by now, or has released, change nothing.
        let mut fds = Vec::new();
        if let Some(held) = program.held.get_mut(&address) {
            held.serving = true;
            if std::mem::replace(&mut held.is_owed, false) {
                fds.push(LISTENER.to_owned());
            }
            self.judge.serves(&program.process.pid, &address);
        }
        FromClient::Serving(Serving { address, fds })
    }

    fn release(&mut self, who: usize, address: Address) -> FromClient {
        let (is_answer, is_wrong) = (self.choices.once_in(2), self.choices.once_in(8));
        let program = &mut self.programs[who];
        if is_wrong {
            return FromClient::Released(Released { re: Some(1_000_000), address });
        }
        let re = program.takedowns.remove(&address).filter(|_| is_answer);
        self.judge.releases(&program.process.pid, &address);
        if program.held.remove(&address).is_some() && program.is_alive() {
            program.draining.insert(address.clone());
        }
        FromClient::Released(Released { re, address })
    }
}
