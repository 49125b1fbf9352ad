//! What HUP means: a terminal that is closed ends and changes nothing; anybody else asks for the next generation.
//!
//! | form  | terminal | sender   | means  |
//! | ----- | -------- | -------- | ------ |
//! | leave | any      | any      | ignore |
//! | stay  | none     | any      | reload |
//! | stay  | ours     | kernel   | ignore |
//! | stay  | ours     | ancestor | ignore |
//! | stay  | ours     | other    | reload |
//!
//! *Terminal*: the controlling terminal when the command was started. When it is closed, the kernel sends HUP to its
//! foreground group, and a shell sends it on to its jobs: it is an ancestor of them.

use serverswap::protocol::message::Form;

/// The controlling terminal.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Terminal {
    /// There is one.
    Ours,
    /// There is none, as in a service.
    None,
}

/// Who has sent a signal.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Sender {
    /// The kernel.
    Kernel,
    /// A process from which this one descends.
    Ancestor,
    /// Any other process.
    Other,
}

/// What is done.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Hangup {
    /// Nothing.
    Ignore,
    /// The next generation is started.
    Reload,
}

impl Hangup {
    /// The table at the head of this file.
    pub fn of(form: Form, terminal: Terminal, sender: Sender) -> Hangup {
        match (form, terminal, sender) {
            (Form::Leave, Terminal::Ours | Terminal::None, _) => Hangup::Ignore,
            (Form::Stay, Terminal::None, _) => Hangup::Reload,
            (Form::Stay, Terminal::Ours, Sender::Kernel | Sender::Ancestor) => Hangup::Ignore,
            (Form::Stay, Terminal::Ours, Sender::Other) => Hangup::Reload,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const SENDERS: [Sender; 3] = [Sender::Kernel, Sender::Ancestor, Sender::Other];

    #[test]
    fn a_terminal_that_is_closed_changes_nothing() {
        for sender in [Sender::Kernel, Sender::Ancestor] {
            assert_eq!(Hangup::of(Form::Stay, Terminal::Ours, sender), Hangup::Ignore);
        }
    }

    #[test]
    fn a_service_reloads_whoever_asks_and_in_a_terminal_who_is_not_its_shell() {
        for sender in SENDERS {
            assert_eq!(Hangup::of(Form::Stay, Terminal::None, sender), Hangup::Reload);
        }
        assert_eq!(Hangup::of(Form::Stay, Terminal::Ours, Sender::Other), Hangup::Reload);
    }

    #[test]
    fn a_command_that_leaves_ignores_it() {
        for sender in SENDERS {
            for terminal in [Terminal::Ours, Terminal::None] {
                assert_eq!(Hangup::of(Form::Leave, terminal, sender), Hangup::Ignore);
            }
        }
    }
}
