//! `pong` is a barrier (SS-REQ-7): on its connection it comes after everything that what was read
//! before the `ping` has caused. The core decides once for all events of a turn and answers a
//! `ping` where it stands, so the pongs of a turn are said last.

use serverswap::protocol::message::FromArbiter;

use crate::arbiter::Action;

/// The actions of a turn with each `pong` behind everything else that is said on its connection,
/// but before the end of it.
pub(super) fn last(actions: Vec<Action>) -> Vec<Action> {
    let mut ordered = Vec::with_capacity(actions.len());
    let mut pongs = Vec::new();
    for action in actions {
        match &action {
            Action::Send { link, message: FromArbiter::Pong(_), .. } => pongs.push((*link, action)),
            Action::Send { link, message: FromArbiter::Error(error), .. } if error.fatal => {
                ordered.extend(pongs.extract_if(.., |(of, _)| of == link).map(|(_, pong)| pong));
                ordered.push(action);
            }
            Action::Disconnect { link } => {
                ordered.extend(pongs.extract_if(.., |(of, _)| of == link).map(|(_, pong)| pong));
                ordered.push(action);
            }
            Action::Send { .. }
            | Action::Open { .. }
            | Action::Fetch { .. }
            | Action::Poll { .. }
            | Action::CloseListener { .. }
            | Action::Signal { .. } => ordered.push(action),
        }
    }
    ordered.extend(pongs.into_iter().map(|(_, pong)| pong));
    ordered
}

#[cfg(test)]
mod tests {
    use serverswap::protocol::message::{Code, Error, Ping, Pong};

    use super::*;
    use crate::arbiter::Link;

    fn send(link: u64, message: FromArbiter) -> Action {
        Action::Send { link: Link(link), message, listener: None }
    }

    fn pong(link: u64, re: u64) -> Action {
        send(link, FromArbiter::Pong(Pong { re }))
    }

    fn fatal(link: u64) -> Action {
        let message = "it is over".to_owned();
        send(link, FromArbiter::Error(Error { re: None, code: Code::Internal, message, fatal: true }))
    }

    #[test]
    fn what_was_decided_after_a_ping_is_said_before_its_pong() {
        let other = || send(1, FromArbiter::Ping(Ping { id: 1 }));
        assert_eq!(
            last(vec![pong(1, 1), pong(2, 7), pong(1, 2), other()]),
            [other(), pong(1, 1), pong(2, 7), pong(1, 2)]
        );
    }

    #[test]
    fn nothing_is_said_after_a_fatal_error() {
        let end = || Action::Disconnect { link: Link(2) };
        assert_eq!(
            last(vec![pong(1, 1), pong(2, 2), fatal(1), end()]),
            [pong(1, 1), fatal(1), pong(2, 2), end()]
        );
    }
}
